//! The writes of a shard that a consumer holds in memory: one for each key, the last.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use larder_cache_core::{JournalRecord, Sequence};
use tokio::time::Instant;

/// From so many deliveries on a write is suspected of ending its consumers.
const SUSPECT_DELIVERIES: u32 = 3;

/// The last write of each key, in the order in which the keys came.
#[derive(Debug, Default)]
pub(super) struct Window {
    waiting: HashMap<String, Waiting>,
    arrivals: BTreeMap<u64, String>,
    arrived: u64,
    read_to: Option<Sequence>,
}

/// The last write of a key, and what is known of it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) record: JournalRecord,
    /// Earlier writes of other processes, which leave the journal with this one.
    pub(super) superseded: Vec<JournalRecord>,
    /// How many writes it stands for.
    pub(super) writes: usize,
    arrival: u64,
    since: Instant,
    /// How often it failed while others did not.
    pub(super) attempts: u32,
    /// How often it failed alone, whoever is to blame.
    pub(super) failures: u32,
    not_before: Option<Instant>,
    /// How many batches this process had written when it last failed.
    pub(super) failed_at: Option<u64>,
}

impl Waiting {
    pub(super) fn is_suspect(&self) -> bool {
        self.record.deliveries >= SUSPECT_DELIVERIES
    }

    /// All its writes, to be taken off the journal.
    pub(super) fn into_records(self) -> Vec<JournalRecord> {
        let mut records = self.superseded;
        records.push(self.record);
        records
    }
}

impl Window {
    /// Up to where the shard was read.
    pub(super) fn read_to(&self) -> Sequence {
        self.read_to.unwrap_or(Sequence::ZERO)
    }

    /// How many writes are held.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether nothing is held that this process wrote.
    pub(super) fn has_none_of(&self, writer: u64) -> bool {
        let records = self.waiting.values().map(|waiting| &waiting.record);
        records.into_iter().all(|record| record.writer != writer)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Waiting> {
        self.waiting.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Waiting> {
        self.waiting.get_mut(key)
    }

    /// Takes in what was read, and returns what it makes superfluous.
    pub(super) fn take_in(
        &mut self,
        records: Vec<JournalRecord>,
        now: Instant,
    ) -> Vec<JournalRecord> {
        let mut superfluous = Vec::new();
        for record in records {
            self.read_to = self.read_to.max(Some(record.sequence));
            match self.waiting.get_mut(&record.key) {
                Some(waiting) => superfluous.extend(waiting.supersede(record)),
                None => self.enter(record, now),
            }
        }
        superfluous
    }

    fn enter(&mut self, record: JournalRecord, now: Instant) {
        let key = record.key.clone();
        self.arrived += 1;
        self.arrivals.insert(self.arrived, key.clone());
        let waiting = Waiting {
            record,
            superseded: Vec::new(),
            writes: 1,
            arrival: self.arrived,
            since: now,
            attempts: 0,
            failures: 0,
            not_before: None,
            failed_at: None,
        };
        self.waiting.insert(key, waiting);
    }

    /// What waits longest, leaving out what is backing off; at most so many keys.
    pub(super) fn oldest(&self, at_most: usize, now: Instant) -> Vec<String> {
        let keys = self.arrivals.values();
        let ready = keys.filter(|key| self.waiting.get(*key).is_some_and(|it| it.is_ready(now)));
        ready.take(at_most).cloned().collect()
    }

    /// When a batch is next due: at once where so many keys are ready, or one was read before by
    /// another consumer; `None`: there is nothing.
    pub(super) fn due_at(&self, full: usize, max_delay: Duration, now: Instant) -> Option<Instant> {
        let ready = self.waiting.values().filter(|it| it.is_ready(now)).count();
        if ready >= full {
            return Some(now);
        }
        self.waiting.values().map(|it| it.due_at(max_delay)).min()
    }

    /// Others go before this key until then.
    pub(super) fn set_aside(&mut self, key: &str, until: Instant) {
        if let Some(waiting) = self.waiting.get_mut(key) {
            waiting.not_before = Some(until);
        }
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Waiting> {
        let waiting = self.waiting.remove(key)?;
        self.arrivals.remove(&waiting.arrival);
        Some(waiting)
    }
}

impl Waiting {
    /// A later write takes the place. What it replaces is superfluous at once where both are of
    /// one process; of two processes it is of interest who wrote first.
    fn supersede(&mut self, later: JournalRecord) -> Option<JournalRecord> {
        let earlier = std::mem::replace(&mut self.record, later);
        self.writes += 1;
        // A new value may be writable where the old one was not.
        (self.attempts, self.failures) = (0, 0);
        self.not_before = None;
        self.failed_at = None;
        if earlier.writer == self.record.writer && earlier.is_settled >= self.record.is_settled {
            return Some(earlier);
        }
        self.superseded.push(JournalRecord {
            value: None,
            ..earlier
        });
        None
    }

    fn is_ready(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }

    fn due_at(&self, max_delay: Duration) -> Instant {
        match self.not_before {
            Some(at) => at,
            None if self.record.deliveries > 1 => self.since,
            None => self.since + max_delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use larder_cache_core::Bytes;

    use super::*;

    const DELAY: Duration = Duration::from_secs(5);

    fn record(at: u64, key: &str, writer: u64) -> JournalRecord {
        JournalRecord {
            sequence: Sequence::of(at, 0),
            key: key.to_owned(),
            value: Some(Bytes::from(at.to_string())),
            writer,
            is_settled: true,
            deliveries: 1,
        }
    }

    fn window(records: Vec<JournalRecord>, now: Instant) -> Window {
        let mut window = Window::default();
        window.take_in(records, now);
        window
    }

    #[test]
    fn only_the_last_write_of_a_key_stays() {
        let (now, mut window) = (Instant::now(), Window::default());
        let superfluous = window.take_in(
            vec![record(1, "a", 7), record(2, "b", 7), record(3, "a", 7)],
            now,
        );
        assert_eq!(superfluous, [record(1, "a", 7)]);
        assert_eq!(window.oldest(9, now), ["a", "b"]);
        assert_eq!(window.read_to(), Sequence::of(3, 0));
        let last = window.remove("a").unwrap();
        assert_eq!(
            (last.writes, last.into_records()),
            (2, vec![record(3, "a", 7)])
        );
    }

    #[test]
    fn writes_of_two_processes_leave_the_journal_together() {
        let (now, mut window) = (Instant::now(), Window::default());
        assert_eq!(
            window.take_in(vec![record(1, "a", 7), record(2, "a", 8)], now),
            []
        );
        let records = window.remove("a").unwrap().into_records();
        assert_eq!(records.len(), 2);
    }

    #[test]
    fn a_batch_is_due_when_it_is_full_old_or_was_read_before() {
        let now = Instant::now();
        let due = |window: &Window, full| window.due_at(full, DELAY, now);
        assert_eq!(due(&Window::default(), 2), None);
        let one = window(vec![record(1, "a", 7)], now);
        assert_eq!(due(&one, 2), Some(now + DELAY));
        let two = window(vec![record(1, "a", 7), record(2, "b", 7)], now);
        assert_eq!(due(&two, 2), Some(now));
        let again = JournalRecord {
            deliveries: 2,
            ..record(1, "a", 7)
        };
        assert_eq!(due(&window(vec![again], now), 2), Some(now));
    }

    #[test]
    fn an_overwritten_key_keeps_its_time() {
        let now = Instant::now();
        let mut window = window(vec![record(1, "a", 7)], now);
        window.take_in(vec![record(2, "a", 7)], now + DELAY / 2);
        assert_eq!(window.due_at(9, DELAY, now), Some(now + DELAY));
    }

    #[test]
    fn a_key_that_is_set_aside_lets_others_pass() {
        let now = Instant::now();
        let mut window = window(vec![record(1, "a", 7), record(2, "b", 7)], now);
        window.set_aside("a", now + DELAY);
        assert_eq!(window.oldest(9, now), ["b"]);
        assert_eq!(window.oldest(9, now + DELAY), ["a", "b"]);
        window.take_in(vec![record(3, "a", 7)], now);
        assert_eq!(
            window.oldest(9, now),
            ["a", "b"],
            "a new value is tried at once"
        );
    }
}
