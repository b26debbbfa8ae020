//! Writes that need a lease: with the database, and only where there is no value.

use std::fmt;
use std::sync::Arc;

use larder_cache_core::{
    Claim, Error, ErrorKind, Fill, FillOutcome, Grant, Key, LeaseRequest, Leased, MissReason,
    Result, Write,
};

use crate::changes::Change;
use crate::guards::Guard;
use crate::l1::Slot;
use crate::options::SetOptions;
use crate::reading::Found;
use crate::shared::Budget;
use crate::typed::TypedCache;
use crate::value::Value;
use crate::writing::{Prepared, Terms};

/// What became of the cached value after the database was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Written {
    /// It is the one that was written.
    Cached,
    /// There is none: another change came between.
    Invalidated,
    /// Nobody knows, as the backend did not answer. It is deleted as soon as that goes
    /// through, and not read by this process before.
    Unconfirmed(Error),
}

/// Why a value was not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError<E> {
    /// The cache refused the call, and the writer was not asked: a bad key, tag or time to
    /// live, or a value that can't be stored.
    Cache(Error),
    /// The writer failed. The key is deleted, so that readers load what the database has.
    Writer(E),
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cache(error) => write!(f, "the cache refused the write: {error}"),
            Self::Writer(error) => write!(f, "the writer failed: {error}"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for WriteError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Cache(error) => Some(error),
            Self::Writer(error) => Some(error),
        }
    }
}

impl<E> From<Error> for WriteError<E> {
    fn from(error: Error) -> Self {
        Self::Cache(error)
    }
}

/// A write that is ready but for its lease.
struct Leasing {
    physical: Key,
    write: Write,
    slot: Option<Slot>,
}

impl<V: Value> TypedCache<V> {
    /// Writes a value to the database and to the cache, in an order that never leaves an
    /// older value behind: the lease of the key is taken by force, which voids loads and
    /// other ordered writes under way; the writer runs; the value is stored only if nobody
    /// changed the key meanwhile, and else the key is deleted.
    ///
    /// # Cost
    /// Two round trips besides the writer.
    ///
    /// # Cancel safety
    /// Dropped half-way, the writer may have run; the key is deleted.
    ///
    /// # Errors
    /// [`WriteError`]. A backend that is down is none: the writer runs, and [`Written`] says
    /// what is known of the cache.
    pub async fn write_through<E, F, Fut>(
        &self,
        key: impl AsRef<str>,
        value: impl Into<Arc<V>>,
        writer: F,
    ) -> Result<Written, WriteError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        self.write_through_with(key, value, SetOptions::default(), writer)
            .await
    }

    /// Writes a value to the database and to the cache, with options.
    ///
    /// # Errors
    /// As [`write_through`](TypedCache::write_through).
    pub async fn write_through_with<E, F, Fut>(
        &self,
        key: impl AsRef<str>,
        value: impl Into<Arc<V>>,
        options: SetOptions,
        writer: F,
    ) -> Result<Written, WriteError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        let (key, value) = (key.as_ref(), value.into());
        let mut budget = self.shared.budget(options.budget);
        let physical = self.shared.physical_key(&self.settings(), key)?;
        let prepared = self.leasing(key, &value, &options, &mut budget).await;
        let leasing = match prepared {
            Ok(leasing) => Some(leasing),
            Err(error) if error.is_transient() || error.kind() == ErrorKind::Server => None,
            Err(error) => return Err(error.into()),
        };
        let change = Change::begin(&self.shared, &self.space, [key]);
        let grant = match leasing {
            Some(_) => self.grant(&physical, Claim::Force, &mut budget).await.ok(),
            None => None,
        };
        let written = writer().await;
        let mut budget = self.shared.budget(options.budget);
        if let (Ok(()), Some(leasing), Some(Leased::Granted(grant))) = (&written, leasing, grant) {
            let (slot, bytes) = (leasing.slot.clone(), leasing.write.value.len());
            if let Ok(true) = self.store_leased(leasing, grant, &mut budget).await {
                change.made([slot]);
                self.shared.tell_stored(&self.space, key, bytes);
                return Ok(Written::Cached);
            }
        }
        if !self.shared.guards.hold(Guard::OrderedWrites) {
            change.made_away();
            return written
                .map(|()| Written::Invalidated)
                .map_err(WriteError::Writer);
        }
        let (shared, keys) = (&self.shared, [physical]);
        let deleted = shared.call("delete", &mut budget, |call| {
            shared.backend.delete(&keys, call)
        });
        let outcome = match deleted.await {
            Ok(_) => {
                change.made_away();
                Written::Invalidated
            }
            // The change is dropped, and remembered as one that failed.
            Err(error) => Written::Unconfirmed(error),
        };
        written.map(|()| outcome).map_err(WriteError::Writer)
    }

    pub(crate) async fn put_if_absent(
        &self,
        key: &str,
        value: &Arc<V>,
        options: SetOptions,
    ) -> Result<bool> {
        /// So many times a value may come and go meanwhile.
        const ATTEMPTS: usize = 8;
        let mut budget = self.shared.budget(options.budget);
        for _ in 0..ATTEMPTS {
            // Before one looks: what is stored stands on no epoch from after that.
            let leasing = self.leasing(key, value, &options, &mut budget).await?;
            let found = self
                .shared
                .fetch::<V>(&self.space, key, &mut budget)
                .await?;
            let seen = match found {
                Found::Fresh(..) => return Ok(false),
                Found::Missing(MissReason::Pending, _) => return Err(pending()),
                Found::Stale(_, _, vacancy) | Found::Absent(vacancy) => Some(vacancy),
                Found::Missing(_, vacancy) => vacancy,
            };
            let seen = seen.and_then(|vacancy| match vacancy.claim {
                Claim::Renew(id) | Claim::Replace(id) => Some(id),
                _ => None,
            });
            let change = Change::begin(&self.shared, &self.space, [key]);
            let claim = Claim::Absent(seen);
            if let Leased::Granted(grant) =
                self.grant(&leasing.physical, claim, &mut budget).await?
            {
                let (slot, bytes) = (leasing.slot.clone(), leasing.write.value.len());
                if self.store_leased(leasing, grant, &mut budget).await? {
                    change.made([slot]);
                    self.shared.tell_stored(&self.space, key, bytes);
                    return Ok(true);
                }
            }
            change.gave_way();
        }
        Err(contended())
    }

    async fn leasing(
        &self,
        key: &str,
        value: &Arc<V>,
        options: &SetOptions,
        budget: &mut Budget,
    ) -> Result<Leasing> {
        let (shared, settings) = (&self.shared, self.settings());
        let terms = Terms::of(options, &settings)?;
        let encoded = shared.encode(&self.space, key, Some(value), &terms)?;
        let encoded = encoded.ok_or_else(contended)?;
        let stand = shared.stand(&settings, &terms, budget).await?;
        let times = &mut shared.server_times();
        let prepared = shared.prepare(&self.space, encoded, (&terms, stand), times, budget);
        let Prepared { write, slot } = prepared.await?;
        Ok(Leasing {
            physical: write.key.clone(),
            write,
            slot,
        })
    }

    async fn grant(&self, key: &Key, claim: Claim, budget: &mut Budget) -> Result<Leased> {
        let request = [LeaseRequest {
            key: key.clone(),
            token: self.shared.fresh(),
            lasts: self.shared.lease,
            claim,
        }];
        let backend = &self.shared.backend;
        let leased = self
            .shared
            .call("lease", budget, |call| backend.lease(&request, call));
        leased.await?.pop().ok_or_else(contended)
    }

    async fn store_leased(
        &self,
        leasing: Leasing,
        grant: Grant,
        budget: &mut Budget,
    ) -> Result<bool> {
        let Write {
            key, value, ttl, ..
        } = leasing.write;
        let fill = [Fill {
            key,
            grant,
            outcome: FillOutcome::Store(value, ttl),
        }];
        let backend = &self.shared.backend;
        let filled = self
            .shared
            .call("fill", budget, |call| backend.fill(&fill, call));
        Ok(filled.await?.contains(&true))
    }
}

fn pending() -> Error {
    Error::new(
        ErrorKind::Connection,
        "an earlier change of this key has not reached the backend yet; try again soon",
    )
    .transient()
    .replay_safe()
}

fn contended() -> Error {
    Error::new(
        ErrorKind::Server,
        "the key was changed by others again and again; try again",
    )
    .transient()
}
