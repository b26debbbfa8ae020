//! One random operation, on the model and on the journal.

use fastrand::Rng;
use larder_cache_core::{Append, DeadLetter, JournalRecord, JournalWrite, Sequence, ShardClaim};

use super::store::Model;
use crate::journal::subject::{Subject, delete, set};

/// All in one shard: what is in others is the affair of other cases.
const SHARD: u32 = 0;

const KEYS: usize = 5;

const WRITERS: u64 = 3;

/// An operation; what of it hangs on what was read before is chosen when it is taken.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// By a writer, with its mark or not, of so many writes.
    Append(u64, bool, usize),
    Latest(usize),
    ClaimAnew,
    Read {
        skip: usize,
        at_most: usize,
    },
    Acknowledge,
    Bury,
    Letters(usize),
    Revive(Vec<usize>),
    Discard(Vec<usize>),
    Depth,
    Reopen,
}

/// What an operation answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Latest(Option<JournalRecord>),
    Records(Vec<JournalRecord>),
    Letters(Vec<DeadLetter>),
    Count(u64),
    Depth(u64, u64),
}

impl Answer {
    /// What the model answers, as this journal may answer it.
    pub(super) fn excused(self, subject: &Subject, found: &Self) -> Self {
        match (self, found) {
            (Self::Latest(Some(expected)), Self::Latest(Some(found))) => {
                Self::Latest(Some(subject.excused(expected, found.is_settled)))
            }
            (Self::Records(expected), Self::Records(found)) => {
                let both = expected.into_iter().enumerate();
                let excused = |(at, record): (usize, JournalRecord)| {
                    let is_settled = found.get(at).is_none_or(|found| found.is_settled);
                    subject.excused(record, is_settled)
                };
                Self::Records(both.map(excused).collect())
            }
            (expected, _) => expected,
        }
    }
}

/// A journal and its model on their way.
pub(super) struct Run<'a> {
    subject: &'a Subject,
    model: Model,
    keys: Vec<String>,
    claim: Option<ShardClaim>,
    /// What was read last.
    page: Vec<JournalRecord>,
    last: Sequence,
}

impl Step {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let mut keys = || (0..rng.usize(0..4)).map(|_| rng.usize(..KEYS)).collect();
        let keys: Vec<_> = keys();
        match rng.u8(0..20) {
            0..=4 => Self::Append(rng.u64(1..=WRITERS), rng.bool(), rng.usize(0..5)),
            5 | 6 => Self::Latest(rng.usize(..KEYS)),
            7 => Self::ClaimAnew,
            8..=11 => Self::Read {
                skip: rng.usize(0..3) * rng.usize(0..3),
                at_most: rng.usize(0..8),
            },
            12 | 13 => Self::Acknowledge,
            14 | 15 => Self::Bury,
            16 => Self::Letters(rng.usize(0..8)),
            17 => Self::Revive(keys),
            18 => Self::Discard(keys),
            _ if rng.u8(0..4) == 0 => Self::Reopen,
            _ => Self::Depth,
        }
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(subject: &'a Subject) -> Self {
        Self {
            subject,
            model: Model::default(),
            keys: subject.keys_of(SHARD, KEYS),
            claim: None,
            page: Vec::new(),
            last: Sequence::ZERO,
        }
    }

    /// What the journal answered, and the model.
    pub(super) async fn take(&mut self, step: &Step, rng: &mut Rng) -> (Answer, Answer) {
        match step {
            Step::Append(writer, tells, count) => self.append(*writer, *tells, *count, rng).await,
            Step::Latest(key) => self.latest(*key).await,
            Step::ClaimAnew => self.claim_anew().await,
            Step::Read { skip, at_most } => self.read(*skip, *at_most).await,
            Step::Acknowledge => self.acknowledge(rng).await,
            Step::Bury => self.bury(rng).await,
            Step::Letters(at_most) => self.letters(*at_most).await,
            Step::Revive(keys) => self.revive(keys).await,
            Step::Discard(keys) => self.discard(keys).await,
            Step::Depth => self.depth().await,
            Step::Reopen => self.reopen().await,
        }
    }

    async fn append(
        &mut self,
        writer: u64,
        tells: bool,
        count: usize,
        rng: &mut Rng,
    ) -> (Answer, Answer) {
        let write = |rng: &mut Rng| {
            let key = &self.keys[rng.usize(..KEYS)];
            match rng.u8(0..4) {
                0 => delete(key),
                _ => set(key, rng.u32(..).to_string()),
            }
        };
        let writes: Vec<JournalWrite> = (0..count).map(|_| write(rng)).collect();
        let settled = if tells { self.last } else { Sequence::ZERO };
        let append = Append {
            writer,
            settled,
            writes: &writes,
        };
        let sequences = self.subject.journal().append(SHARD, append).await;
        let sequences = sequences.expect("append");
        assert_eq!(sequences.len(), count);
        for sequence in &sequences {
            assert!(*sequence > self.last, "{sequence} after {}", self.last);
            self.last = *sequence;
        }
        self.model.append(writer, settled, &writes, &sequences);
        (Answer::Done, Answer::Done)
    }

    async fn latest(&self, key: usize) -> (Answer, Answer) {
        let found = self.subject.latest(&self.keys[key]).await;
        let expected = self.model.latest(&self.keys[key]);
        (Answer::Latest(found), Answer::Latest(expected))
    }

    async fn claim_anew(&mut self) -> (Answer, Answer) {
        if let Some(claim) = self.claim.take() {
            self.subject.release(&claim).await;
        }
        self.claim().await;
        (Answer::Done, Answer::Done)
    }

    async fn claim(&mut self) -> ShardClaim {
        match self.claim {
            Some(claim) => claim,
            None => *self.claim.insert(self.subject.claim(SHARD).await),
        }
    }

    async fn read(&mut self, skip: usize, at_most: usize) -> (Answer, Answer) {
        let claim = self.claim().await;
        let known = self.page.get(skip.wrapping_sub(1));
        let after = known.map_or(Sequence::ZERO, |record| record.sequence);
        self.page = self.subject.read(&claim, after, at_most).await;
        let expected = self.model.read(claim.token, after, at_most);
        (
            Answer::Records(self.page.clone()),
            Answer::Records(expected),
        )
    }

    async fn acknowledge(&mut self, rng: &mut Rng) -> (Answer, Answer) {
        let claim = self.claim().await;
        let some = |_: &&JournalRecord| rng.bool();
        let records: Vec<_> = self.page.iter().filter(some).cloned().collect();
        self.subject.acknowledge(&claim, &records).await;
        self.model.acknowledge(&records);
        (Answer::Done, Answer::Done)
    }

    async fn bury(&mut self, rng: &mut Rng) -> (Answer, Answer) {
        let claim = self.claim().await;
        let mut records = Vec::new();
        for record in self.page.iter().filter(|_| rng.bool()) {
            records.push((record.clone(), record.sequence.to_string()));
        }
        let done = self.subject.journal().bury(&claim, &records).await;
        done.expect("bury");
        self.model.bury(&records);
        (Answer::Done, Answer::Done)
    }

    async fn letters(&self, at_most: usize) -> (Answer, Answer) {
        let found = self.subject.journal().dead_letters(at_most).await;
        let mut expected = self.model.letters();
        expected.truncate(at_most);
        let found = found.expect("dead letters");
        (Answer::Letters(found), Answer::Letters(expected))
    }

    async fn revive(&mut self, keys: &[usize]) -> (Answer, Answer) {
        let names: Vec<_> = keys.iter().map(|key| self.keys[*key].as_str()).collect();
        let found = self.subject.revive(&names).await;
        let taken = names.iter().filter_map(|key| self.model.take_letter(key));
        let taken: Vec<_> = taken.collect();
        let expected = taken.len() as u64;
        let before = self.last;
        for letter in taken {
            let appended = self.subject.latest(&letter.key).await;
            let appended = appended.expect("a revived write");
            assert!(appended.sequence > before, "{}", appended.sequence);
            self.last = self.last.max(appended.sequence);
            self.model.revived(letter, &appended);
        }
        (Answer::Count(found), Answer::Count(expected))
    }

    async fn discard(&mut self, keys: &[usize]) -> (Answer, Answer) {
        let names: Vec<_> = keys.iter().map(|key| self.keys[*key].as_str()).collect();
        let found = self.subject.discard(&names).await;
        let expected = names.iter().filter(|key| self.model.discard(key)).count();
        (Answer::Count(found), Answer::Count(expected as u64))
    }

    async fn depth(&self) -> (Answer, Answer) {
        let depth = self.subject.depth().await;
        let found = Answer::Depth(depth.records, depth.dead_letters);
        let (records, letters) = (self.model.len(), self.model.letters().len());
        (found, Answer::Depth(records as u64, letters as u64))
    }

    async fn reopen(&mut self) -> (Answer, Answer) {
        if let Some(claim) = self.claim.take() {
            self.subject.release(&claim).await;
        }
        self.subject.was_reopened().await;
        assert!(self.model.last() <= self.last);
        (Answer::Done, Answer::Done)
    }
}
