//! The places that processes publish at.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Call, Condition, Error, ErrorKind, Key, KeyPrefix, Random, Result, Write,
};

use super::BUDGET;
use super::letter::Letter;
use crate::analytics::observer::Analytics;

/// As many processes can publish.
const PLACES: u32 = 64;

/// How long a snapshot stays when its process is gone.
const TTL: Duration = Duration::from_secs(60);

/// What was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// At which of the places, from 0 on.
    pub place: u32,
    /// How many bytes.
    pub bytes: usize,
}

/// The place that this process holds.
#[derive(Debug)]
pub(crate) struct OwnPlace {
    sender: u64,
    held: Mutex<Option<u32>>,
}

impl OwnPlace {
    pub(crate) fn new(random: &dyn Random) -> Self {
        Self {
            sender: random.next_u64(),
            held: Mutex::new(None),
        }
    }

    fn held(&self) -> Option<u32> {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, place: Option<u32>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }
}

/// All places.
pub(crate) fn all(prefix: &KeyPrefix) -> Result<Vec<Key>> {
    (0..PLACES).map(|place| key(prefix, place)).collect()
}

fn key(prefix: &KeyPrefix, place: u32) -> Result<Key> {
    prefix.internal(&format!("analytics:{place}"))
}

impl Analytics {
    /// Writes what happened in this process to its place in the backend, once. It stays
    /// there for a minute.
    ///
    /// # Concurrency
    /// Two processes never write to one place, but for one that has not published for a
    /// minute and has lost its place since.
    ///
    /// # Cost
    /// Two round trips and up to 256 KiB; the first time up to a round trip for each place
    /// that another process takes meanwhile.
    ///
    /// # Errors
    /// As the backend has them; kind `Backpressure` when 64 processes publish already.
    pub async fn publish(&self, backend: &dyn Backend, prefix: &KeyPrefix) -> Result<Published> {
        let own = self.own_place();
        let value = Bytes::from(Letter::encode(own.sender, self.snapshots()));
        let bytes = value.len();
        if let Some(place) = own.held() {
            let key = key(prefix, place)?;
            if still_holds(backend, &key, own.sender).await? {
                let write = write(key, value.clone(), Condition::IfPresent);
                if is_written(backend, write).await? {
                    return Ok(Published { place, bytes });
                }
            }
            own.hold(None);
        }
        let place = claim(backend, prefix, (own.sender, value)).await?;
        own.hold(Some(place));
        Ok(Published { place, bytes })
    }
}

/// Writes to the first free place, beginning anywhere.
async fn claim(
    backend: &dyn Backend,
    prefix: &KeyPrefix,
    (sender, value): (u64, Bytes),
) -> Result<u32> {
    let keys = all(prefix)?;
    let taken = backend.exists(&keys, Call::within(BUDGET)).await?;
    let first = (sender % u64::from(PLACES)) as u32;
    for place in (0..PLACES).map(|step| (first + step) % PLACES) {
        let index = place as usize;
        if taken.get(index).copied().unwrap_or(true) {
            continue;
        }
        let write = write(keys[index].clone(), value.clone(), Condition::IfAbsent);
        if is_written(backend, write).await? {
            return Ok(place);
        }
    }
    Err(Error::new(
        ErrorKind::Backpressure,
        "no place is left to publish analytics at; let fewer processes do so, or wait a \
         minute if some have ended",
    )
    .with("places", PLACES))
}

async fn still_holds(backend: &dyn Backend, key: &Key, sender: u64) -> Result<bool> {
    let found = backend
        .get(std::slice::from_ref(key), Call::within(BUDGET))
        .await?;
    let found = found.into_iter().flatten().next();
    Ok(found.is_some_and(|bytes| Letter::sender_of(&bytes) == Some(sender)))
}

fn write(key: Key, value: Bytes, condition: Condition) -> Write {
    let ttl = Some(TTL);
    Write {
        key,
        value,
        ttl,
        condition,
    }
}

async fn is_written(backend: &dyn Backend, write: Write) -> Result<bool> {
    let written = backend.set(&[write], Call::within(BUDGET)).await?;
    Ok(written.first().copied().unwrap_or(false))
}
