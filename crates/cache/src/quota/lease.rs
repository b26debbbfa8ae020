//! Who of all processes looks after a quota.

use std::time::Duration;

use larder_cache_core::{
    Bytes, Condition, Error, ErrorKind, Key, Moment, Namespace, Result, Write,
};

use crate::shared::Shared;

/// For how long one process keeps the others away without a sign of life.
const LASTS: Duration = Duration::from_secs(15);

/// How often it gives one.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// The right to look after a quota, for one process at a time.
///
/// It is renewed and given back by a look and a write behind it. A process that is held up
/// between the two for as long as the lease lasts may take it from another; then both sweep, until
/// one of them looks again, and more entries go than had to. Nothing else depends on it.
#[derive(Debug)]
pub(super) struct SweepLease<'a> {
    shared: &'a Shared,
    key: Key,
    token: Bytes,
    /// When the last sign was sent.
    renewed: Moment,
}

impl<'a> SweepLease<'a> {
    /// Asks for it; `None`: another process has it.
    pub(super) async fn acquire(
        shared: &'a Shared,
        settings: &Namespace,
    ) -> Result<Option<SweepLease<'a>>> {
        let prefix = shared.keyspace.prefix();
        let lease = Self {
            shared,
            key: prefix.internal_in_slot("quota", &settings.prefix, "sweeper")?,
            token: Bytes::copy_from_slice(&shared.fresh().to_le_bytes()),
            renewed: shared.clock.now(),
        };
        let is_ours = lease.write(Condition::IfAbsent).await?;
        Ok(is_ours.then_some(lease))
    }

    /// Renews it where that is due.
    ///
    /// # Errors
    /// Kind `Superseded` when it is gone.
    pub(super) async fn keep(&mut self) -> Result<()> {
        let now = self.shared.clock.now();
        if now.since(self.renewed) < RENEW_EVERY {
            return Ok(());
        }
        if self.is_ours().await? && self.write(Condition::IfPresent).await? {
            self.renewed = now;
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Superseded,
            "another process has taken over the sweep of this namespace",
        ))
    }

    /// Gives it back; where that fails, it runs out.
    pub(super) async fn release(self) {
        let released = async {
            if self.is_ours().await? {
                let (backend, keys) = (&self.shared.backend, [self.key.clone()]);
                let mut budget = self.shared.budget(None);
                let delete = self
                    .shared
                    .call("delete", &mut budget, |call| backend.delete(&keys, call));
                delete.await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = released.await {
            tracing::debug!(%error, "the lease of a sweep is left to run out");
        }
    }

    async fn is_ours(&self) -> Result<bool> {
        let (backend, keys) = (&self.shared.backend, [self.key.clone()]);
        let mut budget = self.shared.budget(None);
        let found = self
            .shared
            .call("get", &mut budget, |call| backend.get(&keys, call));
        Ok(found.await?.pop().flatten().as_ref() == Some(&self.token))
    }

    async fn write(&self, condition: Condition) -> Result<bool> {
        let write = [Write {
            key: self.key.clone(),
            value: self.token.clone(),
            ttl: Some(LASTS),
            condition,
        }];
        let (backend, mut budget) = (&self.shared.backend, self.shared.budget(None));
        let written = self
            .shared
            .call("set", &mut budget, |call| backend.set(&write, call));
        Ok(written.await?.contains(&true))
    }
}
