//! Snapshots of several processes as one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use crate::analytics::histogram::Histogram;
use crate::analytics::life::Values;
use crate::analytics::shapes::{MOST_SHAPES, OTHER};
use crate::analytics::snapshot::{
    Hot, KeysSnapshot, PanelKey, PanelSnapshot, ShapeSnapshot, Snapshot,
};

/// Shapes and keys that a merged snapshot has at most, whatever its parts claim.
const MOST_SHAPES_MERGED: usize = 4 * MOST_SHAPES;
const MOST_HOT_KEYS: usize = 500;

/// The lowest limit of a sample that can be true: some thousand keys are below it where there
/// are 10^15 of them. A lower one would leave nothing of anyone's sample.
const LEAST_LIMIT: u64 = u64::MAX >> 40;

impl Snapshot {
    /// Adds what another process has seen.
    pub(crate) fn merge(&mut self, other: Self) {
        let is_first = self.processes == 0;
        self.namespace = other.namespace;
        self.since = if is_first {
            other.since
        } else {
            self.since.min(other.since)
        };
        self.until = self.until.max(other.until);
        self.processes += 1;
        match (&mut self.keys, other.keys) {
            (Some(mine), Some(theirs)) => mine.merge(theirs),
            (mine @ None, Some(theirs)) => {
                // Into nothing, not instead of it: stored bytes may say anything.
                let mut none = KeysSnapshot::none();
                none.add_unseen(self.totals.reads());
                none.merge(theirs);
                *mine = Some(none);
            }
            (Some(mine), None) => mine.add_unseen(other.totals.reads()),
            (None, None) => {}
        }
        self.totals.merge(&other.totals);
        self.memory_bytes = self.memory_bytes.saturating_add(other.memory_bytes);
    }

    /// Whether it can be what a process knows.
    pub(crate) fn is_sound(&self) -> bool {
        let keys = self.keys.as_ref();
        keys.is_none_or(|keys| keys.panel.limit >= LEAST_LIMIT)
    }

    /// Leaves out about half of what takes room.
    pub(crate) fn shorten(&mut self) {
        let Some(keys) = &mut self.keys else { return };
        let stays = keys.hot.len() / 2;
        keys.list_hot(stays);
        keys.panel.lower((keys.panel.limit / 2).max(LEAST_LIMIT));
    }

    /// Leaves out about half of the shapes: those that are read least are of no shape then.
    pub(crate) fn shorten_shapes(&mut self) {
        let Some(keys) = &mut self.keys else { return };
        let mut all = std::mem::replace(&mut keys.shapes, vec![ShapeSnapshot::other()]);
        let mut ranked: Vec<usize> = (0..all.len()).collect();
        ranked.sort_by_key(|at| Reverse(all[*at].counts.reads()));
        for at in ranked.into_iter().skip(all.len() / 2) {
            all[at].shape = OTHER.to_owned();
        }
        let moves = keys.merge_shapes(&all);
        keys.panel
            .keys
            .iter_mut()
            .for_each(|key| key.move_shape(&moves));
    }

    /// Leaves out all distributions.
    pub(crate) fn drop_histograms(&mut self) {
        let Some(keys) = &mut self.keys else { return };
        for shape in &mut keys.shapes {
            shape.values = Values::default();
        }
        let lives = &mut keys.panel.lives;
        lives.reads = Histogram::default();
        lives.lifetimes = Histogram::default();
        lives.ages_when_last_read = Histogram::default();
    }
}

impl ShapeSnapshot {
    fn other() -> Self {
        Self {
            shape: OTHER.to_owned(),
            ..Self::default()
        }
    }
}

impl KeysSnapshot {
    /// What is known before anything is.
    fn none() -> Self {
        Self {
            shapes: vec![ShapeSnapshot::other()],
            panel: PanelSnapshot {
                limit: u64::MAX,
                ..PanelSnapshot::default()
            },
            ..Self::default()
        }
    }

    /// Adds reads of which nobody knows what keys they were of: each may have had them all.
    fn add_unseen(&mut self, reads: u64) {
        for hot in &mut self.hot {
            hot.most = hot.most.saturating_add(reads);
        }
        self.unlisted = self.unlisted.saturating_add(reads);
    }

    fn merge(&mut self, other: Self) {
        self.merge_hot(other.hot, other.unlisted);
        // What is counted in parallel is counted over the longest time.
        if other.seconds.is_finite() {
            self.seconds = self.seconds.max(other.seconds);
        }
        let moves = self.merge_shapes(&other.shapes);
        self.panel.merge(other.panel, &moves);
    }

    /// Counts add, and so do bounds: a process that does not list a key has read it no more
    /// often than it says of keys that it does not list.
    fn merge_hot(&mut self, others: Vec<Hot>, unlisted: u64) {
        let mut theirs: HashMap<String, Hot> = others
            .into_iter()
            .map(|hot| (hot.key.clone(), hot.sane()))
            .collect();
        for mine in &mut self.hot {
            match theirs.remove(&mine.key) {
                Some(other) => mine.add(&other),
                None => mine.most = mine.most.saturating_add(unlisted),
            }
        }
        let added = theirs.into_values().map(|mut hot| {
            hot.most = hot.most.saturating_add(self.unlisted);
            hot
        });
        self.hot.extend(added);
        self.unlisted = self.unlisted.saturating_add(unlisted);
        self.hot
            .sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        self.list_hot(MOST_HOT_KEYS);
    }

    /// Lists so many of the hot keys at most.
    fn list_hot(&mut self, limit: usize) {
        let dropped = self.hot.iter().skip(limit).map(|hot| hot.most).max();
        self.unlisted = self.unlisted.max(dropped.unwrap_or(0));
        self.hot.truncate(limit);
    }

    /// Adds shapes by name, and says which numbers theirs have here.
    fn merge_shapes(&mut self, others: &[ShapeSnapshot]) -> Vec<u16> {
        others.iter().map(|other| self.merge_shape(other)).collect()
    }

    fn merge_shape(&mut self, other: &ShapeSnapshot) -> u16 {
        let find = |shapes: &[ShapeSnapshot], name: &str| {
            shapes.iter().position(|shape| shape.shape == name)
        };
        let found = find(&self.shapes, &other.shape);
        let is_full = self.shapes.len() >= MOST_SHAPES_MERGED;
        let found = found.or_else(|| is_full.then(|| find(&self.shapes, OTHER)).flatten());
        let at = found.unwrap_or_else(|| {
            let shape = other.shape.clone();
            self.shapes.push(ShapeSnapshot {
                shape,
                ..ShapeSnapshot::default()
            });
            self.shapes.len() - 1
        });
        let mine = &mut self.shapes[at];
        mine.counts.merge(&other.counts);
        mine.values.merge(&other.values);
        mine.last = mine.last.max(other.last);
        u16::try_from(at).unwrap_or(0)
    }
}

impl Hot {
    /// Stored bytes may say anything.
    fn sane(mut self) -> Self {
        self.least = self.least.min(self.count);
        self.most = self.most.max(self.count);
        self
    }

    fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.least = self.least.saturating_add(other.least);
        self.most = self.most.saturating_add(other.most);
        self.last = self.last.max(other.last);
    }
}

impl PanelSnapshot {
    /// Keys that both have followed are one key; both have all keys below the lower limit.
    fn merge(&mut self, mut other: Self, moves: &[u16]) {
        let limit = self.limit.min(other.limit);
        self.lower(limit);
        other.lower(limit);
        other.keys.retain(|key| key.hash <= limit);
        let mine = std::mem::take(&mut self.keys).into_iter();
        let mut all: BTreeMap<u64, PanelKey> = mine.map(|key| (key.hash, key)).collect();
        for mut key in other.keys {
            key.move_shape(moves);
            all.entry(key.hash)
                .and_modify(|mine| mine.add(&key))
                .or_insert(key);
        }
        self.keys = all.into_values().collect();
        self.lives.merge(&other.lives);
    }

    /// Leaves out keys above a limit, and their share of what is summed up.
    fn lower(&mut self, limit: u64) {
        if limit >= self.limit {
            return;
        }
        self.lives.scale(limit as f64 / self.limit as f64);
        self.limit = limit;
        self.keys.retain(|key| key.hash <= limit);
    }
}

impl PanelKey {
    /// Its shape has another number now.
    fn move_shape(&mut self, moves: &[u16]) {
        self.shape = moves.get(usize::from(self.shape)).copied().unwrap_or(0);
    }

    fn add(&mut self, other: &Self) {
        self.reads = self.reads.saturating_add(other.reads);
        self.writes = self.writes.saturating_add(other.writes);
        self.bytes = self.bytes.max(other.bytes);
        // A value that one process has stored may be read by another.
        self.unread = match (self.unread, other.unread) {
            (Some(mine), Some(theirs)) => Some(mine && theirs),
            (mine, theirs) => mine.or(theirs),
        };
    }
}
