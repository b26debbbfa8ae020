//! The way of a read: key, backend, entry, value, L1.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{
    Bytes, Entry, ErrorKind, Expiry, Header, Key, Kind, L1, MissReason, Moment, Namespace, Place,
    Result, Timestamp,
};

use crate::l1::{Generation, Slot};
use crate::payload::{self, Compressor};
use crate::shared::{Budget, Shared, SpaceState};
use crate::value::Value;

/// How long values of a shared backend stay in L1 where the namespace does not say: the
/// longest that another process's change goes unseen.
const L1_BOUND_ON_SHARED: Duration = Duration::from_secs(5);

/// What the backend knows of a key.
#[derive(Debug)]
pub(crate) enum Found<V> {
    /// A fresh value.
    Fresh(Arc<V>),
    /// A value that is stale but usable.
    Stale(Arc<V>),
    /// That there is no value.
    Absent,
    /// Nothing that could be used.
    Missing(MissReason),
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
            return Ok(Found::Missing(MissReason::Pending));
        }
        let sample = self.l1.sample(space.id(), key);
        let keys = slice::from_ref(&physical);
        let read = self.call("get", budget, |call| self.backend.get(keys, call));
        let mut stored = match read.await {
            Err(error) if error.kind() == ErrorKind::WrongType => {
                return Ok(Found::Missing(MissReason::WrongType));
            }
            other => other?,
        };
        let Some(stored) = stored.pop().flatten() else {
            return Ok(Found::Missing(MissReason::NotFound));
        };
        let now = self.server_time(&physical, budget).await?;
        let reader = Reader::new(self, space, &settings);
        Ok(reader.take_in(key, &physical, &stored, now, sample))
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
        let samples: Vec<_> = keys
            .iter()
            .map(|key| self.l1.sample(space.id(), key))
            .collect();
        let read = self.call("get", budget, |call| self.backend.get(&physical, call));
        let stored = match read.await {
            // The backend says so of a single key alone.
            Err(error) if error.kind() == ErrorKind::WrongType => {
                let wrong_type = |_| Found::Missing(MissReason::WrongType);
                return Ok(keys.iter().map(wrong_type).collect());
            }
            other => other?,
        };
        let reader = Reader::new(self, space, &settings);
        let mut times = self.server_times();
        let mut found = Vec::with_capacity(keys.len());
        for (index, stored) in stored.into_iter().enumerate() {
            found.push(match stored {
                None => Found::Missing(MissReason::NotFound),
                Some(_) if self.pending.holds(&physical[index]) => {
                    Found::Missing(MissReason::Pending)
                }
                Some(stored) => {
                    let physical = &physical[index];
                    let now = times.of(physical, budget).await?;
                    reader.take_in(keys[index], physical, &stored, now, samples[index])
                }
            });
        }
        Ok(found)
    }

    pub(crate) fn physical_key(&self, settings: &Namespace, key: &str) -> Result<Key> {
        self.keyspace.prefix().value(&settings.prefix, key)
    }

    pub(crate) fn physical_keys(&self, settings: &Namespace, keys: &[&str]) -> Result<Vec<Key>> {
        keys.iter()
            .map(|key| self.physical_key(settings, key))
            .collect()
    }

    /// A slot for L1 whose lifetimes begin now; `None` where the namespace keeps none.
    pub(crate) fn slot<V: Value>(
        &self,
        settings: &Namespace,
        value: Option<Arc<V>>,
        soft: Option<Duration>,
        hard: Option<Duration>,
        value_bytes: usize,
    ) -> Option<Slot> {
        let bound = match settings.l1 {
            _ if self.l1.is_off() => return None,
            L1::Off => return None,
            L1::Ttl(bound) => Some(bound),
            _ if self.backend.capabilities().shared => Some(L1_BOUND_ON_SHARED),
            _ => None,
        };
        let now = self.clock.coarse();
        let end =
            |duration: Option<Duration>| duration.map_or(Moment::FAR_FUTURE, |d| now.after(d));
        let (stale_at, hard) = (end(soft), end(hard).min(end(bound)));
        Some(Slot {
            // A stale "there is none" is of no use.
            gone_at: if value.is_some() {
                hard
            } else {
                hard.min(stale_at)
            },
            value: value.map(|value| value as _),
            stale_at,
            value_bytes: value_bytes as u64,
        })
    }
}

/// Whether `get` would answer with a value, and for how long it will; `None`: it would not.
pub(crate) fn fresh_for(
    header: &Header,
    settings: &Namespace,
    compressor: Option<&Compressor>,
    now: Timestamp,
) -> Option<Fresh> {
    let freshness = header.freshness;
    let readable = payload::check_readable(header, settings, compressor).is_ok();
    if header.kind != Kind::Value || !readable || freshness.is_stale(now) || freshness.is_gone(now)
    {
        return None;
    }
    let ends = [freshness.soft, freshness.hard];
    Some(Fresh {
        left: ends.into_iter().flatten().min().map(|end| end.since(now)),
    })
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

    /// Understands stored bytes, and puts what they say into L1.
    pub(crate) fn take_in<V: Value>(
        &self,
        key: &str,
        physical: &Key,
        stored: &Bytes,
        now: Timestamp,
        sample: Generation,
    ) -> Found<V> {
        let entry = match Entry::decode(stored) {
            Ok(entry) => entry,
            Err(why) => return Found::Missing(MissReason::Unreadable(why)),
        };
        let freshness = entry.header.freshness;
        if freshness.is_gone(now) {
            return Found::Missing(MissReason::Expired);
        }
        let value = match entry.header.kind {
            Kind::Value => match self.decode(&entry, physical) {
                Ok(value) => Some(Arc::new(value)),
                Err(reason) => return Found::Missing(reason),
            },
            Kind::Absent => None,
            Kind::Placeholder => return Found::Missing(MissReason::NotFound),
            _ => return Found::Missing(MissReason::Undecodable),
        };
        let left = |end: Option<Timestamp>| end.map(|end| end.since(now));
        let (soft, hard) = (left(freshness.soft), left(freshness.hard));
        // The header alone could understate what the value takes.
        let plain_bytes = usize::try_from(entry.header.plain_bytes).unwrap_or(usize::MAX);
        let bytes = plain_bytes.max(entry.body.len());
        let slot = self
            .shared
            .slot(self.settings, value.clone(), soft, hard, bytes);
        if let Some(slot) = slot {
            self.shared.l1.insert(self.space.id(), key, slot, sample);
        }
        match value {
            None if freshness.is_stale(now) => Found::Missing(MissReason::Expired),
            None => Found::Absent,
            Some(value) if freshness.is_stale(now) => Found::Stale(value),
            Some(value) => Found::Fresh(value),
        }
    }

    fn decode<V: Value>(&self, entry: &Entry, physical: &Key) -> Result<V, MissReason> {
        let place = Place {
            namespace: &self.settings.name,
            key: physical,
        };
        payload::decode(
            entry,
            self.settings,
            self.shared.compressor.as_ref(),
            &place,
        )
    }
}
