//! Keeping a claim on a shard while working on it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Journal, ShardClaim};
use tokio::time::{Instant, sleep_until};

/// The claim has ended: somebody else may be the consumer now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost;

/// Renews a claim when a third of its time is over.
#[derive(Debug)]
pub(super) struct Keeper {
    journal: Arc<dyn Journal>,
    pub(super) claim: ShardClaim,
    lasts: Duration,
    ends: Instant,
    renew_at: Instant,
}

impl Keeper {
    /// Keeps a claim that was asked for at `asked`, for so long.
    pub(super) fn new(
        journal: Arc<dyn Journal>,
        claim: ShardClaim,
        asked: Instant,
        lasts: Duration,
    ) -> Self {
        Self {
            journal,
            claim,
            lasts,
            ends: asked + lasts,
            renew_at: asked + lasts / 3,
        }
    }

    /// Does some work, keeping the claim meanwhile. The work is dropped where it is lost.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Lost> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = sleep_until(self.renew_at) => self.renew().await?,
            }
        }
    }

    /// Refuses to begin what should not be begun without a claim.
    pub(super) async fn make_sure(&mut self) -> Result<(), Lost> {
        if Instant::now() >= self.renew_at {
            self.renew().await?;
        }
        Ok(())
    }

    async fn renew(&mut self) -> Result<(), Lost> {
        let asked = Instant::now();
        if asked >= self.ends {
            return Err(Lost);
        }
        let renewed = self.journal.renew(&self.claim, self.lasts);
        match tokio::time::timeout_at(self.ends, renewed).await {
            Ok(Ok(true)) => {
                self.ends = asked + self.lasts;
                self.renew_at = asked + self.lasts / 3;
                Ok(())
            }
            Ok(Ok(false)) | Err(_) => Err(Lost),
            Ok(Err(error)) => {
                tracing::debug!(%error, shard = self.claim.shard, "a claim was not renewed");
                self.renew_at = Instant::now() + self.lasts / 10;
                Ok(())
            }
        }
    }
}
