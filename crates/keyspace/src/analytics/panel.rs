//! A uniform sample of the keys, whatever their number.

use super::ledger::Slot;
use super::life::{Lives, Record};
use crate::key_hash::KeyHash;

/// The keys whose hash is below a limit, each followed in full; the limit is halved when
/// they get too many (distinct sampling: Gibbons, "Distinct sampling for highly-accurate
/// answers to distinct values queries and event reports", VLDB 2001).
///
/// Where there is room for all keys, all of them are followed.
#[derive(Debug)]
pub(crate) struct Panel {
    /// In ascending order.
    hashes: Vec<KeyHash>,
    members: Vec<Member>,
    capacity: usize,
    limit: u64,
    pub(crate) lives: Lives,
}

/// A key of the panel.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) record: Record,
    /// Where its hits in L1 are counted.
    pub(crate) slot: Option<Slot>,
}

impl Panel {
    /// The bytes a key takes.
    pub(crate) const MEMBER_BYTES: usize = size_of::<KeyHash>() + size_of::<Member>();

    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            hashes: Vec::with_capacity(capacity),
            members: Vec::with_capacity(capacity),
            capacity,
            limit: u64::MAX,
            lives: Lives::default(),
        }
    }

    /// Keys whose hash is at most this are followed.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn wants(&self, hash: KeyHash) -> bool {
        hash.0 <= self.limit
    }

    pub(crate) fn is_full(&self) -> bool {
        self.members.len() >= self.capacity
    }

    pub(crate) fn get(&self, hash: KeyHash) -> Option<&Member> {
        self.members.get(self.hashes.binary_search(&hash).ok()?)
    }

    pub(crate) fn member(&mut self, hash: KeyHash) -> Option<(&mut Member, &mut Lives)> {
        let at = self.hashes.binary_search(&hash).ok()?;
        Some((self.members.get_mut(at)?, &mut self.lives))
    }

    /// Takes a key in, if it is not in it. Whoever does so makes room after.
    pub(crate) fn insert(&mut self, hash: KeyHash, record: Record) {
        if let Err(at) = self.hashes.binary_search(&hash) {
            self.hashes.insert(at, hash);
            self.members.insert(at, Member { record, slot: None });
        }
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (KeyHash, &Member)> {
        self.hashes.iter().copied().zip(&self.members)
    }

    pub(crate) fn records_mut(&mut self) -> impl Iterator<Item = &mut Record> {
        self.members.iter_mut().map(|member| &mut member.record)
    }

    /// Those that are followed no more when the limit is halved, with their slots.
    pub(crate) fn upper_half(&self) -> Vec<(Slot, KeyHash)> {
        let stay = self.below(self.limit / 2);
        let leaving = self.members().skip(stay);
        leaving
            .filter_map(|(hash, member)| Some((member.slot?, hash)))
            .collect()
    }

    /// Halves the limit.
    pub(crate) fn halve(&mut self) {
        self.limit /= 2;
        let stay = self.below(self.limit);
        self.hashes.truncate(stay);
        self.members.truncate(stay);
        // What those who left have contributed is half of it, as good as.
        self.lives.scale(0.5);
    }

    fn below(&self, limit: u64) -> usize {
        self.hashes.partition_point(|hash| hash.0 <= limit)
    }
}
