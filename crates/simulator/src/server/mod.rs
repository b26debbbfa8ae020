//! The server that all processes share: what the seam promises of one, and no more.
//!
//! Each request is applied at one moment. It keeps what it was a while ago, so that a
//! failover can take the last changes back.

mod command;
mod leases;
mod monitor;
mod store;

use std::sync::Arc;

use larder_cache_core::{
    Bytes, Condition, Cursor, Entry, EpochChange, EpochRecord, Expiry, Glob, Head, Key, Kind,
    Lifetime, Operation, Reply, ScanPage, Write,
    entry::{SOFT_AND_HARD_EXPIRY, encode_expiry},
    millis_rounded_up,
};

pub(crate) use self::command::{Answer, Command};
use self::monitor::Monitor;
use self::store::Store;
use crate::checker::{Checker, MutationKind};
use crate::rule::Rule;
use crate::timeline::Timeline;

/// The server.
#[derive(Debug)]
pub(crate) struct Server {
    timeline: Arc<Timeline>,
    checker: Arc<Checker>,
    store: Store,
    monitor: Monitor,
    without: Option<Rule>,
    /// How many times it was replaced or restarted.
    life: u64,
    /// It answers nobody before.
    pub(crate) paused_until: u64,
    pub(crate) fills: Fills,
    /// Keys that the present request has changed.
    changed: Vec<Key>,
    asking: Asking,
}

/// How many fills were accepted and refused.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fills {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
}

/// Who asks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asking {
    pub(crate) process: u32,
    pub(crate) connection: u64,
}

impl Server {
    pub(crate) fn new(
        timeline: Arc<Timeline>,
        checker: Arc<Checker>,
        without: Option<Rule>,
    ) -> Self {
        Self {
            timeline,
            checker,
            store: Store::default(),
            monitor: Monitor::default(),
            without,
            life: 1,
            paused_until: 0,
            fills: Fills::default(),
            changed: Vec::new(),
            asking: Asking::default(),
        }
    }

    /// Applies a request and says what it changed.
    pub(crate) fn apply(&mut self, asking: Asking, command: &Command) -> (Answer, Vec<Key>) {
        self.asking = asking;
        let answer = match command {
            Command::Hello => Answer::Hello(self.life),
            Command::Ping => Answer::Done,
            Command::Get(keys) => Answer::Values(keys.iter().map(|key| self.get(key)).collect()),
            Command::Head(keys, bytes) => {
                Answer::Heads(keys.iter().map(|key| self.head(key, *bytes)).collect())
            }
            Command::Set(writes) => {
                Answer::Flags(writes.iter().map(|write| self.set(write)).collect())
            }
            Command::Delete(keys) => {
                let deleted = keys.iter().filter(|key| self.delete(key)).count();
                Answer::Count(deleted as u64)
            }
            Command::Exists(keys) => {
                Answer::Flags(keys.iter().map(|key| self.get(key).is_some()).collect())
            }
            Command::Ttl(keys) => Answer::Expiries(keys.iter().map(|key| self.ttl(key)).collect()),
            Command::Expire(keys, lifetime) => {
                Answer::Flags(keys.iter().map(|key| self.expire(key, *lifetime)).collect())
            }
            Command::Lease(requests) => {
                Answer::Leases(requests.iter().map(|request| self.lease(request)).collect())
            }
            Command::Fill(fills) => {
                Answer::Flags(fills.iter().map(|fill| self.fill(fill)).collect())
            }
            Command::MarkStale(keys) => {
                Answer::Flags(keys.iter().map(|key| self.mark_stale(key)).collect())
            }
            Command::Renew(changes) => {
                changes.iter().for_each(|change| self.renew(change));
                Answer::Done
            }
            Command::Scan(cursor, pattern, limit) => {
                Answer::Page(self.scan(cursor, pattern, *limit))
            }
            Command::Pipeline(steps) => {
                Answer::Replies(steps.iter().map(|step| Ok(self.step(step))).collect())
            }
        };
        (answer, std::mem::take(&mut self.changed))
    }

    /// Loses a key to make room.
    pub(crate) fn evict(&mut self, choice: u64) -> Option<Key> {
        let key = self.store.some_key(choice)?;
        self.remove(&key, MutationKind::Eviction);
        self.changed.clear();
        Some(key)
    }

    /// Becomes what it was this many milliseconds ago, in another life.
    pub(crate) fn fail_over(&mut self, lost_millis: u64) {
        let now = self.timeline.stamp();
        self.life += 1;
        let since = now.millis.saturating_sub(lost_millis);
        self.store.roll_back(since);
        self.monitor = Monitor::default();
        self.checker.failed_over(since, now);
    }

    fn millis(&self) -> u64 {
        self.timeline.millis()
    }

    fn get(&mut self, key: &Key) -> Option<Bytes> {
        let now = self.millis();
        self.store.get(key, now).map(|stored| stored.value.clone())
    }

    fn head(&mut self, key: &Key, bytes: usize) -> Option<Head> {
        let expiry = self.ttl(key)?;
        let value = self.get(key)?;
        Some(Head {
            total_bytes: value.len(),
            bytes: value.slice(..bytes.min(value.len())),
            expiry,
        })
    }

    fn ttl(&mut self, key: &Key) -> Option<Expiry> {
        let now = self.millis();
        let stored = self.store.get(key, now)?;
        Some(stored.ends.map_or(Expiry::Never, |ends| {
            Expiry::In(std::time::Duration::from_millis(ends - now))
        }))
    }

    fn set(&mut self, write: &Write) -> bool {
        let exists = self.get(&write.key).is_some();
        let holds = match write.condition {
            Condition::Always => true,
            Condition::IfAbsent => !exists,
            Condition::IfPresent => exists,
        };
        if holds {
            let ends = write.ttl.map(|ttl| self.millis() + millis_rounded_up(ttl));
            self.put(&write.key, write.value.clone(), ends, MutationKind::Store);
        }
        holds
    }

    fn delete(&mut self, key: &Key) -> bool {
        let exists = self.get(key).is_some();
        self.remove(key, MutationKind::Delete);
        exists
    }

    fn expire(&mut self, key: &Key, lifetime: Lifetime) -> bool {
        let Some(stored) = self.get(key) else {
            return false;
        };
        if Entry::decode(&stored).is_err() {
            return false;
        }
        let now = self.timeline.server_time();
        let end = |left: Option<std::time::Duration>| left.map(|left| now.after(left));
        let expiry = encode_expiry(end(lifetime.soft), end(lifetime.hard));
        let value = patched(&stored, SOFT_AND_HARD_EXPIRY.start, &expiry);
        let ends = lifetime
            .hard
            .map(|hard| self.millis() + millis_rounded_up(hard));
        self.put(key, value, ends, MutationKind::Expire);
        true
    }

    fn renew(&mut self, change: &EpochChange) {
        let stored = self.get(&change.key);
        let record = change.apply_to(stored.as_deref());
        let value = Bytes::from(record.encode());
        self.put(&change.key, value, None, MutationKind::Renew);
    }

    fn scan(&mut self, cursor: &Cursor, pattern: &Glob, limit: usize) -> ScanPage {
        let behind = String::from_utf8_lossy(cursor.place()).into_owned();
        let now = self.millis();
        let keys = self.store.keys_behind(&behind, limit.max(1), now);
        let next = (keys.len() >= limit.max(1))
            .then(|| keys.last())
            .flatten()
            .map(|last| Cursor::new(Bytes::copy_from_slice(last.as_bytes())));
        ScanPage {
            keys: keys
                .into_iter()
                .filter(|key| pattern.matches(key))
                .collect(),
            next,
        }
    }

    fn step(&mut self, step: &Operation) -> Reply {
        match step {
            Operation::Get(key) => Reply::Value(self.get(key)),
            Operation::Set(write) => Reply::Done(self.set(write)),
            Operation::Delete(key) => Reply::Done(self.delete(key)),
            Operation::Expire(key, lifetime) => Reply::Done(self.expire(key, *lifetime)),
            _ => Reply::Done(false),
        }
    }

    fn put(&mut self, key: &Key, value: Bytes, ends: Option<u64>, kind: MutationKind) {
        let now = self.millis();
        self.note(key, kind, Some(&value));
        self.store.put(key, value, ends, now);
        self.changed.push(key.clone());
    }

    fn remove(&mut self, key: &Key, kind: MutationKind) {
        let now = self.millis();
        let exists = self.get(key).is_some();
        self.note(key, kind, None);
        self.store.remove(key, now);
        if exists {
            self.changed.push(key.clone());
        }
    }

    fn note(&mut self, key: &Key, kind: MutationKind, value: Option<&Bytes>) {
        if !matches!(kind, MutationKind::Lease | MutationKind::Expire) {
            self.monitor.ended(key);
        }
        let at = self.timeline.stamp();
        let Asking { process, .. } = self.asking;
        self.checker.mutated(process, key, kind, value, at);
    }
}

/// Stored bytes with some of them replaced.
fn patched(stored: &Bytes, at: usize, by: &[u8]) -> Bytes {
    let mut bytes = stored.to_vec();
    bytes[at..at + by.len()].copy_from_slice(by);
    Bytes::from(bytes)
}

/// For a trace: what stands under a key.
fn describe_stored(stored: &Option<Bytes>) -> String {
    let Some(stored) = stored else {
        return "nothing".into();
    };
    let Ok(entry) = Entry::decode(stored) else {
        return EpochRecord::decode(stored).map_or("foreign bytes".into(), |record| {
            format!("epoch {:016x}", record.of_entry(&[]).hard)
        });
    };
    let leased = if entry.header.freshness.lease.is_some() {
        " leased"
    } else {
        ""
    };
    match entry.header.kind {
        Kind::Value => match crate::database::row_in(&entry.body) {
            Some(id) => format!("v{id}{leased}"),
            None => format!("a value{leased}"),
        },
        kind => format!("{kind:?}{leased}").to_lowercase(),
    }
}
