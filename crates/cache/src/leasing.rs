//! Writes that need a lease: what both kinds of them do.

use std::sync::Arc;

use larder_cache_core::{
    Claim, Error, ErrorKind, Fill, FillOutcome, Grant, Key, LeaseRequest, Leased, Result, Write,
};

use crate::l1::Slot;
use crate::options::SetOptions;
use crate::shared::{Budget, Shared, SpaceState};
use crate::value::Value;
use crate::writing::{Prepared, Terms};

/// A write that is ready but for its lease.
pub(crate) struct Leasing {
    pub(crate) physical: Key,
    pub(crate) slot: Option<Slot>,
    write: Write,
}

impl Leasing {
    /// The bytes that it stores.
    pub(crate) fn bytes(&self) -> usize {
        self.write.value.len()
    }
}

impl Shared {
    /// Makes writes ready, under the epochs of this moment.
    pub(crate) async fn leasing<V: Value>(
        &self,
        space: &SpaceState,
        entries: &[(&str, &Arc<V>)],
        options: &SetOptions,
        budget: &mut Budget,
    ) -> Result<Vec<Leasing>> {
        let settings = space.settings();
        let terms = Terms::of(options, &settings)?;
        let mut encoded = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let one = self.encode(space, key, Some(*value), &terms)?;
            encoded.push(one.ok_or_else(contended)?);
        }
        let stand = self.stand(&settings, &terms, budget).await?;
        let mut times = self.server_times();
        let mut ready = Vec::with_capacity(entries.len());
        for encoded in encoded {
            let terms = (&terms, stand.clone());
            let prepared = self.prepare(space, encoded, terms, &mut times, budget);
            let Prepared { write, slot } = prepared.await?;
            ready.push(Leasing {
                physical: write.key.clone(),
                write,
                slot,
            });
        }
        Ok(ready)
    }

    /// Asks for leases, all on one claim.
    pub(crate) async fn grants(
        &self,
        keys: impl Iterator<Item = Key>,
        claim: Claim,
        budget: &mut Budget,
    ) -> Result<Vec<Leased>> {
        let request = |key| LeaseRequest {
            key,
            token: self.fresh(),
            lasts: self.lease,
            claim,
        };
        let requests: Vec<_> = keys.map(request).collect();
        let backend = &self.backend;
        self.call("lease", budget, |call| backend.lease(&requests, call))
            .await
    }

    /// Stores where the leases still stand, and says where that was.
    pub(crate) async fn store_leased(
        &self,
        granted: Vec<(Leasing, Grant)>,
        budget: &mut Budget,
    ) -> Result<Vec<bool>> {
        let fill = |(leasing, grant): (Leasing, Grant)| {
            let Write {
                key, value, ttl, ..
            } = leasing.write;
            Fill {
                key,
                grant,
                outcome: FillOutcome::Store(value, ttl),
            }
        };
        let fills: Vec<_> = granted.into_iter().map(fill).collect();
        let backend = &self.backend;
        self.call("fill", budget, |call| backend.fill(&fills, call))
            .await
    }
}

pub(crate) fn contended() -> Error {
    Error::new(
        ErrorKind::Server,
        "the key was changed by others again and again; try again",
    )
    .transient()
}
