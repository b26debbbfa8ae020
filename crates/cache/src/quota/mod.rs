//! The quota of a namespace: how many bytes its entries may take in the backend.
//!
//! No account is kept of what is stored: entries end by themselves, are evicted, and are written
//! and deleted by many processes and programs. Instead one process of all measures now and then
//! (`pass.rs`), and deletes the oldest where there is too much (`sweep.rs`). It is asked to by its
//! own writes (`due.rs`).

mod ages;
mod due;
mod lease;
mod pass;
mod record;
mod sweep;
mod tend;

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Namespace, Result};

pub(crate) use self::due::Quota;
use self::pass::Pass;
use self::record::Measured;
use crate::handle::NamespaceHandle;
use crate::shared::Shared;
use crate::spaces::SpaceState;

/// What the entries of a namespace take in the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Bytes of entries, headers included, and of their keys. What the store itself needs for
    /// each is not among them: some 50 to 100 bytes in Redis.
    pub bytes: u64,
    /// How many entries there are, with those that are being loaded.
    pub entries: u64,
    /// Bytes of entries that were invalidated by a tag or with their namespace, and wait for
    /// their end. They are among [`bytes`](Usage::bytes).
    pub invalidated_bytes: u64,
    /// How long ago it was measured.
    pub age: Duration,
    /// What they may take, as this process has it.
    pub quota_bytes: Option<u64>,
}

impl Shared {
    /// Measures a namespace, on the caller's time.
    async fn measured(&self, space: &SpaceState, settings: &Arc<Namespace>) -> Result<Measured> {
        let mut pass = Pass::new(self, space, Arc::clone(settings), None);
        let mut measured = Measured::at(pass.server_time().await?);
        while let Some(page) = pass.next().await? {
            page.iter().for_each(|stored| measured.add(stored));
        }
        self.publish_usage(settings, &measured).await?;
        Ok(measured)
    }

    async fn usage_of(&self, settings: &Namespace, measured: Measured) -> Result<Usage> {
        let key = self.usage_key(settings)?;
        let now = self.server_time(&key, &mut self.budget(None)).await?;
        Ok(Usage {
            bytes: measured.bytes,
            entries: measured.entries,
            invalidated_bytes: measured.invalidated_bytes,
            age: now.since(measured.at),
            quota_bytes: settings.quota_bytes,
        })
    }
}

impl NamespaceHandle {
    /// What the entries of this namespace take in the backend, as it was measured last by
    /// whichever process: where it has a quota that is every 10 seconds while it is written to,
    /// and every minute while less than half of the quota is used. `None`: it was not measured in
    /// 30 days.
    ///
    /// # Cost
    /// One round trip.
    ///
    /// # Errors
    /// When the backend did not answer.
    pub async fn usage(&self) -> Result<Option<Usage>> {
        let settings = self.settings();
        let shared = &self.shared;
        match shared.read_usage(&settings).await? {
            Some(measured) => Ok(Some(shared.usage_of(&settings, measured).await?)),
            None => Ok(None),
        }
    }

    /// Measures what the entries of this namespace take in the backend, and tells all processes.
    /// Nothing is deleted.
    ///
    /// # Cost
    /// A scan of the whole backend with the header of each entry. It pauses after each page for
    /// nine times as long as that took, so that the backend is busy with it a tenth of the time
    /// at most: 10 million keys take two minutes or so.
    ///
    /// # Cancel safety
    /// Dropped in the middle, it leaves nothing behind.
    ///
    /// # Errors
    /// When a page could not be read in three attempts, or the cache is shut down meanwhile.
    pub async fn measure_usage(&self) -> Result<Usage> {
        let settings = self.settings();
        let measured = self.shared.measured(&self.space, &settings).await?;
        self.shared.usage_of(&settings, measured).await
    }
}
