//! The model: what a journal is, in plain lists.

use std::collections::{BTreeMap, HashMap};

use larder_cache_core::{DeadLetter, JournalRecord, JournalWrite, Sequence};

/// One shard.
#[derive(Debug, Default)]
pub(super) struct Model {
    pending: BTreeMap<Sequence, Pending>,
    /// By key.
    letters: BTreeMap<String, DeadLetter>,
    settled: HashMap<u64, Sequence>,
}

#[derive(Debug)]
struct Pending {
    record: JournalRecord,
    /// The last claim that has read it.
    reader: u64,
}

impl Model {
    pub(super) fn append(
        &mut self,
        writer: u64,
        settled: Sequence,
        writes: &[JournalWrite],
        sequences: &[Sequence],
    ) {
        let mark = self.settled.entry(writer).or_insert(Sequence::ZERO);
        *mark = (*mark).max(settled);
        for (write, sequence) in writes.iter().zip(sequences) {
            self.put(*sequence, write, writer);
        }
    }

    pub(super) fn last(&self) -> Sequence {
        let last = self.pending.keys().next_back();
        last.copied().unwrap_or(Sequence::ZERO)
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn latest(&self, key: &str) -> Option<JournalRecord> {
        let mut newest_first = self.pending.values().rev();
        let pending = newest_first.find(|pending| pending.record.key == key)?;
        Some(JournalRecord {
            deliveries: 0,
            ..self.seen(&pending.record)
        })
    }

    pub(super) fn read(
        &mut self,
        token: u64,
        after: Sequence,
        at_most: usize,
    ) -> Vec<JournalRecord> {
        for (_, pending) in self
            .pending
            .iter_mut()
            .filter(|(at, _)| **at > after)
            .take(at_most)
        {
            pending.record.deliveries += u32::from(pending.reader != token);
            pending.reader = token;
        }
        let page = self.pending.iter().filter(|(at, _)| **at > after);
        page.take(at_most)
            .map(|(_, pending)| self.seen(&pending.record))
            .collect()
    }

    pub(super) fn acknowledge(&mut self, records: &[JournalRecord]) {
        for record in records {
            self.pending.remove(&record.sequence);
            let letter = self.letters.get(&record.key);
            if letter.is_some_and(|letter| letter.sequence < record.sequence) {
                self.letters.remove(&record.key);
            }
        }
    }

    pub(super) fn bury(&mut self, records: &[(JournalRecord, String)]) {
        for (record, reason) in records {
            if self.pending.remove(&record.sequence).is_none() {
                continue;
            }
            let letter = self.letters.get(&record.key);
            if letter.is_some_and(|letter| letter.sequence > record.sequence) {
                continue;
            }
            let letter = DeadLetter {
                sequence: record.sequence,
                key: record.key.clone(),
                value: record.value.clone(),
                reason: reason.clone(),
            };
            self.letters.insert(record.key.clone(), letter);
        }
    }

    /// The oldest first.
    pub(super) fn letters(&self) -> Vec<DeadLetter> {
        let mut letters: Vec<_> = self.letters.values().cloned().collect();
        letters.sort_by_key(|letter| letter.sequence);
        letters
    }

    /// Takes a letter for its revival; `None` where there is none, or a later write waits.
    pub(super) fn take_letter(&mut self, key: &str) -> Option<DeadLetter> {
        let letter = self.letters.remove(key)?;
        let newest = self.latest(key);
        newest
            .is_none_or(|newest| newest.sequence < letter.sequence)
            .then_some(letter)
    }

    /// A revived letter, with the number and the writer that the journal gave it.
    pub(super) fn revived(&mut self, letter: DeadLetter, appended: &JournalRecord) {
        let write = JournalWrite {
            key: letter.key,
            value: letter.value,
        };
        self.put(appended.sequence, &write, appended.writer);
    }

    pub(super) fn discard(&mut self, key: &str) -> bool {
        self.letters.remove(key).is_some()
    }

    fn put(&mut self, sequence: Sequence, write: &JournalWrite, writer: u64) {
        let record = JournalRecord {
            sequence,
            key: write.key.clone(),
            value: write.value.clone(),
            writer,
            is_settled: false,
            deliveries: 0,
        };
        self.pending.insert(sequence, Pending { record, reader: 0 });
    }

    fn seen(&self, record: &JournalRecord) -> JournalRecord {
        let settled = self.settled.get(&record.writer);
        JournalRecord {
            is_settled: settled.is_some_and(|settled| *settled >= record.sequence),
            ..record.clone()
        }
    }
}
