//! How a value stands: what L1 alone answers, and reads that leave the refreshing to their
//! caller.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Event, Result, Tier};

use crate::l1::Resident;
use crate::load::{LoadError, LoadOptions, Loaded, Renewal, Wanted};
use crate::shared::{Shared, SpaceState};
use crate::typed::TypedCache;
use crate::value::Value;

/// What a read found, and whether it is time to refresh it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Look<V> {
    /// A value.
    Fresh(Arc<V>),
    /// A value that is fresh and should be refreshed before it is stale, as its namespace's
    /// [`early_refresh`](larder_cache_core::Namespace::early_refresh) says; and how long its
    /// load took, to one part in 2048.
    Due(Arc<V>, Duration),
    /// A value that is stale but usable, and how long its load took.
    Stale(Arc<V>, Duration),
    /// A value that is stale but usable, and somebody is loading another one, here or in
    /// another process, or has failed to just now.
    Refreshing(Arc<V>),
    /// A loader found that there is no value.
    Absent,
}

impl<V> Look<V> {
    pub(crate) fn of(found: Option<Arc<V>>) -> Self {
        found.map_or(Self::Absent, Self::Fresh)
    }

    /// The value, if there is one.
    #[must_use]
    pub fn value(&self) -> Option<&Arc<V>> {
        match self {
            Self::Fresh(value)
            | Self::Due(value, _)
            | Self::Stale(value, _)
            | Self::Refreshing(value) => Some(value),
            Self::Absent => None,
        }
    }

    /// The value, if there is one.
    #[must_use]
    pub fn into_value(self) -> Option<Arc<V>> {
        match self {
            Self::Fresh(value)
            | Self::Due(value, _)
            | Self::Stale(value, _)
            | Self::Refreshing(value) => Some(value),
            Self::Absent => None,
        }
    }
}

impl<V> Clone for Look<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Fresh(value) => Self::Fresh(Arc::clone(value)),
            Self::Due(value, cost) => Self::Due(Arc::clone(value), *cost),
            Self::Stale(value, cost) => Self::Stale(Arc::clone(value), *cost),
            Self::Refreshing(value) => Self::Refreshing(Arc::clone(value)),
            Self::Absent => Self::Absent,
        }
    }
}

impl<V: Value> TypedCache<V> {
    /// Answers from the cache, or else runs the loader, as
    /// [`load`](TypedCache::load) does; but what is due or stale is served at once, and its
    /// refresh is left to the caller ([`refresh_many`](TypedCache::refresh_many)).
    ///
    /// # Concurrency
    /// As [`get_or_load`](TypedCache::get_or_load). Callers who joined another one's read are
    /// told that the value is fresh: one of them is enough to refresh it.
    ///
    /// # Cost
    /// On an L1 hit, due or not, no allocation and no await; the loader gets the key's text
    /// only when it runs. Else as [`get_or_load`](TypedCache::get_or_load).
    ///
    /// # Cancel safety
    /// A load that has begun goes on when its caller is dropped, and fills the cache.
    ///
    /// # Errors
    /// [`LoadError`]. A backend that is down is none: the loader answers.
    pub async fn look_or_load<R, E, F, Fut>(
        &self,
        key: impl AsRef<str>,
        loader: F,
    ) -> Result<Look<V>, LoadError<E>>
    where
        R: Into<Loaded<V>>,
        E: Send + Sync + 'static,
        F: FnOnce(String) -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        let key = key.as_ref();
        if let Some(look) = self.shared.l1_look(&self.space, key)? {
            return Ok(look);
        }
        let mut single = self.single(key, &LoadOptions::default(), Wanted::ValueOrAbsence)?;
        single.renewal = Renewal::ByCaller;
        let text = key.to_owned();
        Box::pin(single.run(move || loader(text))).await
    }
}

impl Shared {
    /// What L1 alone answers, and whether it is due.
    #[inline]
    pub(crate) fn l1_look<V: Value>(
        &self,
        state: &SpaceState,
        key: &str,
    ) -> Result<Option<Look<V>>> {
        let (space, tier) = (state.registered.space(), Tier::L1);
        let look = match self.l1.get::<V>(space.id, key)? {
            Resident::Fresh(value) => Look::Fresh(value),
            Resident::Due(value, cost) => Look::Due(value, cost.duration()),
            Resident::Absent => {
                self.emit(state, &Event::NegativeHit { space, key, tier });
                return Ok(Some(Look::Absent));
            }
            Resident::Stale(_) | Resident::Unknown => return Ok(None),
        };
        self.emit(state, &Event::Hit { space, key, tier });
        Ok(Some(look))
    }

    /// What L1 alone answers to those who refresh nothing: a value, "there is none", or
    /// nothing.
    #[inline]
    pub(crate) fn l1_answer<V: Value>(
        &self,
        state: &SpaceState,
        key: &str,
    ) -> Result<Option<Option<Arc<V>>>> {
        Ok(self.l1_look(state, key)?.map(Look::into_value))
    }

    /// What L1 alone answers where nothing is due.
    #[inline]
    pub(crate) fn l1_current<V: Value>(
        &self,
        state: &SpaceState,
        key: &str,
    ) -> Result<Option<Option<Arc<V>>>> {
        let (space, tier) = (state.registered.space(), Tier::L1);
        match self.l1.get::<V>(space.id, key)? {
            Resident::Fresh(value) => {
                self.emit(state, &Event::Hit { space, key, tier });
                Ok(Some(Some(value)))
            }
            Resident::Absent => {
                self.emit(state, &Event::NegativeHit { space, key, tier });
                Ok(Some(None))
            }
            Resident::Due(..) | Resident::Stale(_) | Resident::Unknown => Ok(None),
        }
    }

    /// The value that L1 alone answers with, where it is not due.
    #[inline]
    pub(crate) fn l1_value<V: Value>(
        &self,
        state: &SpaceState,
        key: &str,
    ) -> Result<Option<Arc<V>>> {
        let (space, tier) = (state.registered.space(), Tier::L1);
        let Resident::Fresh(value) = self.l1.get::<V>(space.id, key)? else {
            return Ok(None);
        };
        self.emit(state, &Event::Hit { space, key, tier });
        Ok(Some(value))
    }

    /// What L1 has where the backend does not answer: `Ok` what may be served, `Err` what may
    /// be served if the loader fails.
    pub(crate) fn l1_in_outage<V: Value>(
        &self,
        state: &SpaceState,
        key: &str,
    ) -> Option<Result<Arc<V>, Arc<V>>> {
        let (space, outage) = (state.registered.space(), state.settings().outage_ttl());
        let within = self.l1.get_within(space.id, key, outage);
        if let Ok(Resident::Fresh(value) | Resident::Due(value, _)) = within
            && !outage.is_zero()
        {
            self.emit(state, &Event::OutageServed { space, key });
            return Some(Ok(value));
        }
        match self.l1.get_within(space.id, key, Duration::MAX) {
            Ok(Resident::Fresh(value) | Resident::Due(value, _) | Resident::Stale(value)) => {
                Some(Err(value))
            }
            _ => None,
        }
    }
}
