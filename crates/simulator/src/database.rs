//! The database behind the caches: the truth, and all that was ever true.

use std::sync::{Mutex, MutexGuard, PoisonError};

use larder_cache_core::Bytes;
use serde::{Deserialize, Serialize};

use crate::timeline::Stamp;

/// The tags that rows have. The last is that of a namespace: all its values carry it.
pub(crate) const TAGS: [&str; 4] = ["red", "green", "blue", "site"];

/// The bit of the namespace's own tag.
pub(crate) const SITE: u8 = 1 << 3;

/// The number of a version, of all versions of all rows.
pub(crate) type Id = usize;

/// What is cached: which version of a row it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: Id,
}

/// A version of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version {
    /// Of which row.
    pub(crate) key: usize,
    /// Its tags, as bits.
    pub(crate) tags: u8,
    pub(crate) kind: RowKind,
    /// When it became the truth.
    pub(crate) committed: Option<Stamp>,
    /// When another took its place.
    pub(crate) superseded: Option<Stamp>,
}

/// Whether there is a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowKind {
    There,
    Gone,
}

/// All rows.
#[derive(Debug)]
pub(crate) struct Database {
    rows: Mutex<Rows>,
}

#[derive(Debug)]
struct Rows {
    versions: Vec<Version>,
    current: Vec<Id>,
}

impl Database {
    /// A row for each of the keys, with these tags.
    pub(crate) fn new(tags: &[u8], now: Stamp) -> Self {
        let first = |(key, tags): (usize, &u8)| Version {
            key,
            tags: *tags,
            kind: RowKind::There,
            committed: Some(now),
            superseded: None,
        };
        Self {
            rows: Mutex::new(Rows {
                versions: tags.iter().enumerate().map(first).collect(),
                current: (0..tags.len()).collect(),
            }),
        }
    }

    pub(crate) fn read(&self, key: usize) -> (Id, Version) {
        let rows = self.lock();
        let id = rows.current[key];
        (id, rows.versions[id])
    }

    pub(crate) fn version(&self, id: Id) -> Option<Version> {
        self.lock().versions.get(id).copied()
    }

    /// Numbers a version that is about to be written.
    pub(crate) fn prepare(&self, key: usize, tags: u8, kind: RowKind) -> Id {
        let mut rows = self.lock();
        rows.versions.push(Version {
            key,
            tags,
            kind,
            committed: None,
            superseded: None,
        });
        rows.versions.len() - 1
    }

    /// Makes a version the truth.
    pub(crate) fn commit(&self, id: Id, now: Stamp) {
        let mut rows = self.lock();
        let key = rows.versions[id].key;
        let before = std::mem::replace(&mut rows.current[key], id);
        rows.versions[before].superseded = Some(now);
        rows.versions[id].committed = Some(now);
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of tags.
pub(crate) fn names_of(tags: u8) -> Vec<String> {
    let named = TAGS.iter().enumerate();
    named
        .filter(|(bit, _)| tags & (1 << bit) != 0)
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

/// The version that the body of an entry holds.
pub(crate) fn row_in(body: &Bytes) -> Option<Id> {
    rmp_serde::from_slice::<Row>(body).ok().map(|row| row.id)
}
