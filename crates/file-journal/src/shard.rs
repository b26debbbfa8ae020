//! What is known of one shard without its values.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Moment, Sequence, Timestamp};

use crate::change::What;

/// Writes, letters, writers and the consumer of a shard.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    pub(crate) pending: BTreeMap<u64, Pending>,
    by_key: HashMap<Arc<str>, BTreeSet<u64>>,
    pub(crate) letters: BTreeMap<u64, Arc<str>>,
    letter_of: HashMap<Arc<str>, u64>,
    pub(crate) writers: HashMap<u64, Writer>,
    pub(crate) last: u64,
    holder: Option<Holder>,
}

#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) key: Arc<str>,
    pub(crate) writer: u64,
    pub(crate) deliveries: u32,
    /// The token of the last holder that has read it.
    reader: Option<u64>,
}

/// A writer with writes in this shard.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) settled: u64,
    pending: usize,
}

#[derive(Debug)]
struct Holder {
    token: u64,
    until: Moment,
}

impl Shard {
    /// The number of the next write.
    pub(crate) fn next(&self, now: Timestamp) -> u64 {
        Sequence::next(Sequence::from_u64(self.last), now).as_u64()
    }

    pub(crate) fn apply(&mut self, what: &What) {
        match what {
            What::Put {
                sequence,
                key,
                writer,
                ..
            } => self.put(*sequence, key, *writer, 0),
            What::Take { sequence, key } => self.take(*sequence, key),
            What::Letter { sequence, key, .. } => self.put_letter(*sequence, key),
            What::NoLetter { key } => self.drop_letter(key),
            What::Settled { writer, sequence } => self.settle(*writer, *sequence),
            What::Delivered { from, runs } => self.deliver(*from, runs),
        }
    }

    pub(crate) fn put(&mut self, sequence: u64, key: &Arc<str>, writer: u64, deliveries: u32) {
        let key = self.shared(key);
        self.last = self.last.max(sequence);
        let of_key = self.by_key.entry(key.clone()).or_default();
        of_key.insert(sequence);
        self.writers.entry(writer).or_default().pending += 1;
        let pending = Pending {
            key,
            writer,
            deliveries,
            reader: None,
        };
        self.pending.insert(sequence, pending);
    }

    pub(crate) fn put_letter(&mut self, sequence: u64, key: &Arc<str>) {
        self.drop_letter(key);
        self.last = self.last.max(sequence);
        self.letters.insert(sequence, key.clone());
        self.letter_of.insert(key.clone(), sequence);
    }

    pub(crate) fn settle(&mut self, writer: u64, sequence: u64) {
        if let Some(writer) = self.writers.get_mut(&writer) {
            writer.settled = writer.settled.max(sequence);
        }
    }

    /// Whether a write of this key is there.
    pub(crate) fn has(&self, sequence: u64, key: &str) -> bool {
        let pending = self.pending.get(&sequence);
        pending.is_some_and(|pending| *pending.key == *key)
    }

    pub(crate) fn newest(&self, key: &str) -> Option<u64> {
        self.by_key.get(key)?.last().copied()
    }

    pub(crate) fn letter_of(&self, key: &str) -> Option<u64> {
        self.letter_of.get(key).copied()
    }

    pub(crate) fn is_settled(&self, writer: u64, sequence: u64) -> bool {
        let writer = self.writers.get(&writer);
        writer.is_some_and(|writer| writer.settled >= sequence)
    }

    pub(crate) fn page(&self, after: u64, at_most: usize) -> impl Iterator<Item = (u64, &Pending)> {
        let behind = (Bound::Excluded(after), Bound::Unbounded);
        let page = self.pending.range(behind).take(at_most);
        page.map(|(sequence, pending)| (*sequence, pending))
    }

    /// Counts a holder for a page; how often its writes were read then, where that has changed.
    pub(crate) fn count(&mut self, token: u64, after: u64, at_most: usize) -> Option<What> {
        let behind = (Bound::Excluded(after), Bound::Unbounded);
        let (mut is_new, mut counts) = (false, Vec::new());
        for (sequence, pending) in self.pending.range_mut(behind).take(at_most) {
            if pending.reader.replace(token) != Some(token) {
                pending.deliveries = pending.deliveries.saturating_add(1);
                is_new = true;
            }
            counts.push((*sequence, pending.deliveries));
        }
        let runs = runs(counts.into_iter());
        is_new.then_some(What::Delivered { from: after, runs })
    }

    /// How often all writes were read.
    pub(crate) fn all_runs(&self) -> Vec<(u64, u32)> {
        let all = self.pending.iter();
        runs(all.map(|(sequence, pending)| (*sequence, pending.deliveries)))
    }

    pub(crate) fn deliver(&mut self, from: u64, runs: &[(u64, u32)]) {
        let mut after = from;
        for (upto, count) in runs {
            if *upto > after {
                let run = (Bound::Excluded(after), Bound::Included(*upto));
                for (_, pending) in self.pending.range_mut(run) {
                    pending.deliveries = *count;
                }
                after = *upto;
            }
        }
    }

    pub(crate) fn is_claimed_by(&self, token: u64, now: Moment) -> bool {
        let holder = self.holder.as_ref();
        holder.is_some_and(|holder| holder.token == token && holder.until > now)
    }

    pub(crate) fn claim(&mut self, token: u64, now: Moment, lasts: Duration) -> bool {
        if self.holder.as_ref().is_some_and(|held| held.until > now) {
            return false;
        }
        let until = now.after(lasts);
        self.holder = Some(Holder { token, until });
        true
    }

    pub(crate) fn renew(&mut self, token: u64, now: Moment, lasts: Duration) -> bool {
        if !self.is_claimed_by(token, now) {
            return false;
        }
        let until = now.after(lasts);
        self.holder = Some(Holder { token, until });
        true
    }

    pub(crate) fn release(&mut self, token: u64) {
        self.holder.take_if(|holder| holder.token == token);
    }

    fn take(&mut self, sequence: u64, key: &str) {
        let Some(pending) = self.pending.remove(&sequence) else {
            return;
        };
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
    }

    fn drop_letter(&mut self, key: &str) {
        if let Some(sequence) = self.letter_of.remove(key) {
            self.letters.remove(&sequence);
        }
    }

    /// The key as it is kept already, so that many writes of a key keep it once.
    fn shared(&self, key: &Arc<str>) -> Arc<str> {
        let kept = self.by_key.get_key_value(key);
        kept.map_or_else(|| key.clone(), |(kept, _)| kept.clone())
    }
}

fn runs(counts: impl Iterator<Item = (u64, u32)>) -> Vec<(u64, u32)> {
    let mut runs: Vec<(u64, u32)> = Vec::new();
    for (sequence, count) in counts {
        match runs.last_mut() {
            Some(run) if run.1 == count => run.0 = sequence,
            _ => runs.push((sequence, count)),
        }
    }
    runs
}
