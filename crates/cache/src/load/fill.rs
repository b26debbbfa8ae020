//! Storing what was loaded.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{ErrorKind, Event, Key, RefusalReason, Result};

use super::Loaded;
use super::options::LoadTerms;
use crate::l1::{Generation, Slot};
use crate::shared::{Budget, Shared, SpaceState};
use crate::value::Value;
use crate::writing::Prepared;

/// What was loaded for one key, and what the key was like before.
pub(crate) struct Fill<'a, V> {
    pub(crate) key: &'a str,
    pub(crate) value: Option<Arc<V>>,
    /// The terms the loader gave with it.
    pub(crate) said: Loaded<()>,
    pub(crate) sample: Generation,
}

/// A fill on its way to the backend.
struct Ready<'a> {
    key: &'a str,
    sample: Generation,
    errand: Errand,
}

/// What a fill has to do there.
enum Errand {
    Store(Prepared),
    /// There is no value and the namespace does not remember that: a stale one goes.
    Forget(Key),
}

impl Errand {
    fn key(&self) -> &Key {
        match self {
            Self::Store(Prepared { write, .. }) => &write.key,
            Self::Forget(key) => key,
        }
    }
}

impl<'a, V> Fill<'a, V> {
    pub(crate) fn new(key: &'a str, loaded: Loaded<V>, sample: Generation) -> Self {
        let Loaded { value, ttl, tags } = loaded;
        Self {
            key,
            said: Loaded {
                value: value.is_some().then_some(()),
                ttl,
                tags,
            },
            value: value.map(Arc::new),
            sample,
        }
    }
}

impl Shared {
    /// Stores what was loaded, unless its key was changed since the load began. A load
    /// never fails because its value could not be stored.
    pub(crate) async fn fill<V: Value>(
        &self,
        space: &SpaceState,
        fills: &[Fill<'_, V>],
        terms: &LoadTerms,
        load_cost: Duration,
        budget: &mut Budget,
    ) {
        let mut ready = Vec::with_capacity(fills.len());
        for fill in fills {
            match self.ready(space, fill, terms, load_cost, budget).await {
                Ok(fill) => ready.push(fill),
                Err(reason) => self.refuse(space, fill.key, reason),
            }
        }
        // From here on a change waits until these fills have been sent; one that came
        // before has moved the generation.
        let samples = ready.iter().map(|fill| fill.sample);
        let Ok(_filling) = self.wait("fill", budget, self.l1.filling(samples)).await else {
            for fill in ready {
                self.refuse(space, fill.key, RefusalReason::Backend);
            }
            return;
        };
        ready.retain(|fill| {
            let current = self.l1.is_current(fill.sample);
            if !current {
                self.refuse(space, fill.key, RefusalReason::Superseded);
            }
            current
        });
        self.run_errands(space, ready, budget).await;
    }

    async fn ready<'a, V: Value>(
        &self,
        space: &SpaceState,
        fill: &Fill<'a, V>,
        terms: &LoadTerms,
        load_cost: Duration,
        budget: &mut Budget,
    ) -> Result<Ready<'a>, RefusalReason> {
        let errand = async {
            let terms = terms.merged(&fill.said, load_cost)?;
            let value = fill.value.as_ref();
            let times = &mut self.server_times();
            let prepared = self.prepare(space, fill.key, value, &terms, times, budget);
            match prepared.await? {
                Some(prepared) => Ok(Errand::Store(prepared)),
                None => self
                    .physical_key(&space.settings(), fill.key)
                    .map(Errand::Forget),
            }
        };
        let errand = errand.await.map_err(|error| {
            tracing::debug!(%error, namespace = space.registered.name(), "a loaded value is not stored");
            match error.kind() {
                ErrorKind::TooLarge => RefusalReason::TooLarge,
                ErrorKind::Codec => RefusalReason::Unserializable,
                ErrorKind::InvalidTtl | ErrorKind::InvalidTag => RefusalReason::InvalidTerms,
                _ => RefusalReason::Backend,
            }
        })?;
        if self.pending.holds(errand.key()) {
            return Err(RefusalReason::Pending);
        }
        Ok(Ready {
            key: fill.key,
            sample: fill.sample,
            errand,
        })
    }

    async fn run_errands(&self, space: &SpaceState, ready: Vec<Ready<'_>>, budget: &mut Budget) {
        let (mut writes, mut stored) = (Vec::new(), Vec::new());
        let (mut keys, mut forgotten) = (Vec::new(), Vec::new());
        for Ready {
            key,
            sample,
            errand,
        } in ready
        {
            match errand {
                Errand::Store(Prepared { write, slot }) => {
                    writes.push(write);
                    stored.push((key, sample, slot));
                }
                Errand::Forget(physical) => {
                    keys.push(physical);
                    forgotten.push((key, sample, None));
                }
            }
        }
        if !writes.is_empty() {
            let names: Vec<_> = stored.iter().map(|(key, ..)| *key).collect();
            let sent = self.store(space, &names, &writes, budget).await;
            self.filled(space, stored, &sent);
        }
        if !keys.is_empty() {
            let backend = &self.backend;
            let sent = self.call("delete", budget, |call| backend.delete(&keys, call));
            let sent = sent.await.map(drop);
            self.filled(space, forgotten, &sent);
        }
    }

    /// Whatever came of the fills, what L1 held before is outdated.
    fn filled(
        &self,
        space: &SpaceState,
        fills: Vec<(&str, Generation, Option<Slot>)>,
        sent: &Result<()>,
    ) {
        for (key, sample, slot) in fills {
            let slot = slot.filter(|_| sent.is_ok());
            self.l1.supersede(space.id(), key, slot, sample);
            if sent.is_err() {
                self.refuse(space, key, RefusalReason::Backend);
            }
        }
    }

    fn refuse(&self, space: &SpaceState, key: &str, reason: RefusalReason) {
        let event = Event::FillRefused {
            space: space.registered.space(),
            key,
            reason,
        };
        self.emit(space, &event);
    }
}
