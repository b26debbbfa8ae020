//! Storing a value only where there is none.

use std::sync::Arc;

use larder_cache_core::{Claim, Error, ErrorKind, Leased, MissReason, Result};

use crate::changes::Change;
use crate::leasing::contended;
use crate::options::SetOptions;
use crate::reading::Found;
use crate::typed::TypedCache;
use crate::value::Value;

impl<V: Value> TypedCache<V> {
    /// Stores a value where there is none, and says whether it did. A stale value, and a
    /// load under way, count as none.
    ///
    /// # Cost
    /// Two or three round trips.
    ///
    /// # Errors
    /// As [`set`](TypedCache::set).
    pub async fn set_if_absent(
        &self,
        key: impl AsRef<str>,
        value: impl Into<Arc<V>>,
    ) -> Result<bool> {
        self.set_if_absent_with(key, value, SetOptions::default())
            .await
    }

    /// Stores a value where there is none, with options.
    ///
    /// # Errors
    /// As [`set_with`](TypedCache::set_with).
    pub async fn set_if_absent_with(
        &self,
        key: impl AsRef<str>,
        value: impl Into<Arc<V>>,
        options: SetOptions,
    ) -> Result<bool> {
        let value = value.into();
        self.put_if_absent(key.as_ref(), &value, &options).await
    }

    async fn put_if_absent(&self, key: &str, value: &Arc<V>, options: &SetOptions) -> Result<bool> {
        /// So many times a value may come and go meanwhile.
        const ATTEMPTS: usize = 8;
        let (shared, space) = (&self.shared, &self.space);
        let mut budget = shared.budget(options.budget);
        for _ in 0..ATTEMPTS {
            // Before one looks: what is stored stands on no epoch from after that.
            let entry = [(key, value)];
            let leasing = shared.leasing(space, &entry, options, &mut budget).await?;
            let found = shared.fetch::<V>(space, key, &mut budget).await?;
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
            let change = Change::begin(shared, space, [key]);
            let keys = leasing.iter().map(|leasing| leasing.physical.clone());
            let leased = shared.grants(keys, Claim::Absent(seen), &mut budget);
            let leased = leased.await?;
            if let (Some(leasing), Some(Leased::Granted(grant))) =
                (leasing.into_iter().next(), leased.first())
            {
                let (slot, bytes) = (leasing.slot.clone(), leasing.bytes());
                let granted = vec![(leasing, *grant)];
                if shared.store_leased(granted, &mut budget).await? == [true] {
                    change.made([slot]);
                    shared.tell_stored(space, key, bytes);
                    return Ok(true);
                }
            }
            change.gave_way();
        }
        Err(contended())
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
