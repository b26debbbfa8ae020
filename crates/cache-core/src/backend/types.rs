//! What goes into a backend and comes out of it.

use std::time::Duration;

use bytes::Bytes;

use crate::error::Error;
use crate::key::Key;

/// Terms of one backend call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Call {
    /// How long the call may take, waiting for a connection included.
    pub budget: Duration,
}

impl Call {
    /// A call with a time budget.
    #[must_use]
    pub const fn within(budget: Duration) -> Self {
        Self { budget }
    }
}

/// What a backend can do beyond the basics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Other processes see and change the same values.
    pub shared: bool,
    /// Values outlive this process.
    pub persistent: bool,
    /// All keys are kept by one clock, so that the [time](crate::Backend::now) of one is that
    /// of all.
    pub one_clock: bool,
}

impl Capabilities {
    /// A store inside this process, gone with it.
    #[must_use]
    pub const fn in_process() -> Self {
        Self {
            shared: false,
            persistent: false,
            one_clock: true,
        }
    }

    /// A server that many processes use.
    #[must_use]
    pub const fn shared_server() -> Self {
        Self {
            shared: true,
            persistent: true,
            one_clock: true,
        }
    }

    /// Several servers that many processes use, each with some of the keys.
    #[must_use]
    pub const fn shared_servers() -> Self {
        Self {
            one_clock: false,
            ..Self::shared_server()
        }
    }
}

/// One value to store.
#[derive(Clone, Debug)]
pub struct Write {
    /// Where.
    pub key: Key,
    /// What.
    pub value: Bytes,
    /// For how long, to the millisecond; `None`: until deleted or evicted.
    pub ttl: Option<Duration>,
    /// Only if.
    pub condition: Condition,
}

/// When a write is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    #[default]
    Always,
    /// Only where the key does not exist.
    IfAbsent,
    /// Only where the key exists.
    IfPresent,
}

/// The beginning of a stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The first bytes.
    pub bytes: Bytes,
    /// The length of the whole value, in bytes.
    pub total_bytes: usize,
    /// How long it has to live.
    pub expiry: Expiry,
}

/// When a stored key ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// When it is deleted or evicted.
    Never,
    /// This long from now.
    In(Duration),
}

/// The two lifetimes of an entry, from now; `None`: without end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// Until it is stale.
    pub soft: Option<Duration>,
    /// Until it is gone.
    pub hard: Option<Duration>,
}

/// A place in a scan, opaque but to the backend that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Bytes);

impl Cursor {
    /// The place before the first key.
    #[must_use]
    pub const fn start() -> Self {
        Self(Bytes::new())
    }

    /// A place, as the backend writes it down.
    #[must_use]
    pub const fn new(place: Bytes) -> Self {
        Self(place)
    }

    /// What the backend wrote down; empty at the start.
    #[must_use]
    pub fn place(&self) -> &[u8] {
        &self.0
    }
}

/// One page of a scan.
#[derive(Clone, Debug)]
pub struct ScanPage {
    /// Physical keys, as stored: not all of them need be keys of this cache.
    pub keys: Vec<String>,
    /// Where to go on; `None` after the last page.
    pub next: Option<Cursor>,
}

/// One step of a pipeline.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// Read a value.
    Get(Key),
    /// Store a value.
    Set(Write),
    /// Delete a key.
    Delete(Key),
    /// Move the expiry of an entry.
    Expire(Key, Lifetime),
}

/// The answer to an [`Operation`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// To `Get`: the value, if there is one.
    Value(Option<Bytes>),
    /// To `Set`: whether it was stored. To `Delete` and `Expire`: whether there was one.
    Done(bool),
}

/// Connections of a backend.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Connections {
    /// Connections that are open.
    pub active: usize,
    /// Connections that should be open but are not.
    pub broken: usize,
    /// Servers from which a circuit breaker keeps calls away.
    pub open_circuits: usize,
    /// Connections made since the start.
    pub opened: u64,
    /// Why the last connection broke or could not be made.
    pub last_error: Option<Error>,
}
