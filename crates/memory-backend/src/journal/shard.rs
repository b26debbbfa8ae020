//! One shard: its writes, its dead letters, its consumer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use larder_cache_core::{
    Append, DeadLetter, JournalRecord, JournalWrite, Moment, Sequence, Timestamp,
};

/// Who appended what was revived: nobody, so nobody says that it is settled.
const NOBODY: u64 = 0;

#[derive(Default)]
pub(super) struct Shard {
    pending: BTreeMap<Sequence, Pending>,
    by_key: HashMap<Arc<str>, BTreeSet<Sequence>>,
    letters: BTreeMap<Sequence, Letter>,
    letter_of: HashMap<Arc<str>, Sequence>,
    writers: HashMap<u64, Writer>,
    last: Option<Sequence>,
    holder: Option<Holder>,
}

/// What became of a dead letter that was to be revived.
pub(super) enum Revived {
    Appended,
    /// A later write of its key waits.
    Dropped,
    Unknown,
}

struct Pending {
    key: Arc<str>,
    value: Option<Bytes>,
    writer: u64,
    deliveries: u32,
    /// The token of the last holder that has read it.
    reader: Option<u64>,
}

struct Letter {
    key: Arc<str>,
    value: Option<Bytes>,
    reason: String,
}

/// A writer with writes in this shard.
#[derive(Default)]
struct Writer {
    settled: Option<Sequence>,
    pending: usize,
}

struct Holder {
    token: u64,
    until: Moment,
}

impl Shard {
    pub(super) fn append(&mut self, append: &Append<'_>, now: Timestamp) -> Vec<Sequence> {
        self.settle(append);
        let writer = append.writer;
        let put = |write: &JournalWrite| {
            let key = self.shared(&write.key);
            self.put(key, write.value.clone(), writer, now)
        };
        append.writes.iter().map(put).collect()
    }

    pub(super) fn latest(&self, key: &str) -> Option<JournalRecord> {
        let sequence = *self.by_key.get(key)?.last()?;
        let record = self.record(sequence, self.pending.get(&sequence)?);
        Some(JournalRecord {
            deliveries: 0,
            ..record
        })
    }

    pub(super) fn is_claimed_by(&self, token: u64, now: Moment) -> bool {
        self.holder
            .as_ref()
            .is_some_and(|holder| holder.token == token && holder.until > now)
    }

    pub(super) fn claim(&mut self, token: u64, now: Moment, lasts: Duration) -> bool {
        if self.holder.as_ref().is_some_and(|held| held.until > now) {
            return false;
        }
        let until = now.after(lasts);
        self.holder = Some(Holder { token, until });
        true
    }

    pub(super) fn renew(&mut self, token: u64, now: Moment, lasts: Duration) -> bool {
        if !self.is_claimed_by(token, now) {
            return false;
        }
        let until = now.after(lasts);
        self.holder = Some(Holder { token, until });
        true
    }

    pub(super) fn release(&mut self, token: u64) {
        self.holder.take_if(|holder| holder.token == token);
    }

    pub(super) fn read(
        &mut self,
        token: u64,
        after: Sequence,
        at_most: usize,
    ) -> Vec<JournalRecord> {
        let behind = (Bound::Excluded(after), Bound::Unbounded);
        for (_, pending) in self.pending.range_mut(behind).take(at_most) {
            if pending.reader.replace(token) != Some(token) {
                pending.deliveries = pending.deliveries.saturating_add(1);
            }
        }
        let page = self.pending.range(behind).take(at_most);
        page.map(|(sequence, pending)| self.record(*sequence, pending))
            .collect()
    }

    /// Returns how many writes and letters are gone.
    pub(super) fn acknowledge(&mut self, records: &[JournalRecord]) -> usize {
        let mut gone = 0;
        for record in records {
            gone += usize::from(self.take(record.sequence, &record.key).is_some());
            let letter = self.letter_of.get(record.key.as_str());
            if letter.is_some_and(|letter| *letter < record.sequence) {
                gone += usize::from(self.discard(&record.key));
            }
        }
        gone
    }

    /// Returns how many writes and letters are gone.
    pub(super) fn bury(&mut self, records: &[(JournalRecord, String)]) -> usize {
        let mut gone = 0;
        for (record, reason) in records {
            let Some(pending) = self.take(record.sequence, &record.key) else {
                continue;
            };
            let letter = self.letter_of.get(&pending.key).copied();
            gone += usize::from(letter.is_some());
            if letter.is_none_or(|letter| letter < record.sequence) {
                self.discard(&record.key);
                self.put_letter(record.sequence, pending, reason.clone());
            }
        }
        gone
    }

    pub(super) fn letters(&self) -> impl Iterator<Item = DeadLetter> {
        self.letters.iter().map(|(sequence, letter)| DeadLetter {
            sequence: *sequence,
            key: letter.key.to_string(),
            value: letter.value.clone(),
            reason: letter.reason.clone(),
        })
    }

    pub(super) fn revive(&mut self, key: &str, now: Timestamp) -> Revived {
        let Some(sequence) = self.letter_of.remove(key) else {
            return Revived::Unknown;
        };
        let Some(letter) = self.letters.remove(&sequence) else {
            return Revived::Unknown;
        };
        let newest = self.by_key.get(key).and_then(BTreeSet::last);
        if newest.is_some_and(|newest| *newest > sequence) {
            return Revived::Dropped;
        }
        self.put(letter.key, letter.value, NOBODY, now);
        Revived::Appended
    }

    pub(super) fn discard(&mut self, key: &str) -> bool {
        let letter = self.letter_of.remove(key);
        letter.is_some_and(|letter| self.letters.remove(&letter).is_some())
    }

    pub(super) fn records(&self) -> u64 {
        self.pending.len() as u64
    }

    pub(super) fn dead_letters(&self) -> u64 {
        self.letters.len() as u64
    }

    pub(super) fn oldest(&self) -> Option<Sequence> {
        self.pending.keys().next().copied()
    }

    fn settle(&mut self, append: &Append<'_>) {
        if append.writes.is_empty() {
            if let Some(writer) = self.writers.get_mut(&append.writer) {
                writer.settled = writer.settled.max(Some(append.settled));
            }
            return;
        }
        let writer = self.writers.entry(append.writer).or_default();
        writer.settled = writer.settled.max(Some(append.settled));
    }

    fn put(
        &mut self,
        key: Arc<str>,
        value: Option<Bytes>,
        writer: u64,
        now: Timestamp,
    ) -> Sequence {
        let sequence = Sequence::next(self.last.unwrap_or(Sequence::ZERO), now);
        self.last = Some(sequence);
        let of_key = self.by_key.entry(key.clone()).or_default();
        of_key.insert(sequence);
        self.writers.entry(writer).or_default().pending += 1;
        let pending = Pending {
            key,
            value,
            writer,
            deliveries: 0,
            reader: None,
        };
        self.pending.insert(sequence, pending);
        sequence
    }

    /// Takes a write off.
    fn take(&mut self, sequence: Sequence, key: &str) -> Option<Pending> {
        let pending = self.pending.get(&sequence)?;
        if *pending.key != *key {
            return None;
        }
        let pending = self.pending.remove(&sequence)?;
        if let Some(of_key) = self.by_key.get_mut(key) {
            of_key.remove(&sequence);
            if of_key.is_empty() {
                self.by_key.remove(key);
            }
        }
        if let Some(writer) = self.writers.get_mut(&pending.writer) {
            writer.pending -= 1;
            if writer.pending == 0 {
                self.writers.remove(&pending.writer);
            }
        }
        Some(pending)
    }

    fn put_letter(&mut self, sequence: Sequence, pending: Pending, reason: String) {
        self.letter_of.insert(pending.key.clone(), sequence);
        let letter = Letter {
            key: pending.key,
            value: pending.value,
            reason,
        };
        self.letters.insert(sequence, letter);
    }

    fn record(&self, sequence: Sequence, pending: &Pending) -> JournalRecord {
        let writer = self.writers.get(&pending.writer);
        JournalRecord {
            sequence,
            key: pending.key.to_string(),
            value: pending.value.clone(),
            writer: pending.writer,
            is_settled: writer.is_some_and(|writer| writer.settled >= Some(sequence)),
            deliveries: pending.deliveries,
        }
    }

    /// The key as it is kept already, so that many writes of a key keep it once.
    fn shared(&self, key: &str) -> Arc<str> {
        let kept = self.by_key.get_key_value(key);
        kept.map_or_else(|| Arc::from(key), |(kept, _)| kept.clone())
    }
}
