//! Storing what was loaded.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{ErrorKind, Event, RefusalReason, Result};

use super::Loaded;
use super::options::LoadTerms;
use crate::l1::Generation;
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
            match self
                .prepare_fill(space, fill, terms, load_cost, budget)
                .await
            {
                Ok(Some(prepared)) if self.l1.is_current(fill.sample) => {
                    ready.push((fill.key, prepared, fill.sample));
                }
                Ok(Some(_)) => self.refuse(space, fill.key, RefusalReason::Superseded),
                Ok(None) => {}
                Err(reason) => self.refuse(space, fill.key, reason),
            }
        }
        let keys: Vec<_> = ready.iter().map(|(key, ..)| *key).collect();
        if !keys.is_empty() && self.store(space, ready, budget).await.is_err() {
            for key in keys {
                self.refuse(space, key, RefusalReason::Backend);
            }
        }
    }

    async fn prepare_fill<V: Value>(
        &self,
        space: &SpaceState,
        fill: &Fill<'_, V>,
        terms: &LoadTerms,
        load_cost: Duration,
        budget: &Budget,
    ) -> Result<Option<Prepared>, RefusalReason> {
        let prepared = async {
            let terms = terms.merged(&fill.said, load_cost)?;
            self.prepare(space, fill.key, fill.value.as_ref(), &terms, budget)
                .await
        };
        prepared.await.map_err(|error| {
            tracing::debug!(%error, namespace = space.registered.name(), "a loaded value is not stored");
            match error.kind() {
                ErrorKind::TooLarge => RefusalReason::TooLarge,
                ErrorKind::Codec => RefusalReason::Unserializable,
                ErrorKind::InvalidTtl | ErrorKind::InvalidTag => RefusalReason::InvalidTerms,
                _ => RefusalReason::Backend,
            }
        })
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
