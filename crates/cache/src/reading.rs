//! The way of a read: key, backend, entry, epochs, value, L1.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{
    Bytes, Claim, Entry, EntryId, ErrorKind, Expiry, Header, KeptFrom, Key, Kind, L1, MissReason,
    Moment, Namespace, Place, Result, Standing, Timestamp,
};

use crate::epochs::{Judge, staleness};
use crate::l1::{Coarse, Generation, Marks, Slot, Window};
use crate::lifetime::{self, Spread};
use crate::shared::{Budget, Shared, SpaceState};
use crate::value::Value;

/// How long values of a shared backend stay in L1 where the namespace does not say and the
/// backend does not tell of changes: the longest that another process's change goes unseen.
const L1_BOUND_UNWATCHED: Duration = Duration::from_secs(5);

/// What the backend knows of a key.
#[derive(Debug)]
pub(crate) enum Found<V> {
    /// A fresh value; one that is due should be renewed before its time.
    Fresh(Arc<V>, Option<Vacancy>),
    /// A value that is stale but usable.
    Stale(Arc<V>, MissReason, Vacancy),
    /// That there is no value.
    Absent(Vacancy),
    /// Nothing that could be used; and what it takes to load, where that can be stored.
    Missing(MissReason, Option<Vacancy>),
}

/// A place for a load's result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vacancy {
    /// What the lease is asked for with.
    pub(crate) claim: Claim,
    /// For how long somebody else holds the lease.
    pub(crate) held: Option<Duration>,
    /// Of the key, before it was read.
    pub(crate) sample: Generation,
    /// How long the load of what stands there took.
    pub(crate) load_cost: Duration,
}

impl Vacancy {
    /// One whose lease nobody holds, over nothing that could be used.
    fn unheld(claim: Claim, sample: Generation) -> Self {
        Self {
            claim,
            held: None,
            sample,
            load_cost: Duration::ZERO,
        }
    }
}

/// The terms on which a value enters L1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotTerms {
    pub(crate) soft: Option<Duration>,
    pub(crate) hard: Option<Duration>,
    /// From when it was written to when it is stale.
    pub(crate) life: Duration,
    pub(crate) load_cost: Duration,
    pub(crate) value_bytes: usize,
    pub(crate) spread: Spread,
    /// `None`: it can't be kept in L1.
    pub(crate) marks: Option<Marks>,
}

/// Something of ours under a key, and when it was read.
struct Stored<'a> {
    key: &'a str,
    physical: &'a Key,
    entry: Entry,
    id: EntryId,
    now: Timestamp,
    sample: Generation,
}

impl Shared {
    /// Reads a key from the backend, and into L1.
    pub(crate) async fn fetch<V: Value>(
        &self,
        space: &SpaceState,
        key: &str,
        budget: &mut Budget,
    ) -> Result<Found<V>> {
        let settings = space.settings();
        let physical = self.physical_key(&settings, key)?;
        if self.pending.holds(&physical) {
            return Ok(Found::Missing(MissReason::Pending, None));
        }
        let doubts = self.pending.doubts();
        let sample = self.l1.sample(space.id(), key);
        let keys = slice::from_ref(&physical);
        let read = self.call("get", budget, |call| self.backend.get(keys, call));
        let mut stored = match read.await {
            Err(error) if error.kind() == ErrorKind::WrongType => {
                return Ok(vacant(MissReason::WrongType, sample));
            }
            other => other?,
        };
        if self.pending.doubts() != doubts {
            return Ok(Found::Missing(MissReason::Pending, None));
        }
        let Some(stored) = stored.pop().flatten() else {
            return Ok(vacant(MissReason::NotFound, sample));
        };
        let now = self.server_time(&physical, budget).await?;
        let reader = Reader::new(self, space, &settings);
        let place = (key, &physical, sample);
        let mut found = reader.take_in(vec![(place, stored, now)], budget).await?;
        Ok(found
            .pop()
            .unwrap_or_else(|| vacant(MissReason::NotFound, sample)))
    }

    /// Reads many keys from the backend, and into L1, in their order.
    pub(crate) async fn fetch_many<V: Value>(
        &self,
        space: &SpaceState,
        keys: &[&str],
        budget: &mut Budget,
    ) -> Result<Vec<Found<V>>> {
        let settings = space.settings();
        let physical = self.physical_keys(&settings, keys)?;
        let doubts = self.pending.doubts();
        let samples: Vec<_> = keys
            .iter()
            .map(|key| self.l1.sample(space.id(), key))
            .collect();
        let read = self.call("get", budget, |call| self.backend.get(&physical, call));
        let stored = match read.await {
            // The backend says so of a single key alone.
            Err(error) if error.kind() == ErrorKind::WrongType => {
                let wrong_type = |sample: &Generation| vacant(MissReason::WrongType, *sample);
                return Ok(samples.iter().map(wrong_type).collect());
            }
            other => other?,
        };
        let doubted = self.pending.doubts() != doubts;
        let mut times = self.server_times();
        let mut found: Vec<Option<Found<V>>> = Vec::with_capacity(keys.len());
        let mut some = Vec::new();
        for (index, stored) in stored.into_iter().enumerate() {
            let (physical, sample) = (&physical[index], samples[index]);
            found.push(match stored {
                _ if doubted || self.pending.holds(physical) => {
                    Some(Found::Missing(MissReason::Pending, None))
                }
                None => Some(vacant(MissReason::NotFound, sample)),
                Some(stored) => {
                    let now = times.of(physical, budget).await?;
                    some.push(((keys[index], physical, sample), stored, now));
                    None
                }
            });
        }
        let reader = Reader::new(self, space, &settings);
        let mut read = reader.take_in(some, budget).await?.into_iter();
        let found = found.into_iter().zip(samples);
        let in_order = |(found, sample): (Option<_>, _)| {
            let found = found.or_else(|| read.next());
            found.unwrap_or_else(|| vacant(MissReason::NotFound, sample))
        };
        Ok(found.map(in_order).collect())
    }

    /// A slot for L1 whose lifetimes begin now, and that is due then; `None` where the
    /// namespace keeps none.
    pub(crate) fn slot<V: Value>(
        &self,
        settings: &Namespace,
        value: Option<Arc<V>>,
        terms: &SlotTerms,
        until_due: Option<Duration>,
    ) -> Option<Slot> {
        let (bound, window) = self.l1_bounds(settings)?;
        let now = self.clock.coarse();
        let end =
            |duration: Option<Duration>| duration.map_or(Moment::FAR_FUTURE, |d| now.after(d));
        let (stale_at, hard) = (end(terms.soft), end(terms.hard).min(end(bound)));
        let lead = until_due.and_then(|due| terms.soft?.checked_sub(due));
        Some(Slot {
            // A stale "there is none" is of no use.
            gone_at: if value.is_some() {
                hard
            } else {
                hard.min(stale_at)
            },
            value: value.map(|value| value as _),
            stale_at,
            lead: Coarse::of(lead.unwrap_or_default()),
            load_cost: Coarse::of(terms.load_cost),
            window,
            marks: terms.marks?,
            value_bytes: u32::try_from(terms.value_bytes).unwrap_or(u32::MAX),
        })
    }

    /// How long values of a namespace may stay in L1, and for how long without a sign from
    /// the backend; `None`: not at all.
    fn l1_bounds(&self, settings: &Namespace) -> Option<(Option<Duration>, Window)> {
        let unwatched = !self.is_watched() && self.is_shared();
        match settings.l1 {
            _ if self.l1.is_off() => None,
            L1::Off => None,
            L1::Ttl(bound) => Some((Some(bound), Window::ALWAYS)),
            _ if !self.is_shared() => Some((None, Window::ALWAYS)),
            L1::Coherent { max_staleness, .. } if unwatched => {
                Some((Some(max_staleness), Window::ALWAYS))
            }
            _ if unwatched => Some((Some(L1_BOUND_UNWATCHED), Window::ALWAYS)),
            _ => Some((None, Window::of(staleness(settings)))),
        }
    }

    /// Whether `get` would answer with a value, and for how long it will; `None`: it would not.
    pub(crate) fn fresh_for(
        &self,
        header: &Header,
        settings: &Namespace,
        now: Timestamp,
    ) -> Option<Fresh> {
        let freshness = header.freshness;
        let readable = self.payload.check_readable(header, settings).is_ok();
        let ended = freshness.is_stale(now) || freshness.is_gone(now);
        if header.kind != Kind::Value || !readable || ended {
            return None;
        }
        let ends = [freshness.soft, freshness.hard];
        Some(Fresh {
            left: ends.into_iter().flatten().min().map(|end| end.since(now)),
        })
    }
}

fn vacant<V>(reason: MissReason, sample: Generation) -> Found<V> {
    Found::Missing(reason, Some(Vacancy::unheld(Claim::Missing, sample)))
}

/// A fresh value and how long it stays so; `None`: without end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fresh {
    pub(crate) left: Option<Duration>,
}

impl Fresh {
    /// No longer than the backend keeps the value.
    pub(crate) fn bounded(self, expiry: Expiry) -> Self {
        let kept = match expiry {
            Expiry::Never => None,
            Expiry::In(left) => Some(left),
        };
        Self {
            left: self.left.into_iter().chain(kept).min(),
        }
    }
}

/// Understands what is stored in one namespace.
pub(crate) struct Reader<'a> {
    shared: &'a Shared,
    space: &'a SpaceState,
    settings: &'a Namespace,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(shared: &'a Shared, space: &'a SpaceState, settings: &'a Namespace) -> Self {
        Self {
            shared,
            space,
            settings,
        }
    }

    /// Understands what was read, in its order, and puts what it says into L1.
    pub(crate) async fn take_in<V: Value>(
        &self,
        read: Vec<((&str, &Key, Generation), Bytes, Timestamp)>,
        budget: &mut Budget,
    ) -> Result<Vec<Found<V>>> {
        let mut ours: Vec<Result<Stored<'_>, Found<V>>> = Vec::with_capacity(read.len());
        for ((key, physical, sample), stored, now) in read {
            let id = EntryId::of(&stored);
            ours.push(match Entry::decode(&stored) {
                Ok(entry) => Ok(Stored {
                    key,
                    physical,
                    entry,
                    id,
                    now,
                    sample,
                }),
                Err(why) => Err(useless(MissReason::Unreadable(why), id, sample)),
            });
        }
        let sound = || ours.iter().flatten().filter(|stored| stored.needs_epochs());
        if sound().next().is_none() {
            let unread = ours.into_iter().map(|stored| self.understand(stored, None));
            return Ok(unread.collect());
        }
        let headers: Vec<_> = sound().map(|stored| &stored.entry.header).collect();
        let judge = self.shared.judge_of(self.settings, &headers, budget);
        let judge = judge.await?;
        let is_of_use = |header: &&Header| judge.judge(header, &self.shared.l1).0 != Standing::Gone;
        let headers = headers.into_iter().filter(is_of_use);
        self.shared
            .learn_dictionaries(self.space, self.settings, headers, budget)
            .await;
        let ours = ours.into_iter();
        let found = ours.map(|stored| self.understand(stored, Some(&judge)));
        Ok(found.collect())
    }

    /// Where there is no judge, the entry is of a kind that stands on nothing.
    fn understand<V: Value>(
        &self,
        stored: Result<Stored<'_>, Found<V>>,
        judge: Option<&Judge>,
    ) -> Found<V> {
        let stored = match stored {
            Ok(stored) => stored,
            Err(found) => return found,
        };
        let Stored {
            entry,
            id,
            now,
            sample,
            ..
        } = &stored;
        let (id, now, sample) = (*id, *now, *sample);
        let freshness = entry.header.freshness;
        let lease = freshness.lease.filter(|lease| lease.until > now);
        let held = lease.map(|lease| lease.until.since(now));
        if entry.header.kind == Kind::Placeholder {
            let vacancy = Vacancy {
                held,
                ..Vacancy::unheld(Claim::Missing, sample)
            };
            let reason = match held {
                Some(_) => MissReason::Loading,
                None => MissReason::NotFound,
            };
            return Found::Missing(reason, Some(vacancy));
        }
        let Some(judge) = judge.filter(|_| !freshness.is_gone(now)) else {
            return vacant(MissReason::Expired, sample);
        };
        if self.shared.is_epoch_pending(self.settings, &entry.header) {
            return Found::Missing(MissReason::Pending, None);
        }
        let (standing, marks) = judge.judge(&entry.header, &self.shared.l1);
        if standing == Standing::Gone {
            return useless(MissReason::Invalidated, id, sample);
        }
        let value = match self.decode(entry, stored.physical) {
            Ok(value) => value,
            Err(reason) => return useless(reason, id, sample),
        };
        let (flights, space) = (&self.shared.flights, self.space.id());
        flights.renew_repair(space, stored.key, value.as_ref());
        let is_stale = freshness.is_stale(now) || standing == Standing::Stale;
        let terms = SlotTerms {
            soft: match standing {
                Standing::Stale => Some(Duration::ZERO),
                _ => freshness.soft.map(|end| end.since(now)),
            },
            hard: freshness.hard.map(|end| end.since(now)),
            life: freshness
                .soft
                .map_or(Duration::MAX, |end| end.since(entry.header.created)),
            load_cost: entry.header.load_cost,
            // The header alone could understate what the value takes.
            value_bytes: usize::try_from(entry.header.plain_bytes)
                .unwrap_or(usize::MAX)
                .max(entry.body.len()),
            spread: Spread::of(stored.physical, id),
            marks,
        };
        let early = lifetime::until_refresh(&terms, self.settings, &*self.shared.random);
        // While others refresh it, or have failed to just now, it is not time for it here.
        let until_due = early.map(|early| early.max(Duration::ZERO));
        let slot = self
            .shared
            .slot(self.settings, value.clone(), &terms, until_due);
        if let Some(slot) = slot {
            let (space, key) = (self.space.id(), stored.key);
            let weight = self.shared.l1.insert(space, key, slot, sample);
            self.shared
                .tell_kept(self.space, key, weight, KeptFrom::Backend);
        }
        let vacancy = Vacancy {
            claim: Claim::Renew(id),
            held,
            sample,
            load_cost: entry.header.load_cost,
        };
        let reason = match standing {
            Standing::Stale => MissReason::Invalidated,
            _ => MissReason::Expired,
        };
        match value {
            None if is_stale => Found::Missing(reason, Some(vacancy)),
            None => Found::Absent(vacancy),
            Some(value) if is_stale => Found::Stale(value, reason, vacancy),
            Some(value) => {
                let due = early.is_some_and(|early| early.is_zero()) && held.is_none();
                Found::Fresh(value, due.then_some(vacancy))
            }
        }
    }

    /// What an entry says: a value, or that there is none.
    fn decode<V: Value>(&self, entry: &Entry, key: &Key) -> Result<Option<Arc<V>>, MissReason> {
        let (payload, settings) = (&self.shared.payload, self.settings);
        let place = Place {
            namespace: &settings.name,
            key,
        };
        match entry.header.kind {
            Kind::Value => payload
                .decode(entry, settings, &place)
                .map(|value| Some(Arc::new(value))),
            Kind::Absent => payload
                .check_absence(entry, settings, &place)
                .map(|()| None),
            _ => Err(MissReason::Undecodable),
        }
    }
}

impl<'a> Stored<'a> {
    /// Whether its worth depends on epochs.
    fn needs_epochs(&self) -> bool {
        let header = &self.entry.header;
        header.kind != Kind::Placeholder && !header.freshness.is_gone(self.now)
    }
}

/// What is stored goes when somebody loads.
fn useless<V>(reason: MissReason, id: EntryId, sample: Generation) -> Found<V> {
    Found::Missing(reason, Some(Vacancy::unheld(Claim::Replace(id), sample)))
}
