//! A journal under test, and what the cases ask of it.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use larder_cache_core::{
    Append, Bytes, DeadLetter, Error, ErrorKind, Journal, JournalDepth, JournalRecord,
    JournalWrite, Sequence, ShardClaim,
};
use tokio::time::sleep;

use crate::ManualClock;

/// Long enough that no claim ends by itself in a case.
pub(super) const LONG: Duration = Duration::from_secs(600);

/// Who writes, where a case does not say.
pub(super) const WRITER: u64 = 0xA11CE;

/// How long a case waits for what must come to pass.
const PATIENCE: Duration = Duration::from_secs(10);

const STEP: Duration = Duration::from_millis(1);

type Opening = Pin<Box<dyn Future<Output = Arc<dyn Journal>> + Send>>;

/// A fresh journal under test.
pub struct Subject {
    journal: Mutex<Arc<dyn Journal>>,
    small: Option<(Arc<dyn Journal>, usize)>,
    clock: Option<Arc<ManualClock>>,
    reopen: Option<Box<dyn Fn() -> Opening + Send + Sync>>,
    settles_late: bool,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl Subject {
    /// A journal in real time.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self {
            journal: Mutex::new(journal),
            small: None,
            clock: None,
            reopen: None,
            settles_late: false,
            kept: Vec::new(),
        }
    }

    /// Another empty journal, which is full with so many writes. Default: none, and the cases
    /// that fill one fail.
    #[must_use]
    pub fn small(mut self, journal: Arc<dyn Journal>, capacity: usize) -> Self {
        self.small = Some((journal, capacity));
        self
    }

    /// The clock that the journal goes by. Default: real time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<ManualClock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How the same journal is opened again, after it was closed. Default: it can't be, and the
    /// cases about that do nothing.
    #[must_use]
    pub fn reopen<F>(mut self, open: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Arc<dyn Journal>> + Send + 'static,
    {
        self.reopen = Some(Box::new(move || Box::pin(open())));
        self
    }

    /// The journal may take what is settled for unsettled for a while. Default: not.
    #[must_use]
    pub fn settles_late(mut self) -> Self {
        self.settles_late = true;
        self
    }

    /// Something that must live as long as the test, such as the server. Default: nothing.
    #[must_use]
    pub fn keep(mut self, kept: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(kept));
        self
    }

    /// A record as this journal may give it, which the suite expects otherwise.
    pub(super) fn excused(&self, expected: JournalRecord, found: bool) -> JournalRecord {
        JournalRecord {
            is_settled: expected.is_settled && (found || !self.settles_late),
            ..expected
        }
    }

    pub(super) fn journal(&self) -> Arc<dyn Journal> {
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.clone()
    }

    pub(super) fn small_journal(&self) -> (&dyn Journal, usize) {
        let (journal, capacity) = self.small.as_ref().expect("a subject with a small journal");
        (&**journal, *capacity)
    }

    /// Closes the journal and opens it again; `false`: that is not possible.
    pub(super) async fn was_reopened(&self) -> bool {
        let Some(reopen) = &self.reopen else {
            return false;
        };
        self.journal().close().await;
        let again = reopen().await;
        *self.journal.lock().unwrap_or_else(PoisonError::into_inner) = again;
        true
    }

    pub(super) async fn pass(&self, time: Duration) {
        match &self.clock {
            None => sleep(time).await,
            Some(clock) => clock.advance(time),
        }
    }

    /// Waits until something has come to pass.
    pub(super) async fn eventually(&self, what: &str, mut condition: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        while !condition().await {
            let waited = began.elapsed();
            assert!(waited < PATIENCE, "waited {waited:?} for: {what}");
            self.pass(STEP).await;
        }
    }

    pub(super) fn shard_of(&self, key: &str) -> u32 {
        self.journal().shard_of(key)
    }

    /// So many keys of one shard.
    pub(super) fn keys_of(&self, shard: u32, count: usize) -> Vec<String> {
        let names = (0_u64..).map(|number| format!("key {number}"));
        let own = names.filter(|name| self.shard_of(name) == shard);
        own.take(count).collect()
    }

    /// Appends writes to the shard of the first.
    pub(super) async fn append(&self, writes: &[JournalWrite]) -> Vec<Sequence> {
        self.append_by(WRITER, Sequence::ZERO, writes).await
    }

    pub(super) async fn append_by(
        &self,
        writer: u64,
        settled: Sequence,
        writes: &[JournalWrite],
    ) -> Vec<Sequence> {
        let shard = self.shard_of(&writes[0].key);
        let append = Append {
            writer,
            settled,
            writes,
        };
        let sequences = self.journal().append(shard, append).await.expect("append");
        assert_eq!(sequences.len(), writes.len());
        sequences
    }

    pub(super) async fn set(&self, key: &str, value: &str) -> Sequence {
        self.append(&[set(key, value)]).await[0]
    }

    pub(super) async fn delete(&self, key: &str) -> Sequence {
        self.append(&[delete(key)]).await[0]
    }

    pub(super) async fn latest(&self, key: &str) -> Option<JournalRecord> {
        self.journal().latest(key).await.expect("latest")
    }

    /// The value of the latest write of a key, if there is one.
    pub(super) async fn latest_value(&self, key: &str) -> Option<Option<Bytes>> {
        self.latest(key).await.map(|record| record.value)
    }

    pub(super) async fn try_claim(&self, shard: u32, lasts: Duration) -> Option<ShardClaim> {
        self.journal().claim(shard, lasts).await.expect("claim")
    }

    pub(super) async fn claim(&self, shard: u32) -> ShardClaim {
        let claim = self.try_claim(shard, LONG).await.expect("nobody else's");
        assert_eq!(claim.shard, shard);
        claim
    }

    /// A claim of the shard of a key.
    pub(super) async fn claim_of(&self, key: &str) -> ShardClaim {
        self.claim(self.shard_of(key)).await
    }

    pub(super) async fn release(&self, claim: &ShardClaim) {
        self.journal().release(claim).await.expect("release");
    }

    pub(super) async fn read(
        &self,
        claim: &ShardClaim,
        after: Sequence,
        at_most: usize,
    ) -> Vec<JournalRecord> {
        let page = self.journal().read(claim, after, at_most).await;
        page.expect("read")
    }

    pub(super) async fn read_all(&self, claim: &ShardClaim) -> Vec<JournalRecord> {
        self.read(claim, Sequence::ZERO, usize::MAX).await
    }

    pub(super) async fn acknowledge(&self, claim: &ShardClaim, records: &[JournalRecord]) {
        let done = self.journal().acknowledge(claim, records).await;
        done.expect("acknowledge");
    }

    pub(super) async fn bury(&self, claim: &ShardClaim, records: &[JournalRecord], reason: &str) {
        let with_reason = |record: &JournalRecord| (record.clone(), reason.to_owned());
        let records: Vec<_> = records.iter().map(with_reason).collect();
        let done = self.journal().bury(claim, &records).await;
        done.expect("bury");
    }

    /// Appends a write of a key and makes a dead letter of it.
    pub(super) async fn dead_letter(&self, key: &str, value: &str) -> Sequence {
        let sequence = self.set(key, value).await;
        let claim = self.claim_of(key).await;
        let all = self.read_all(&claim).await;
        let record = all.iter().find(|record| record.sequence == sequence);
        let record = record.expect("it was appended").clone();
        self.bury(&claim, &[record], "no such table").await;
        self.release(&claim).await;
        sequence
    }

    pub(super) async fn dead_letters(&self) -> Vec<DeadLetter> {
        let letters = self.journal().dead_letters(usize::MAX).await;
        letters.expect("dead letters")
    }

    pub(super) async fn revive(&self, keys: &[&str]) -> u64 {
        self.journal().revive(keys).await.expect("revive")
    }

    pub(super) async fn discard(&self, keys: &[&str]) -> u64 {
        self.journal().discard(keys).await.expect("discard")
    }

    pub(super) async fn depth(&self) -> JournalDepth {
        self.journal().depth().await.expect("depth")
    }
}

/// A write that sets.
pub(super) fn set(key: &str, value: impl AsRef<[u8]>) -> JournalWrite {
    JournalWrite {
        key: key.to_owned(),
        value: Some(Bytes::copy_from_slice(value.as_ref())),
    }
}

/// A write that deletes.
pub(super) fn delete(key: &str) -> JournalWrite {
    JournalWrite {
        key: key.to_owned(),
        value: None,
    }
}

/// A value as it is read.
pub(super) fn some(value: &'static str) -> Option<Bytes> {
    Some(Bytes::from_static(value.as_bytes()))
}

pub(super) fn sequences(records: &[JournalRecord]) -> Vec<Sequence> {
    records.iter().map(|record| record.sequence).collect()
}

/// The kind of the error that an operation must end with.
pub(super) fn kind<T: fmt::Debug>(answer: &Result<T, Error>) -> ErrorKind {
    let error = answer.as_ref().expect_err("an error was due");
    error.kind()
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("journal", &self.journal())
            .finish_non_exhaustive()
    }
}
