//! The load of many keys with one loader.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Error, Event, MissReason, RefusalReason, Tier};

use super::fill::Fill;
use super::flight::{Caller, Follower, Joined, Lead, Waited};
use super::job::{Job, Run};
use super::lease::{Attempt, Patience, Permission};
use super::options::LoadTerms;
use super::{LoadError, Loaded};
use crate::reading::{Found, Vacancy};
use crate::shared::{Shared, SpaceState};
use crate::value::Value;

/// The load of many keys with one loader.
pub(crate) struct Batch<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) space: &'a Arc<SpaceState>,
    pub(crate) terms: LoadTerms,
}

/// A key that this batch answers for.
struct Led<K, V, E> {
    key: K,
    lead: Lead<V, E>,
    stale: Option<Arc<V>>,
    vacancy: Option<Vacancy>,
}

type Leading<K, V, E> = Vec<Led<K, V, E>>;
type Waiting<K, V, E> = Vec<(K, Follower<V, E>)>;

impl Batch<'_> {
    pub(crate) async fn run<K, V, E, M, R, F, Fut>(
        self,
        keys: impl IntoIterator<Item = K>,
        loader: F,
    ) -> Result<HashMap<K, Arc<V>>, LoadError<E>>
    where
        K: Display + Clone + Eq + Hash + Send + 'static,
        V: Value,
        E: Send + Sync + 'static,
        M: IntoIterator<Item = (K, R)>,
        R: Into<Loaded<V>>,
        F: FnOnce(Vec<K>) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<M, E>> + Send + 'static,
    {
        let until = self.terms.deadline();
        let mut values = HashMap::new();
        let unknown = self.unknown(keys, &mut values)?;
        let (led, waiting) = self.part(unknown);
        self.spawn(led, loader)?;
        for (key, follower) in waiting {
            match follower.wait(until, until).await {
                Waited::Landed(outcome) => {
                    if let Some(value) = outcome? {
                        values.insert(key, value);
                    }
                }
                Waited::Stale(value) => drop(values.insert(key, value)),
                Waited::TimedOut => return Err(LoadError::Deadline),
                Waited::Abandoned => return Err(self.shared.abandoned()),
            }
        }
        Ok(values)
    }

    /// Answers what L1 can answer, and returns the rest with their texts. No flight is
    /// joined before all keys have been checked: nobody is to follow a batch that is refused.
    fn unknown<K, V>(
        &self,
        keys: impl IntoIterator<Item = K>,
        values: &mut HashMap<K, Arc<V>>,
    ) -> Result<Vec<(K, String)>, Error>
    where
        K: Display + Clone + Eq + Hash,
        V: Value,
    {
        let mut unknown = Vec::new();
        let mut seen = HashSet::new();
        let settings = self.space.settings();
        for key in keys {
            if !seen.insert(key.clone()) {
                continue;
            }
            let text = key.to_string();
            match self.shared.l1_answer(self.space, &text)? {
                Some(Some(value)) => drop(values.insert(key, value)),
                Some(None) => {}
                None => {
                    settings.check_key(&text)?;
                    unknown.push((key, text));
                }
            }
        }
        Ok(unknown)
    }

    /// Joins the flights of all keys: those that this batch leads, and those that are to
    /// be waited for, which are all.
    fn part<K: Clone, V: Value, E: Send + Sync + 'static>(
        &self,
        keys: Vec<(K, String)>,
    ) -> (Leading<K, V, E>, Waiting<K, V, E>) {
        let mut led = Vec::new();
        let mut waiting = Vec::with_capacity(keys.len());
        for (key, text) in keys {
            let (lead, follower) = self.join(&text);
            waiting.push((key.clone(), follower));
            led.extend(lead.map(|lead| Led {
                key,
                lead,
                stale: None,
                vacancy: None,
            }));
        }
        (led, waiting)
    }

    fn join<V: Value, E: Send + Sync + 'static>(
        &self,
        key: &str,
    ) -> (Option<Lead<V, E>>, Follower<V, E>) {
        let flights = &self.shared.flights;
        let at_most = self.shared.joins_at_most(&self.space.settings());
        match flights.join(self.space.id(), key, Caller::Batch, at_most) {
            Joined::Lead(lead) => {
                let follower = lead.follow();
                (Some(lead), follower)
            }
            Joined::Follow(follower) => {
                let space = self.space.registered.space();
                self.shared
                    .emit(self.space, &Event::LoadJoined { space, key });
                (None, follower)
            }
        }
    }

    /// Answers for the led keys in a task of its own: from the backend, then the loader.
    fn spawn<K, V, E, M, R, F, Fut>(
        &self,
        led: Leading<K, V, E>,
        loader: F,
    ) -> Result<(), LoadError<E>>
    where
        K: Display + Clone + Eq + Hash + Send + 'static,
        V: Value,
        E: Send + Sync + 'static,
        M: IntoIterator<Item = (K, R)>,
        R: Into<Loaded<V>>,
        F: FnOnce(Vec<K>) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<M, E>> + Send + 'static,
    {
        if led.is_empty() {
            return Ok(());
        }
        let job = Job::new(self.shared, self.space, led.len());
        let terms = self.terms.clone();
        let name = format!(
            "load {} keys of {}",
            led.len(),
            self.space.registered.name()
        );
        self.shared.tasks.spawn(name, async move {
            load(job, led, terms, loader).await;
        })?;
        Ok(())
    }
}

/// Loads what it gets leases for, then waits for the rest, which other processes load: in
/// this order, so that two batches never wait for each other. (Rule 13.)
async fn load<K, V, E, M, R, F, Fut>(
    mut job: Job,
    led: Leading<K, V, E>,
    mut terms: LoadTerms,
    loader: F,
) where
    K: Display + Clone + Eq + Hash,
    V: Value,
    E: Send + Sync + 'static,
    M: IntoIterator<Item = (K, R)>,
    R: Into<Loaded<V>>,
    F: FnOnce(Vec<K>) -> Fut + Clone,
    Fut: Future<Output = Result<M, E>>,
{
    let Some(shared) = job.shared.upgrade() else {
        return;
    };
    let mut patience = Patience::new(&shared);
    let mut missing = look_up(&shared, &job.space, led, &mut terms, Look::First).await;
    while !missing.is_empty() {
        let hurries = patience.is_over();
        let (ours, others) = lease(&shared, &job.space, missing, &mut terms, hurries).await;
        if ours.is_empty() {
            wait_for_first(&shared, &job.space, first_to_end(&others), &mut patience).await;
        } else {
            let loader = loader.clone();
            run(&mut job, ours, &terms, loader).await;
        }
        let others = others.into_iter().map(|(led, _)| led).collect();
        missing = look_up(&shared, &job.space, others, &mut terms, Look::Again).await;
    }
}

/// Runs the loader for the keys that this batch may load, stores what it brings, lands it.
async fn run<K, V, E, M, R, F, Fut>(
    job: &mut Job,
    ours: Vec<(Led<K, V, E>, Permission)>,
    terms: &LoadTerms,
    loader: F,
) where
    K: Clone + Eq + Hash,
    V: Value,
    E: Send + Sync + 'static,
    M: IntoIterator<Item = (K, R)>,
    R: Into<Loaded<V>>,
    F: FnOnce(Vec<K>) -> Fut,
    Fut: Future<Output = Result<M, E>>,
{
    job.keys = ours.len();
    let keys: Vec<_> = ours.iter().map(|(led, _)| led.key.clone()).collect();
    let loader = || async {
        let loaded = loader(keys).await?;
        let loaded = loaded.into_iter().map(|(key, found)| (key, found.into()));
        Ok(loaded.collect::<HashMap<K, Loaded<V>>>())
    };
    let (run, cost) = job.run(loader).await;
    match run {
        Run::Loaded(loaded) => store(job, ours, loaded, cost, terms).await,
        Run::Failed(error) => give_up(job, ours, terms, &LoadError::Loader(Arc::new(error))).await,
        Run::Panicked => give_up(job, ours, terms, &LoadError::Panicked).await,
    }
}

/// Which look at the backend: only the first one tells the observers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    First,
    Again,
}

/// Lands what the backend knows and returns the rest. A stale value is kept for the case
/// that the loader fails.
async fn look_up<K, V: Value, E: 'static>(
    shared: &Shared,
    state: &SpaceState,
    led: Leading<K, V, E>,
    terms: &mut LoadTerms,
    look: Look,
) -> Leading<K, V, E> {
    if led.is_empty() {
        return led;
    }
    let texts: Vec<_> = led.iter().map(|led| led.lead.key()).collect();
    let found = shared
        .fetch_many::<V>(state, &texts, &mut terms.budget)
        .await;
    let emit = |event: Event<'_>| {
        if look == Look::First {
            shared.emit(state, &event);
        }
    };
    let (space, tier) = (state.registered.space(), Tier::L2);
    let mut found = found.map(Vec::into_iter).ok();
    let mut missing = Vec::new();
    for mut led in led {
        let key = led.lead.key();
        let miss = |reason| emit(Event::Miss { space, key, reason });
        let found = match &mut found {
            Some(found) => found.next(),
            None => Some(Found::Missing(MissReason::Backend, None)),
        };
        led.vacancy = match found {
            Some(Found::Fresh(value, _)) => {
                emit(Event::Hit { space, key, tier });
                led.lead.land_known(Ok(Some(value)));
                continue;
            }
            Some(Found::Absent(_)) => {
                emit(Event::NegativeHit { space, key, tier });
                led.lead.land_known(Ok(None));
                continue;
            }
            Some(Found::Stale(value, reason, vacancy)) if vacancy.held.is_some() => {
                miss(reason);
                shared.emit(state, &Event::StaleServed { space, key });
                led.lead.land_known(Ok(Some(value)));
                continue;
            }
            Some(Found::Stale(value, reason, vacancy)) => {
                miss(reason);
                led.stale = Some(value);
                Some(vacancy)
            }
            Some(Found::Missing(reason @ MissReason::Backend, vacancy)) => {
                miss(reason);
                // Where the backend can't be asked, L1 may still have something.
                match shared.l1_in_outage::<V>(state, key) {
                    Some(Ok(value)) => {
                        led.lead.land_known(Ok(Some(value)));
                        continue;
                    }
                    Some(Err(stale)) => led.stale = Some(stale),
                    None => {}
                }
                vacancy
            }
            Some(Found::Missing(reason, vacancy)) => {
                miss(reason);
                if reason.is_defect() {
                    if let Some(value) = shared.repaired(state, key) {
                        led.lead.land_known(Ok(value));
                        continue;
                    }
                    led.lead.repairs();
                }
                vacancy
            }
            None => None,
        };
        missing.push(led);
    }
    missing
}

type Ours<K, V, E> = Vec<(Led<K, V, E>, Permission)>;
type Others<K, V, E> = Vec<(Led<K, V, E>, Duration)>;

/// Parts the keys into those that this batch may load and those that others are loading. In
/// a hurry it loads all, and stores what it has leases for.
async fn lease<K, V: Value, E: 'static>(
    shared: &Shared,
    state: &SpaceState,
    missing: Leading<K, V, E>,
    terms: &mut LoadTerms,
    hurries: bool,
) -> (Ours<K, V, E>, Others<K, V, E>) {
    let is_free = |led: &&Led<K, V, E>| led.vacancy.is_some_and(|free| free.held.is_none());
    let free: Vec<_> = missing
        .iter()
        .filter(is_free)
        .filter_map(|led| Some((led.lead.key(), led.vacancy?)))
        .collect();
    let mut budget = terms.budget;
    let mut attempts = match free.is_empty() {
        true => Vec::new(),
        false => {
            shared
                .ask_for_leases(state, &free, terms, &mut budget)
                .await
        }
    }
    .into_iter();
    terms.budget = budget;
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for led in missing {
        let attempt = match led.vacancy {
            None => Attempt::Permission(Permission::Withhold(RefusalReason::Backend)),
            Some(Vacancy {
                held: Some(left), ..
            }) => Attempt::Held(left),
            Some(_) => attempts.next().unwrap_or(Attempt::Fresh),
        };
        match attempt {
            Attempt::Permission(permission) => ours.push((led, permission)),
            _ if hurries => {
                ours.push((led, Permission::Withhold(RefusalReason::NoLease)));
            }
            Attempt::Held(left) => {
                shared.tell_of_waiting(state, led.lead.key());
                others.push((led, left));
            }
            Attempt::Fresh => others.push((led, Duration::ZERO)),
        }
    }
    (ours, others)
}

/// Of the leases that others hold, the one that ends first.
fn first_to_end<K, V, E>(others: &Others<K, V, E>) -> Option<(String, Vacancy, Duration)>
where
    V: Send + Sync + 'static,
    E: 'static,
{
    let held = others.iter().filter(|(_, left)| !left.is_zero());
    let (led, left) = held.min_by_key(|(_, left)| *left)?;
    Some((led.lead.key().to_owned(), led.vacancy?, *left))
}

async fn wait_for_first(
    shared: &Shared,
    state: &SpaceState,
    first: Option<(String, Vacancy, Duration)>,
    patience: &mut Patience,
) {
    if let Some((key, vacancy, left)) = first {
        patience.wait(shared, state, &key, &vacancy, left).await;
    }
}

/// Stores what was loaded, and that the rest is absent; then lands it all.
async fn store<K: Eq + Hash, V: Value, E: 'static>(
    job: &Job,
    ours: Ours<K, V, E>,
    mut loaded: HashMap<K, Loaded<V>>,
    cost: Duration,
    terms: &LoadTerms,
) {
    let (led, permissions): (Vec<_>, Vec<_>) = ours.into_iter().unzip();
    let mut fills = Vec::with_capacity(led.len());
    for (led, permission) in led.iter().zip(permissions) {
        let found = loaded.remove(&led.key).unwrap_or_else(Loaded::absent);
        fills.push(Fill::new(led.lead.key(), found, permission));
    }
    let mut stored = vec![false; fills.len()];
    if let Some(shared) = job.shared.upgrade() {
        let each = cost / u32::try_from(fills.len()).unwrap_or(u32::MAX).max(1);
        let mut budget = terms.budget;
        stored = shared
            .fill(&job.space, &fills, terms, each, &mut budget)
            .await;
        for (stored, fill) in stored.iter_mut().zip(&fills) {
            *stored = *stored && shared.outlives_repair(&job.space, fill, terms);
        }
    }
    let values: Vec<_> = fills.into_iter().map(|fill| fill.value).collect();
    for ((led, value), stored) in led.into_iter().zip(values).zip(stored) {
        match stored {
            true => led.lead.land_stored(Ok(value)),
            false => led.lead.land(Ok(value)),
        }
    }
}

async fn give_up<K, V: Value, E: 'static>(
    job: &Job,
    ours: Ours<K, V, E>,
    terms: &LoadTerms,
    failure: &LoadError<E>,
) {
    let (led, permissions): (Vec<_>, Vec<_>) = ours.into_iter().unzip();
    if let Some(shared) = job.shared.upgrade() {
        let keys = led.iter().map(|led| led.lead.key());
        let failed: Vec<_> = keys.zip(permissions).collect();
        let mut budget = terms.budget;
        let throttle = job.space.settings().throttle;
        shared
            .give_up(&job.space, failed, throttle, &mut budget)
            .await;
    }
    for Led { lead, stale, .. } in led {
        let outcome = job.fall_back(lead.key(), stale, failure.clone());
        lead.land(outcome);
    }
}
