//! What is in the journal without the values, and what each operation changes in it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use larder_cache_core::{
    JournalRecord, JournalWrite, Moment, Result, Sequence, ShardClaim, Timestamp,
};
use xxhash_rust::xxh3::xxh3_64;

use crate::change::{Change, What};
use crate::failure::{full, no_such_shard, stray, superseded};
use crate::shard::Shard;
use crate::store::Snapshot;

/// Who appended what was revived: nobody, so nobody says that it is settled.
const NOBODY: u64 = 0;

/// All shards. Changes are applied as they are planned: whoever plans must store them.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) shards: Vec<Shard>,
    capacity: u64,
    held: u64,
}

/// A write of a page, without its value.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) key: Arc<str>,
    pub(crate) sequence: u64,
    pub(crate) is_settled: bool,
    pub(crate) deliveries: u32,
}

impl Index {
    pub(crate) fn new(shards: u32, capacity: u64) -> Self {
        Self {
            shards: (0..shards).map(|_| Shard::default()).collect(),
            capacity,
            held: 0,
        }
    }

    pub(crate) fn load_write(&mut self, key: &Arc<str>, sequence: u64, writer: u64) {
        let shard = self.shard_of(key);
        self.shards[shard as usize].put(sequence, key, writer, 0);
        self.held += 1;
    }

    pub(crate) fn load_letter(&mut self, key: &Arc<str>, sequence: u64) {
        let shard = self.shard_of(key);
        self.shards[shard as usize].put_letter(sequence, key);
        self.held += 1;
    }

    /// Applies a change from the log; `false`: there is no such shard.
    pub(crate) fn replay(&mut self, change: &Change) -> bool {
        let Some(shard) = self.shards.get_mut(change.shard as usize) else {
            return false;
        };
        let before = shard.pending.len() + shard.letters.len();
        shard.apply(&change.what);
        let after = shard.pending.len() + shard.letters.len();
        self.held = (self.held + after as u64).saturating_sub(before as u64);
        true
    }

    pub(crate) fn append(
        &mut self,
        shard: u32,
        writer: u64,
        settled: Sequence,
        writes: Vec<JournalWrite>,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<Sequence>> {
        self.known(shard)?;
        for write in &writes {
            let expected = self.shard_of(&write.key);
            if expected != shard {
                return Err(stray(shard, expected));
            }
        }
        if self.held.saturating_add(writes.len() as u64) > self.capacity {
            return Err(full(self.held, self.capacity));
        }
        let mut sequences = Vec::with_capacity(writes.len());
        for write in writes {
            let key = Arc::from(write.key);
            let sequence = self.put(shard, key, write.value, writer, now, changes);
            sequences.push(Sequence::from_u64(sequence));
        }
        let known = self.shards[shard as usize].writers.get(&writer);
        if known.is_some_and(|known| known.settled < settled.as_u64()) {
            let sequence = settled.as_u64();
            self.change(shard, What::Settled { writer, sequence }, changes);
        }
        Ok(sequences)
    }

    pub(crate) fn claim(
        &mut self,
        shard: u32,
        token: u64,
        now: Moment,
        lasts: Duration,
    ) -> Result<Option<ShardClaim>> {
        let is_claimed = self.known(shard)?.claim(token, now, lasts);
        Ok(is_claimed.then_some(ShardClaim { shard, token }))
    }

    pub(crate) fn renew(
        &mut self,
        claim: &ShardClaim,
        now: Moment,
        lasts: Duration,
    ) -> Result<bool> {
        Ok(self.known(claim.shard)?.renew(claim.token, now, lasts))
    }

    pub(crate) fn release(&mut self, claim: &ShardClaim) -> Result<()> {
        self.known(claim.shard)?.release(claim.token);
        Ok(())
    }

    pub(crate) fn read(
        &mut self,
        claim: &ShardClaim,
        now: Moment,
        after: Sequence,
        at_most: usize,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<Place>> {
        let shard = self.claimed(claim, now)?;
        if let Some(what) = shard.count(claim.token, after.as_u64(), at_most) {
            let shard = claim.shard;
            changes.push(Change { shard, what });
        }
        let shard = &self.shards[claim.shard as usize];
        let page = shard.page(after.as_u64(), at_most);
        let place = |(sequence, pending): (u64, &crate::shard::Pending)| Place {
            key: pending.key.clone(),
            sequence,
            is_settled: shard.is_settled(pending.writer, sequence),
            deliveries: pending.deliveries,
        };
        Ok(page.map(place).collect())
    }

    pub(crate) fn acknowledge(
        &mut self,
        claim: &ShardClaim,
        now: Moment,
        records: &[(Sequence, Arc<str>)],
        changes: &mut Vec<Change>,
    ) -> Result<()> {
        self.claimed(claim, now)?;
        for (sequence, key) in records {
            let sequence = sequence.as_u64();
            let shard = &self.shards[claim.shard as usize];
            let (has, letter) = (shard.has(sequence, key), shard.letter_of(key));
            if has {
                let key = key.clone();
                self.change(claim.shard, What::Take { sequence, key }, changes);
            }
            if letter.is_some_and(|letter| letter < sequence) {
                let key = key.clone();
                self.change(claim.shard, What::NoLetter { key }, changes);
            }
        }
        Ok(())
    }

    pub(crate) fn bury(
        &mut self,
        claim: &ShardClaim,
        now: Moment,
        records: Vec<(JournalRecord, String)>,
        changes: &mut Vec<Change>,
    ) -> Result<()> {
        self.claimed(claim, now)?;
        for (record, reason) in records {
            let sequence = record.sequence.as_u64();
            let shard = &self.shards[claim.shard as usize];
            if !shard.has(sequence, &record.key) {
                continue;
            }
            let key: Arc<str> = Arc::from(record.key);
            let letter = shard.letter_of(&key);
            let take = What::Take {
                sequence,
                key: key.clone(),
            };
            self.change(claim.shard, take, changes);
            if letter.is_none_or(|letter| letter < sequence) {
                let letter = What::Letter {
                    sequence,
                    key,
                    value: record.value,
                    reason,
                };
                self.change(claim.shard, letter, changes);
            }
        }
        Ok(())
    }

    /// The keys of the oldest letters.
    pub(crate) fn letters(&self, at_most: usize) -> Vec<Arc<str>> {
        let all = self.shards.iter().flat_map(|shard| shard.letters.values());
        all.take(at_most).cloned().collect()
    }

    /// What the snapshot lacks, a letter of the same group, is not revived.
    pub(crate) fn revive(
        &mut self,
        keys: &[Arc<str>],
        snapshot: &Snapshot,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) -> std::result::Result<u64, redb::Error> {
        let mut revived = 0;
        for key in keys {
            let number = self.shard_of(key);
            let shard = &self.shards[number as usize];
            let (Some(sequence), newest) = (shard.letter_of(key), shard.newest(key)) else {
                continue;
            };
            let waits = newest.is_some_and(|newest| newest > sequence);
            let Some(letter) = snapshot.letter(key)? else {
                continue;
            };
            self.change(number, What::NoLetter { key: key.clone() }, changes);
            if !waits {
                self.put(number, key.clone(), letter.value, NOBODY, now, changes);
                revived += 1;
            }
        }
        Ok(revived)
    }

    pub(crate) fn discard(&mut self, keys: &[Arc<str>], changes: &mut Vec<Change>) -> u64 {
        let mut discarded = 0;
        for key in keys {
            let number = self.shard_of(key);
            if self.shards[number as usize].letter_of(key).is_some() {
                self.change(number, What::NoLetter { key: key.clone() }, changes);
                discarded += 1;
            }
        }
        discarded
    }

    /// Writes, letters, and the oldest write.
    pub(crate) fn depth(&self) -> (u64, u64, Option<Sequence>) {
        let count = |of: fn(&Shard) -> usize| self.shards.iter().map(of).sum::<usize>() as u64;
        let first = |shard: &Shard| shard.pending.keys().next().copied();
        let oldest = self.shards.iter().filter_map(first).min();
        (
            count(|shard| shard.pending.len()),
            count(|shard| shard.letters.len()),
            oldest.map(Sequence::from_u64),
        )
    }

    fn put(
        &mut self,
        shard: u32,
        key: Arc<str>,
        value: Option<Bytes>,
        writer: u64,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) -> u64 {
        let sequence = self.shards[shard as usize].next(now);
        let put = What::Put {
            sequence,
            key,
            value,
            writer,
        };
        self.change(shard, put, changes);
        sequence
    }

    fn change(&mut self, shard: u32, what: What, changes: &mut Vec<Change>) {
        let change = Change { shard, what };
        self.replay(&change);
        changes.push(change);
    }

    fn claimed(&mut self, claim: &ShardClaim, now: Moment) -> Result<&mut Shard> {
        let shard = self.known(claim.shard)?;
        if shard.is_claimed_by(claim.token, now) {
            return Ok(shard);
        }
        Err(superseded(claim.shard))
    }

    fn known(&mut self, shard: u32) -> Result<&mut Shard> {
        let shards = self.shards.len();
        let known = self.shards.get_mut(shard as usize);
        known.ok_or_else(|| no_such_shard(shard, shards))
    }

    /// As [`Journal::shard_of`](larder_cache_core::Journal::shard_of) has it.
    fn shard_of(&self, key: &str) -> u32 {
        let shards = self.shards.len().max(1) as u64;
        u32::try_from(xxh3_64(key.as_bytes()) % shards).unwrap_or(0)
    }
}
