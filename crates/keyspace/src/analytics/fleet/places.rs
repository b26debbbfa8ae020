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

    /// Holds a place, unless another publication of this process holds one by now; says
    /// which it is.
    fn hold(&self, place: u32) -> u32 {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held.get_or_insert(place)
    }

    /// Another process has it.
    fn lose(&self, place: u32) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = held.filter(|held| *held != place);
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
    /// Publications of one process at the same time write to one place, also when an earlier
    /// one failed and was done nevertheless. Two processes never write to one place, but for one that has not published for a
    /// minute and has lost its place since.
    ///
    /// # Cost
    /// Two round trips and up to 256 KiB each way; the first time one more, and three more for
    /// each place that another process takes meanwhile.
    ///
    /// # Errors
    /// As the backend has them; kind `Backpressure` when 64 processes publish already.
    pub async fn publish(&self, backend: &dyn Backend, prefix: &KeyPrefix) -> Result<Published> {
        let own = self.own_place();
        let value = Bytes::from(Letter::encode(own.sender, self.snapshots()));
        let bytes = value.len();
        for _ in 0..=PLACES {
            // It is held before it is written to: a write may be done that seems to have failed.
            let place = match own.held() {
                Some(place) => place,
                None => own.hold(free(backend, prefix, own.sender).await?),
            };
            let key = key(prefix, place)?;
            let condition = match holder(backend, &key).await? {
                Holder::Nobody => Condition::IfAbsent,
                Holder::Process(sender) if sender == own.sender => Condition::IfPresent,
                Holder::Process(_) | Holder::Unknown => {
                    own.lose(place);
                    continue;
                }
            };
            if is_written(backend, write(key, value.clone(), condition)).await? {
                return Ok(Published { place, bytes });
            }
        }
        Err(none_left())
    }
}

/// The first place that nobody holds, beginning anywhere.
async fn free(backend: &dyn Backend, prefix: &KeyPrefix, sender: u64) -> Result<u32> {
    let taken = backend.exists(&all(prefix)?, Call::within(BUDGET)).await?;
    let first = (sender % u64::from(PLACES)) as u32;
    let mut places = (0..PLACES).map(|step| (first + step) % PLACES);
    let free = places.find(|place| taken.get(*place as usize) == Some(&false));
    free.ok_or_else(none_left)
}

fn none_left() -> Error {
    Error::new(
        ErrorKind::Backpressure,
        "no place is left to publish analytics at; let fewer processes do so, or wait a \
         minute if some have ended",
    )
    .with("places", PLACES)
}

/// Whose letter is at a place.
enum Holder {
    Nobody,
    Process(u64),
    /// It is no letter that can be read.
    Unknown,
}

async fn holder(backend: &dyn Backend, key: &Key) -> Result<Holder> {
    let found = backend
        .get(std::slice::from_ref(key), Call::within(BUDGET))
        .await?;
    let Some(bytes) = found.into_iter().flatten().next() else {
        return Ok(Holder::Nobody);
    };
    Ok(Letter::sender_of(&bytes).map_or(Holder::Unknown, Holder::Process))
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
