//! The terms of a load.

use std::time::Duration;

use larder_cache_core::{Compression, Namespace, Origin, Result, Tag, Ttl};
use tokio::time::Instant;

use super::Loaded;
use crate::shared::{Budget, Shared};
use crate::writing::Terms;

/// The terms of a load, as the caller gave them.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadOptions {
    pub(crate) ttl: Ttl,
    pub(crate) tags: Vec<String>,
    pub(crate) compression: Compression,
    pub(crate) budget: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) soft_timeout: Option<Duration>,
}

/// What answers a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A value.
    Value,
    /// A value, or that there is none.
    ValueOrAbsence,
}

/// The terms of a load, checked and complete.
#[derive(Clone, Debug)]
pub(crate) struct LoadTerms {
    ttl: Ttl,
    /// Those of the call and of the namespace.
    pub(crate) tags: Vec<Tag>,
    compression: Compression,
    pub(crate) budget: Budget,
    pub(crate) timeout: Duration,
    pub(crate) soft_timeout: Duration,
}

impl LoadOptions {
    /// Refuses terms that could never be kept, before anything is loaded.
    pub(crate) fn check(&self, shared: &Shared, namespace: &Namespace) -> Result<LoadTerms> {
        self.ttl.resolve(&shared.ttl_classes)?;
        Ok(LoadTerms {
            ttl: self.ttl,
            tags: Tag::list(self.tags.iter().chain(&namespace.tags))?,
            compression: self.compression,
            budget: shared.budget(self.budget),
            timeout: self.timeout.unwrap_or(shared.load_timeout),
            soft_timeout: self.soft_timeout.unwrap_or(namespace.soft_timeout),
        })
    }
}

/// Longer than anybody waits, and within all clocks.
pub(super) const YEAR: Duration = Duration::from_secs(365 * 86_400);

impl LoadTerms {
    /// Until when a caller waits, if it begins now. A timeout beyond all clocks is a year.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout.min(YEAR)
    }

    /// Until when a caller waits who has a stale value in hand.
    pub(crate) fn soft_deadline(&self) -> Instant {
        Instant::now() + self.soft_timeout.min(self.timeout).min(YEAR)
    }

    /// How to store what was loaded: what the loader says goes before what the call says.
    pub(crate) fn merged<V>(&self, loaded: &Loaded<V>, load_cost: Duration) -> Result<Terms> {
        let given = self.tags.iter().map(Tag::as_str);
        let found = loaded.tags.iter().map(String::as_str);
        let ttl = match loaded.ttl {
            Ttl::Default if loaded.value.is_some() => self.ttl,
            other => other,
        };
        Ok(Terms {
            ttl,
            tags: Tag::list(given.chain(found))?,
            compression: self.compression,
            load_cost,
            origin: Origin::Loaded,
        })
    }
}
