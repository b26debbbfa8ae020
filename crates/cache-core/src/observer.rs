//! The one instrumentation seam: small events, told to whoever wants to know.

use std::fmt::{self, Debug};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::entry::Unreadable;
use crate::error::Error;
use crate::journal::JournalDepth;

/// Is told of what happens in a cache.
///
/// It is called on the hot path, in the middle of operations: it must return at once and
/// must not call the cache back. One that panics is never called again, and nothing else
/// happens.
pub trait Observer: Debug + Send + Sync + 'static {
    /// Something happened.
    fn observe(&self, event: &Event<'_>);
}

/// The namespace of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space<'a> {
    /// A small number, the same for the life of the cache: an index for tables.
    pub id: u32,
    /// The name.
    pub name: &'a str,
}

/// A tier of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Process memory.
    L1,
    /// The backend.
    L2,
}

/// Something that happened. Keys are user keys: never make labels of them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A read found a fresh value.
    Hit {
        /// Where.
        space: Space<'a>,
        /// Of which key.
        key: &'a str,
        /// In which tier.
        tier: Tier,
    },
    /// A read found that there is nothing, remembered from an earlier load.
    NegativeHit {
        /// Where.
        space: Space<'a>,
        /// Of which key.
        key: &'a str,
        /// In which tier.
        tier: Tier,
    },
    /// A read found nothing it could use, in no tier.
    Miss {
        /// Where.
        space: Space<'a>,
        /// Of which key.
        key: &'a str,
        /// Why.
        reason: MissReason,
    },
    /// A stale value was served while, or because, no fresh one could be had. A `Miss` of
    /// the same read goes before it.
    StaleServed {
        /// Where.
        space: Space<'a>,
        /// Of which key.
        key: &'a str,
    },
    /// A value was served from L1 that may be behind, as the backend did not answer.
    OutageServed {
        /// Where.
        space: Space<'a>,
        /// Of which key.
        key: &'a str,
    },
    /// A caller waits for another process's load.
    LeaseAwaited {
        /// Where.
        space: Space<'a>,
        /// Of which key.
        key: &'a str,
    },
    /// Tags, or a namespace as a whole, were invalidated by the caller.
    Invalidated {
        /// The namespace as a whole; `None`: tags, which all namespaces share.
        space: Option<Space<'a>>,
        /// How many tags.
        tags: usize,
    },
    /// A caller joined a load that was already under way.
    LoadJoined {
        /// Where.
        space: Space<'a>,
        /// Of which key.
        key: &'a str,
    },
    /// A loader ended.
    Load {
        /// Where.
        space: Space<'a>,
        /// How many keys it was asked for.
        keys: usize,
        /// How long it ran.
        elapsed: Duration,
        /// How it ended.
        outcome: LoadOutcome,
    },
    /// A loaded value was given to its callers but not stored.
    FillRefused {
        /// Where.
        space: Space<'a>,
        /// Of which key.
        key: &'a str,
        /// Why.
        reason: RefusalReason,
    },
    /// A value was serialized, to be stored next.
    Serialized {
        /// Where.
        space: Space<'a>,
        /// Of which key.
        key: &'a str,
        /// Bytes of the value, before it is compressed or encrypted.
        bytes: usize,
        /// A digest of these bytes: another one means that the value has changed, as far as
        /// its type is serialized the same way each time (a `HashMap` is not).
        digest: u64,
        /// Who brought it.
        origin: Origin,
    },
    /// A value was stored in the backend.
    Stored {
        /// Where.
        space: Space<'a>,
        /// Of which key.
        key: &'a str,
        /// Bytes stored, header included.
        bytes: usize,
    },
    /// Keys were deleted by the caller.
    Deleted {
        /// Where.
        space: Space<'a>,
        /// Those that were named.
        keys: &'a [&'a str],
    },
    /// Writes reached the database behind the caller's back.
    Flushed {
        /// Where.
        space: Space<'a>,
        /// How many keys were written.
        keys: usize,
        /// How many journaled writes they stand for: all but the last of each key were spared.
        writes: usize,
        /// How long the writer ran.
        elapsed: Duration,
    },
    /// A writer failed, and will be asked again.
    WriteRetried {
        /// Where.
        space: Space<'a>,
        /// How many keys it was to write.
        keys: usize,
        /// How often it failed in a row.
        attempt: u32,
    },
    /// A write that can't be made was put among the dead letters.
    DeadLettered {
        /// Where.
        space: Space<'a>,
        /// Of which key.
        key: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// How much waits in a journal, told now and then.
    JournalDepth {
        /// Where.
        space: Space<'a>,
        /// How much.
        depth: JournalDepth,
    },
    /// New values of a namespace are compressed with another dictionary from now on.
    DictionaryAdopted {
        /// Where.
        space: Space<'a>,
        /// Its id.
        dictionary: u32,
        /// Its size.
        bytes: usize,
    },
    /// A namespace took more bytes in the backend than it may, and its oldest entries were
    /// deleted.
    QuotaEnforced {
        /// Where.
        space: Space<'a>,
        /// The bytes it may take.
        quota_bytes: u64,
        /// The bytes it took.
        used_bytes: u64,
        /// How many entries were deleted.
        entries: u64,
        /// Their bytes.
        deleted_bytes: u64,
    },
    /// L1 took an entry in, in place of what it held of the key before. Where a read found it
    /// in the backend, that is told next.
    Kept {
        /// Where.
        space: Space<'a>,
        /// Of which key.
        key: &'a str,
        /// The weight of the entry.
        bytes: u64,
        /// Where from.
        from: KeptFrom,
    },
    /// L1 dropped an entry to stay within its bytes.
    Evicted {
        /// The weight of the entry.
        bytes: u64,
    },
    /// A backend call ended.
    BackendCall {
        /// Which, such as `get`.
        operation: &'static str,
        /// How long it took.
        elapsed: Duration,
        /// Why it failed, if it did.
        error: Option<&'a Error>,
    },
    /// A backend's connection to a server came up.
    Connected {
        /// Host and port.
        node: &'a str,
    },
    /// A backend's connection to a server was lost.
    Disconnected {
        /// Host and port.
        node: &'a str,
        /// Why.
        error: &'a Error,
    },
    /// The circuit breaker of a backend's server changed its state.
    CircuitChanged {
        /// Host and port.
        node: &'a str,
        /// What it is now.
        state: CircuitState,
    },
}

/// What a circuit breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CircuitState {
    /// All calls.
    Closed,
    /// None.
    Open,
    /// One, whose outcome decides.
    HalfOpen,
}

/// Who brought a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A caller who set it.
    #[default]
    Written,
    /// A loader, after a miss or to refresh it.
    Loaded,
}

/// Where L1 took an entry from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeptFrom {
    /// The backend, where a read found it.
    Backend,
    /// A write or a load of this process.
    Change,
}

/// Why a read missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MissReason {
    /// There is no such key.
    NotFound,
    /// The value is past its time to live.
    Expired,
    /// A tag of the entry, or its namespace, was invalidated.
    Invalidated,
    /// There is no value yet: it is being loaded.
    Loading,
    /// The stored bytes are no entry that this version can read.
    Unreadable(Unreadable),
    /// The entry was written for another schema or in another format.
    Schema,
    /// The body could not be decoded into the type asked for.
    Undecodable,
    /// The dictionary that the body was compressed with is nowhere to be found.
    UnknownDictionary,
    /// The body is encrypted with a key that this process does not have.
    UnknownEncryptionKey,
    /// The body does not authenticate: it was damaged or forged, or encrypted for another key,
    /// namespace or header.
    Unauthentic,
    /// The body is not encrypted, and the namespace is.
    Unencrypted,
    /// The key holds something that is not a plain string.
    WrongType,
    /// The backend could not be asked.
    Backend,
    /// The last change of the key did not reach the backend, as far as is known, so that
    /// what it holds may be outdated.
    Pending,
}

impl MissReason {
    /// All reasons there are, for those who count them.
    pub const ALL: [Self; 18] = [
        Self::NotFound,
        Self::Expired,
        Self::Invalidated,
        Self::Loading,
        Self::Unreadable(Unreadable::Foreign),
        Self::Unreadable(Unreadable::Truncated),
        Self::Unreadable(Unreadable::UnknownVersion),
        Self::Unreadable(Unreadable::UnknownKind),
        Self::Unreadable(Unreadable::Corrupt),
        Self::Schema,
        Self::Undecodable,
        Self::UnknownDictionary,
        Self::UnknownEncryptionKey,
        Self::Unauthentic,
        Self::Unencrypted,
        Self::WrongType,
        Self::Backend,
        Self::Pending,
    ];

    /// Whether there was something, and it could not be used, whatever its age.
    #[must_use]
    pub const fn is_defect(self) -> bool {
        match self {
            Self::Unreadable(_)
            | Self::Schema
            | Self::Undecodable
            | Self::UnknownDictionary
            | Self::UnknownEncryptionKey
            | Self::Unauthentic
            | Self::Unencrypted
            | Self::WrongType => true,
            Self::NotFound
            | Self::Expired
            | Self::Invalidated
            | Self::Loading
            | Self::Backend
            | Self::Pending => false,
        }
    }

    /// A stable name for counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Expired => "expired",
            Self::Invalidated => "invalidated",
            Self::Loading => "loading",
            Self::Unreadable(why) => why.name(),
            Self::Schema => "schema",
            Self::Undecodable => "undecodable",
            Self::UnknownDictionary => "unknown_dictionary",
            Self::UnknownEncryptionKey => "unknown_encryption_key",
            Self::Unauthentic => "unauthentic",
            Self::Unencrypted => "unencrypted",
            Self::WrongType => "wrong_type",
            Self::Backend => "backend",
            Self::Pending => "pending",
        }
    }
}

/// How a loader ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoadOutcome {
    /// With a value or with "there is none".
    Loaded,
    /// With an error of its own.
    Failed,
    /// It panicked.
    Panicked,
    /// The cache was shut down first.
    Aborted,
}

/// Why a loaded value was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The key was set, deleted or invalidated while it was loaded.
    Superseded,
    /// The value is larger than the namespace allows.
    TooLarge,
    /// The value could not be serialized.
    Unserializable,
    /// The loader asked for a time to live or for tags that can't be had.
    InvalidTerms,
    /// The backend could not be reached.
    Backend,
    /// An earlier change of the key has not reached the backend yet.
    Pending,
    /// The load had no lease: another one held it for too long.
    NoLease,
    /// The epoch of a tag that only the loader names was not known before the load.
    UnknownEpoch,
    /// The loader asked for that.
    Uncached,
}

/// The observers of a cache: all are told, none can do harm.
#[derive(Clone, Default)]
pub struct Observers(Arc<[Guarded]>);

struct Guarded {
    observer: Arc<dyn Observer>,
    broken: AtomicBool,
}

impl Observers {
    /// Tells these observers, in this order.
    pub fn new(observers: impl IntoIterator<Item = Arc<dyn Observer>>) -> Self {
        let guard = |observer| Guarded {
            observer,
            broken: AtomicBool::new(false),
        };
        Self(observers.into_iter().map(guard).collect())
    }

    /// Tells all observers of an event.
    #[inline]
    pub fn emit(&self, event: &Event<'_>) {
        for guarded in self.0.iter() {
            guarded.tell(event);
        }
    }
}

impl Guarded {
    #[inline]
    fn tell(&self, event: &Event<'_>) {
        if self.broken.load(Ordering::Relaxed) {
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| self.observer.observe(event))).is_err() {
            self.broken.store(true, Ordering::Relaxed);
            tracing::error!(observer = ?self.observer, "an observer panicked and is told no more");
        }
    }
}

impl Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|g| &g.observer))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl Observer for Counting {
        fn observe(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[derive(Debug, Default)]
    struct Panicking(AtomicUsize);

    impl Observer for Panicking {
        fn observe(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("an observer's bug");
        }
    }

    #[test]
    fn a_panicking_observer_is_contained_and_told_no_more() {
        let (bad, good) = (
            Arc::new(Panicking::default()),
            Arc::new(Counting::default()),
        );
        let observers = Observers::new([bad.clone() as Arc<dyn Observer>, good.clone()]);
        observers.emit(&Event::Evicted { bytes: 1 });
        observers.emit(&Event::Evicted { bytes: 2 });
        assert_eq!(bad.0.load(Ordering::Relaxed), 1);
        assert_eq!(good.0.load(Ordering::Relaxed), 2);
    }
}
