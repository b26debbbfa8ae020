//! Single-flight: of all callers that want the same key, one does the work.
//!
//! A flight is led by the first caller. While it only reads the backend it lives in that
//! caller's task and is *uncommitted*: if the caller goes away, a follower takes over. Once
//! it loads it is *committed* and lives in a task of its own, which nobody's going away
//! ends. A batch has one loader for many keys and could not take a single key over, so it
//! follows committed flights only and overtakes the others.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::quality::RandomState;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::LoadError;
use super::repair::{self, Repairs};

const SHARDS: usize = 64;

/// What a flight brings: a value, the knowledge that there is none, or an error.
pub(crate) type Outcome<V, E> = Result<Option<Arc<V>>, LoadError<E>>;

/// The flights of a cache.
#[derive(Debug)]
pub(crate) struct Flights {
    hasher: RandomState,
    pub(super) shards: Box<[Mutex<Shard>]>,
    next_id: AtomicU64,
    /// Whether a task is about to drop old repairs, and there may be some.
    pub(super) has_repairs: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    flights: HashMap<Place, Vec<Listed>, RandomState>,
    pub(super) repairs: Repairs,
}

/// Where a flight goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) space: u32,
    pub(super) key: Box<str>,
}

impl Place {
    pub(super) fn new(space: u32, key: &str) -> Self {
        let key = key.into();
        Self { space, key }
    }
}

/// A flight as the table lists it.
#[derive(Debug)]
struct Listed {
    id: u64,
    /// Of `(V, E)`: a flight is joined by callers of its own types alone.
    types: TypeId,
    committed: bool,
    began: Instant,
    /// An `Arc<Landing<V, E>>`.
    landing: Box<dyn Any + Send + Sync>,
}

/// Who wants to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// One that could load the key itself.
    Single,
    /// One that could not, once its loader has run.
    Batch,
}

/// A caller's part in a flight.
pub(crate) enum Joined<V, E> {
    Lead(Lead<V, E>),
    Follow(Follower<V, E>),
}

/// How far a flight is.
enum Progress<V, E> {
    /// Under way, with nothing to show.
    Open,
    /// Under way, with a stale value for those who won't wait.
    Offering(Arc<V>),
    Landed(Outcome<V, E>),
    /// The leader went away.
    Abandoned,
}

/// The duty to bring an outcome. Dropped without one, the followers are let go.
pub(crate) struct Lead<V, E> {
    flights: Arc<Flights>,
    place: Place,
    id: u64,
    landing: Arc<Landing<V, E>>,
    /// Whether it takes the place of a value that could not be used.
    repairs: bool,
}

/// Where a flight ends. Its followers are woken in the order they came, which no generator
/// of the runtime's decides: a simulation replays it.
struct Landing<V, E> {
    progress: Mutex<Progress<V, E>>,
    changed: Notify,
}

/// The right to an outcome.
pub(crate) struct Follower<V, E> {
    landing: Arc<Landing<V, E>>,
}

/// How waiting for a flight ended.
pub(crate) enum Waited<V, E> {
    Landed(Outcome<V, E>),
    /// It takes its time, and there is a stale value.
    Stale(Arc<V>),
    /// The leader went away.
    Abandoned,
    /// The waiting took too long.
    TimedOut,
}

impl Flights {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            next_id: AtomicU64::new(1),
            has_repairs: AtomicBool::new(false),
        }
    }

    /// Joins the flight of a key, or leads a new one. A flight that began longer ago than
    /// `at_most` is not joined: what it brings may be older than the caller accepts.
    pub(crate) fn join<V, E>(
        self: &Arc<Self>,
        space: u32,
        key: &str,
        caller: Caller,
        at_most: Option<Duration>,
    ) -> Joined<V, E>
    where
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        let place = Place::new(space, key);
        let types = TypeId::of::<(V, E)>();
        let mut shard = self.shard(space, key);
        let listed = shard.flights.entry(place.clone()).or_default();
        if let Some(at) = listed.iter().position(|flight| flight.types == types) {
            let flight = &listed[at];
            let is_young = at_most.is_none_or(|most| flight.began.elapsed() <= most);
            if is_young
                && (flight.committed || caller == Caller::Single)
                && let Some(landing) = flight.landing().filter(|landing| landing.is_open())
            {
                return Joined::Follow(Follower { landing });
            }
            listed.swap_remove(at);
        }
        let landing = Arc::new(Landing {
            progress: Mutex::new(Progress::Open),
            changed: Notify::new(),
        });
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        listed.push(Listed {
            id,
            types,
            committed: caller == Caller::Batch,
            began: Instant::now(),
            landing: Box::new(Arc::clone(&landing)),
        });
        drop(shard);
        Joined::Lead(Lead {
            flights: Arc::clone(self),
            place,
            id,
            landing,
            repairs: false,
        })
    }

    /// Lets nobody join the flights of a key any more: what they bring is outdated.
    pub(crate) fn detach(&self, space: u32, key: &str) {
        let mut shard = self.shard(space, key);
        if !shard.flights.is_empty() || !shard.repairs.is_empty() {
            let place = Place::new(space, key);
            shard.flights.remove(&place);
            shard.repairs.remove(&place);
        }
    }

    /// Lets nobody join the flights of the keys that match.
    pub(crate) fn detach_matching(&self, matches: impl Fn(u32, &str) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let stays = |place: &Place| !matches(place.space, &place.key);
            shard.flights.retain(|place, _| stays(place));
            shard.repairs.retain(stays);
        }
    }

    pub(super) fn shard(&self, space: u32, key: &str) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one((space, key));
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what a load brought, unless the key was changed since it began.
    fn remember<V: Send + Sync + 'static>(
        self: &Arc<Self>,
        place: &Place,
        id: u64,
        value: Option<Arc<V>>,
    ) {
        let mut shard = self.shard(place.space, &place.key);
        let Shard { flights, repairs } = &mut *shard;
        let mut listed = flights.get(place).into_iter().flatten();
        let flight = listed.find(|flight| flight.id == id);
        let remembered = flight.is_some_and(|f| repairs.remember(place, f.began, value));
        drop(shard);
        if remembered && !self.has_repairs.swap(true, Ordering::Relaxed) {
            tokio::spawn(repair::drop_old(Arc::downgrade(self)));
        }
    }

    fn remove(&self, place: &Place, id: u64) {
        let mut shard = self.shard(place.space, &place.key);
        if let Some(listed) = shard.flights.get_mut(place) {
            listed.retain(|flight| flight.id != id);
            if listed.is_empty() {
                shard.flights.remove(place);
            }
        }
    }
}

impl Listed {
    fn landing<V: 'static, E: 'static>(&self) -> Option<Arc<Landing<V, E>>> {
        self.landing.downcast_ref::<Arc<Landing<V, E>>>().cloned()
    }
}

impl<V: Send + Sync + 'static, E: 'static> Lead<V, E> {
    /// Announces that the load begins. `None`: the key was changed, or a batch overtook
    /// this flight, so what it knows is outdated and its callers have to join anew.
    pub(crate) fn commit(self) -> Option<Self> {
        let mut shard = self.flights.shard(self.place.space, &self.place.key);
        let listed = shard.flights.get_mut(&self.place)?;
        let flight = listed.iter_mut().find(|flight| flight.id == self.id)?;
        flight.committed = true;
        drop(shard);
        Some(self)
    }

    pub(crate) fn follow(&self) -> Follower<V, E> {
        Follower {
            landing: Arc::clone(&self.landing),
        }
    }

    /// What it brings takes the place of a value that could not be used.
    pub(crate) fn repairs(&mut self) {
        self.repairs = true;
    }

    /// Brings an outcome that was stored to all followers and ends the flight.
    pub(crate) fn land_stored(self, outcome: Outcome<V, E>) {
        if let Ok(value) = &outcome
            && self.repairs
        {
            self.flights.remember(&self.place, self.id, value.clone());
        }
        self.land_known(outcome);
    }

    /// Brings an outcome that was not stored to all followers and ends the flight.
    pub(crate) fn land(self, outcome: Outcome<V, E>) {
        if outcome.is_ok() {
            self.flights.forget(&self.place);
        }
        self.land_known(outcome);
    }

    /// Brings what was found, and not loaded, to all followers and ends the flight.
    pub(crate) fn land_known(self, outcome: Outcome<V, E>) {
        self.landing.advance(Progress::Landed(outcome));
    }

    /// Has a stale value for those who won't wait for the outcome.
    pub(crate) fn offer(&self, stale: Arc<V>) {
        self.landing.advance(Progress::Offering(stale));
    }

    pub(crate) fn key(&self) -> &str {
        &self.place.key
    }
}

impl<V, E> Drop for Lead<V, E> {
    fn drop(&mut self) {
        self.flights.remove(&self.place, self.id);
        self.landing.advance(Progress::Abandoned);
    }
}

impl<V, E> Landing<V, E> {
    fn is_open(&self) -> bool {
        !self.progress().has_ended()
    }

    /// The first end counts.
    fn advance(&self, to: Progress<V, E>) {
        let mut progress = self.progress();
        if !progress.has_ended() {
            *progress = to;
            drop(progress);
            self.changed.notify_waiters();
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress<V, E>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V, E> Progress<V, E> {
    fn has_ended(&self) -> bool {
        matches!(self, Self::Landed(_) | Self::Abandoned)
    }
}

impl<V, E> Follower<V, E> {
    /// Waits for the outcome, or until `soft` where the flight has a stale value to offer.
    ///
    /// # Cancel safety
    /// Dropping the wait leaves the flight alone.
    pub(crate) async fn wait(self, soft: Instant, until: Instant) -> Waited<V, E> {
        let soft = soft.min(until);
        loop {
            // Before looking, so that no change goes unheard.
            let changed = self.landing.changed.notified();
            let deadline = match &*self.landing.progress() {
                Progress::Landed(outcome) => return Waited::Landed(outcome.clone()),
                Progress::Abandoned => return Waited::Abandoned,
                Progress::Offering(stale) if Instant::now() >= soft => {
                    return Waited::Stale(Arc::clone(stale));
                }
                Progress::Offering(_) => soft,
                Progress::Open => until,
            };
            if timeout_at(deadline, changed).await.is_err() && Instant::now() >= until {
                return match &*self.landing.progress() {
                    Progress::Offering(stale) => Waited::Stale(Arc::clone(stale)),
                    _ => Waited::TimedOut,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Flight = Joined<u8, ()>;

    fn lead(joined: Flight) -> Lead<u8, ()> {
        match joined {
            Joined::Lead(lead) => lead,
            Joined::Follow(_) => panic!("expected to lead"),
        }
    }

    fn follow(joined: Flight) -> Follower<u8, ()> {
        match joined {
            Joined::Follow(follower) => follower,
            Joined::Lead(_) => panic!("expected to follow"),
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn the_second_caller_follows_the_first() {
        let flights = Arc::new(Flights::new());
        let first = lead(flights.join(0, "a", Caller::Single, None));
        let second = follow(flights.join(0, "a", Caller::Single, None));
        lead(flights.join(1, "a", Caller::Single, None));
        first.land(Ok(Some(Arc::new(7))));
        assert!(
            matches!(second.wait(soon(), soon()).await, Waited::Landed(Ok(Some(v))) if *v == 7)
        );
        lead(flights.join(0, "a", Caller::Single, None));
    }

    #[tokio::test]
    async fn an_abandoned_flight_lets_its_followers_go() {
        let flights = Arc::new(Flights::new());
        let first = lead(flights.join(0, "a", Caller::Single, None));
        let second = follow(flights.join(0, "a", Caller::Single, None));
        drop(first);
        assert!(matches!(
            second.wait(soon(), soon()).await,
            Waited::Abandoned
        ));
        assert!(
            flights
                .shards
                .iter()
                .all(|shard| shard.lock().unwrap().flights.is_empty())
        );
    }

    #[test]
    fn a_detached_flight_is_not_joined() {
        let flights = Arc::new(Flights::new());
        let first = lead(flights.join(0, "a", Caller::Single, None));
        flights.detach(0, "a");
        let second = lead(flights.join(0, "a", Caller::Single, None));
        assert!(first.commit().is_none(), "it knows the key as it was");
        let _second = second.commit().expect("nothing has changed since");
        follow(flights.join(0, "a", Caller::Single, None));
    }

    #[test]
    fn a_batch_overtakes_what_it_could_not_take_over() {
        let flights = Arc::new(Flights::new());
        let single = lead(flights.join(0, "a", Caller::Single, None));
        let _batch = lead(flights.join(0, "a", Caller::Batch, None));
        assert!(single.commit().is_none());
        let loading = lead(flights.join(0, "b", Caller::Single, None));
        let _loading = loading.commit().expect("nobody overtook it");
        follow(flights.join(0, "b", Caller::Batch, None));
    }
}
