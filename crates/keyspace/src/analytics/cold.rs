//! Stored keys that nobody reads.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use larder_cache_core::entry::HEADER_BYTES;
use larder_cache_core::{
    Backend, Call, Cursor, Expiry, Glob, Head, Header, Key, KeyPrefix, Namespace, Result,
};
use serde::{Deserialize, Serialize};

use super::followed::Followed;
use super::observer::Analytics;
use super::space::Keys;
use super::time::millis_of_tick;

/// What is read of each entry: its header, with a few tags.
const HEAD_BYTES: usize = HEADER_BYTES + 256;

/// How many stored keys to look at, and how many of them to return.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ColdOptions {
    /// How many keys to return.
    pub limit: usize,
    /// How many pages of the scan to read.
    pub pages: usize,
    /// How many keys a page should have.
    pub page_keys: usize,
    /// How long each call of the backend may take.
    pub budget: Duration,
}

impl ColdOptions {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            limit: 20,
            pages: 10,
            page_keys: 200,
            budget: Duration::from_secs(2),
        }
    }

    /// How many keys to return. Default: 20.
    #[must_use]
    pub const fn limit(mut self, keys: usize) -> Self {
        self.limit = keys;
        self
    }

    /// How many pages to read; the next call goes on behind them. Default: 10.
    #[must_use]
    pub const fn pages(mut self, pages: usize) -> Self {
        self.pages = pages;
        self
    }

    /// How many keys a page should have, 1000 at most. Default: 200.
    #[must_use]
    pub const fn page_keys(mut self, keys: usize) -> Self {
        self.page_keys = keys;
        self
    }

    /// How long each call of the backend may take. Default: 2 s.
    #[must_use]
    pub const fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }
}

impl Default for ColdOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The coldest of some stored keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColdKeys {
    /// The coldest first.
    pub keys: Vec<ColdKey>,
    /// How many stored keys were looked at.
    pub examined: u64,
    /// Whether the end of the stored keys was reached; the next call begins anew.
    pub is_at_end: bool,
    /// Reads are known since then, in milliseconds since the Unix epoch, and of this process
    /// alone.
    pub since_ms: u64,
}

/// A stored key that is read seldom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColdKey {
    /// The key.
    pub key: String,
    /// How often it was read.
    pub reads: ColdReads,
    /// When it was last read, in milliseconds since the Unix epoch; `None`: not known, or
    /// never since analytics began.
    pub last_read_ms: Option<u64>,
    /// When its value was stored, by the server's clock, in milliseconds since the Unix
    /// epoch; `None`: it is no entry of this version, or has very many tags.
    pub stored_ms: Option<u64>,
    /// Bytes stored, header included.
    pub bytes: u64,
    /// Milliseconds until it is removed; `None`: it stays.
    pub remaining_ms: Option<u64>,
}

/// How often a stored key was read by this process since analytics began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColdReads {
    /// Never.
    Never,
    /// So often.
    Exactly(u64),
    /// So often at most, as good as certainly: the key is not followed. Reads before the last
    /// half-life weigh half.
    AtMost(u64),
}

impl ColdReads {
    fn most(self) -> u64 {
        match self {
            Self::Never => 0,
            Self::Exactly(reads) | Self::AtMost(reads) => reads,
        }
    }
}

impl fmt::Display for ColdReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never | Self::AtMost(0) => f.write_str("never read"),
            Self::AtMost(1) => f.write_str("read once at most"),
            Self::Exactly(1) => f.write_str("read once"),
            Self::Exactly(reads) => write!(f, "read {reads} times"),
            Self::AtMost(reads) => write!(f, "read {reads} times at most"),
        }
    }
}

/// Where the next scan of a namespace goes on.
#[derive(Debug, Default)]
pub(crate) struct Scans(Mutex<HashMap<String, Cursor>>);

impl Scans {
    fn take(&self, namespace: &str) -> Cursor {
        let mut scans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        scans.remove(namespace).unwrap_or_else(Cursor::start)
    }

    fn put(&self, namespace: &str, cursor: Cursor) {
        let mut scans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        scans.insert(namespace.to_owned(), cursor);
    }
}

impl Analytics {
    /// The coldest of the next few stored keys of a namespace: those that were read least
    /// and, of these, stored first. Repeated calls go through all keys.
    ///
    /// # Concurrency
    /// Calls for one namespace at the same time may look at the same keys.
    ///
    /// # Cost
    /// Two round trips for each page, each of a bounded size; a server is never blocked.
    ///
    /// # Cancel safety
    /// Pages that were read are not read again by the next call, but for those of a call that
    /// was dropped: then it begins anew.
    ///
    /// # Errors
    /// As the backend has them; the next call begins anew.
    pub async fn cold_keys(
        &self,
        backend: &dyn Backend,
        prefix: &KeyPrefix,
        namespace: &Namespace,
        options: &ColdOptions,
    ) -> Result<ColdKeys> {
        let pattern = Glob::new("*").behind(&prefix.namespace_start(&namespace.prefix));
        let call = Call::within(options.budget);
        let mut found = ColdKeys {
            keys: Vec::new(),
            examined: 0,
            is_at_end: false,
            since_ms: self.time().wall_millis(0),
        };
        let mut cursor = self.scans().take(&namespace.name);
        for _ in 0..options.pages {
            let keys = options.page_keys.clamp(1, 1000);
            let page = backend.scan(cursor, &pattern, keys, call).await?;
            self.examine(backend, (prefix, namespace), page.keys, call, &mut found)
                .await?;
            found.keep_coldest(options.limit);
            match page.next {
                Some(next) => cursor = next,
                None => {
                    found.is_at_end = true;
                    return Ok(found);
                }
            }
        }
        self.scans().put(&namespace.name, cursor);
        Ok(found)
    }

    async fn examine(
        &self,
        backend: &dyn Backend,
        (prefix, namespace): (&KeyPrefix, &Namespace),
        physical: Vec<String>,
        call: Call,
        found: &mut ColdKeys,
    ) -> Result<()> {
        let named = |physical: &String| {
            let user = prefix.user_key(&namespace.prefix, physical)?.into_owned();
            let key = prefix.value(&namespace.prefix, &user).ok()?;
            Some((user, key))
        };
        let named = physical.iter().filter_map(named);
        let (users, keys): (Vec<String>, Vec<Key>) = named.unzip();
        if keys.is_empty() {
            return Ok(());
        }
        let heads = backend.head(&keys, HEAD_BYTES, call).await?;
        let space = self.spaces().find(|space| *space.name == *namespace.name);
        let followed = space.and_then(|space| match &space.keys {
            Keys::Followed(followed) => Some(followed),
            Keys::Counted(_) => None,
        });
        for (key, head) in users.into_iter().zip(heads) {
            let Some(head) = head else { continue };
            found.examined += 1;
            let (reads, last_read_ms) = match (followed, space) {
                (Some(followed), _) => self.reads_of(followed, &key),
                (None, None) => (ColdReads::Never, None),
                (None, Some(_)) => (ColdReads::AtMost(u64::MAX), None),
            };
            found
                .keys
                .push(ColdKey::new(key, reads, last_read_ms, &head));
        }
        Ok(())
    }

    /// How often a key was read, and when it was last.
    fn reads_of(&self, followed: &Followed, key: &str) -> (ColdReads, Option<u64>) {
        let now = self.time().now();
        let hash = followed.hash(key);
        let slot = followed.ledger().find(hash);
        let halved = followed.lock(now);
        let panel = &halved.book.panel;
        if let Some(member) = panel.get(hash) {
            let unsettled = slot.map_or(0, |slot| halved.book.unsettled(followed.ledger(), slot));
            let reads = u64::from(member.record.reads) + unsettled;
            let counted = slot.map(|slot| millis_of_tick(followed.ledger().last_tick(slot)));
            let last = member
                .record
                .last_read
                .max(counted.filter(|_| unsettled > 0));
            let last = last.map(|millis| self.time().wall_millis(millis));
            return match reads {
                0 => (ColdReads::Never, None),
                _ => (ColdReads::Exactly(reads), last),
            };
        }
        if panel.wants(hash) {
            return (ColdReads::Never, None);
        }
        match slot {
            Some(slot) => {
                let last = millis_of_tick(followed.ledger().last_tick(slot));
                let most = halved.book.most_reads(followed.ledger(), slot);
                (ColdReads::AtMost(most), Some(self.time().wall_millis(last)))
            }
            None => {
                let most = halved.book.most_unfollowed_beside(followed.ledger(), hash);
                (ColdReads::AtMost(most), None)
            }
        }
    }
}

impl ColdKeys {
    fn keep_coldest(&mut self, limit: usize) {
        let age = |key: &ColdKey| key.stored_ms.unwrap_or(u64::MAX);
        self.keys.sort_by_key(|key| (key.reads.most(), age(key)));
        self.keys.dedup_by(|a, b| a.key == b.key);
        self.keys.truncate(limit);
    }
}

impl ColdKey {
    fn new(key: String, reads: ColdReads, last_read_ms: Option<u64>, head: &Head) -> Self {
        let header = Header::read(&head.bytes, head.total_bytes).ok();
        Self {
            key,
            reads,
            last_read_ms,
            stored_ms: header.map(|header| header.created.as_millis()),
            bytes: head.total_bytes as u64,
            remaining_ms: match head.expiry {
                Expiry::Never => None,
                Expiry::In(left) => Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
            },
        }
    }
}
