//! The disk fails at every write and every sync in turn: nothing is acknowledged falsely.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_cache_core::{
    Append, Bytes, Error, ErrorKind, Journal, JournalWrite, Sequence, ShardClaim,
};
use larder_file_journal::{DiskFaults, DiskOperation, FileJournal, FileJournalOptions, SyncPolicy};

const LONG: Duration = Duration::from_secs(600);
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// Which operations fail.
#[derive(Clone, Copy, Debug)]
enum Fails {
    /// The one of this number alone.
    Once(u64),
    /// That and all after it.
    From(u64),
    /// The sync of this number and all after it.
    Syncs(u64),
}

/// What was promised until the disk failed.
#[derive(Debug, Default)]
struct Promised {
    appended: HashSet<u64>,
    taking: HashSet<u64>,
    taken: HashSet<u64>,
    failure: Option<Error>,
    /// Faults, where one must keep an append from being acknowledged.
    met: Option<Arc<AtomicU64>>,
}

#[tokio::test]
async fn one_failed_operation_makes_no_false_promise() {
    check_all(SyncPolicy::Always, EIO, Fails::Once).await;
}

#[tokio::test]
async fn a_full_disk_makes_no_false_promise() {
    check_all(SyncPolicy::Always, ENOSPC, Fails::From).await;
}

#[tokio::test]
async fn failed_syncs_make_no_false_promise() {
    check_all(SyncPolicy::Always, EIO, Fails::Syncs).await;
}

#[tokio::test]
async fn failures_make_no_false_promise_where_syncs_come_later() {
    let policy = SyncPolicy::Every(Duration::ZERO);
    check_all(policy, ENOSPC, Fails::Once).await;
    check_all(policy, EIO, Fails::From).await;
}

/// Until a run meets no fault any more.
async fn check_all(policy: SyncPolicy, code: i32, fails: fn(u64) -> Fails) {
    for number in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let fails = fails(number);
        let (faults, met) = faults(fails, code);
        let options = FileJournalOptions::default().sync(policy).shards(2);
        let before_the_answer = (policy == SyncPolicy::Always).then(|| met.clone());
        let faulty = options.clone().faults(faults);
        let promised = work(&path, faulty, before_the_answer).await;
        check(&path, options, &promised, fails).await;
        if met.load(Ordering::SeqCst) == 0 {
            assert!(number > 20, "only {number} operations");
            assert!(promised.failure.is_none(), "{:?}", promised.failure);
            assert_eq!(promised.appended.len(), 24);
            return;
        }
    }
}

fn faults(fails: Fails, code: i32) -> (DiskFaults, Arc<AtomicU64>) {
    let (operations, met) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
    let count = met.clone();
    let faults = move |operation: DiskOperation| {
        let is_meant = match fails {
            Fails::Syncs(_) => operation == DiskOperation::Sync,
            Fails::Once(_) | Fails::From(_) => true,
        };
        let number = operations.fetch_add(u64::from(is_meant), Ordering::SeqCst);
        let does_fail = match fails {
            Fails::Once(at) => number == at,
            Fails::From(at) | Fails::Syncs(at) => number >= at,
        };
        if is_meant && does_fail {
            count.fetch_add(1, Ordering::SeqCst);
            return Err(io::Error::from_raw_os_error(code));
        }
        Ok(())
    };
    (Arc::new(faults), met)
}

async fn work(path: &Path, options: FileJournalOptions, met: Option<Arc<AtomicU64>>) -> Promised {
    let mut promised = Promised {
        met,
        ..Promised::default()
    };
    match FileJournal::open(path, options).await {
        Ok(journal) => {
            let worked = append_and_take(&journal, &mut promised).await;
            if let Err(failure) = worked {
                check_given_up(&journal, &failure).await;
                promised.failure = Some(failure);
            }
            journal.close().await;
        }
        Err(failure) => promised.failure = Some(failure),
    }
    promised
}

async fn append_and_take(journal: &FileJournal, promised: &mut Promised) -> Result<(), Error> {
    let claim = journal.claim(journal.shard_of("key"), LONG).await?.unwrap();
    let met = |promised: &Promised| promised.met.as_ref().map(|met| met.load(Ordering::SeqCst));
    // What failed when it was opened, and did not keep it from being so, is made good.
    let before = met(promised);
    for number in 0..24 {
        append(journal, number).await?;
        promised.appended.insert(number);
        let is_false = met(promised) != before;
        assert!(!is_false, "{number} was acknowledged after a fault");
        if number % 8 == 7 {
            take(journal, &claim, promised).await?;
        }
    }
    Ok(())
}

async fn take(
    journal: &FileJournal,
    claim: &ShardClaim,
    promised: &mut Promised,
) -> Result<(), Error> {
    let page = journal.read(claim, Sequence::ZERO, 3).await?;
    let numbers: Vec<u64> = page.iter().map(|record| number(&record.value)).collect();
    promised.taking.extend(&numbers);
    journal.acknowledge(claim, &page).await?;
    promised.taken.extend(&numbers);
    Ok(())
}

async fn append(journal: &FileJournal, number: u64) -> Result<Vec<Sequence>, Error> {
    let write = JournalWrite {
        key: "key".to_owned(),
        value: Some(Bytes::from(number.to_string())),
    };
    let append = Append {
        writer: 1,
        settled: Sequence::ZERO,
        writes: &[write],
    };
    journal.append(journal.shard_of("key"), append).await
}

/// All that comes after a failure is told of it, and had no effect.
async fn check_given_up(journal: &FileJournal, failure: &Error) {
    assert_eq!(failure.kind(), ErrorKind::Server, "{failure}");
    for number in 1000..1003 {
        let again = append(journal, number).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Server);
        assert!(again.to_string().contains("open the journal again"));
        assert!(again.is_replay_safe());
    }
    let latest = journal.latest("key").await.unwrap_err();
    assert_eq!(latest.kind(), ErrorKind::Server);
    assert_eq!(journal.depth().await.unwrap_err().kind(), ErrorKind::Server);
}

async fn check(path: &Path, options: FileJournalOptions, promised: &Promised, fails: Fails) {
    let journal = FileJournal::open(path, options).await;
    let journal = journal.unwrap_or_else(|error| panic!("{fails:?}: {error:?}"));
    let claim = journal.claim(journal.shard_of("key"), LONG).await.unwrap();
    let claim = claim.unwrap();
    let records = journal.read(&claim, Sequence::ZERO, 1000).await.unwrap();
    let there: Vec<u64> = records.iter().map(|record| number(&record.value)).collect();
    assert!(there.is_sorted(), "{fails:?}: {there:?}");
    for number in &promised.appended {
        let is_kept = there.contains(number) || promised.taking.contains(number);
        assert!(is_kept, "{fails:?}: {number} was lost, {there:?}");
    }
    for number in &promised.taken {
        assert!(!there.contains(number), "{fails:?}: {number} came back");
    }
    assert!(!there.contains(&1000), "{fails:?}: it was refused");
    append(&journal, 2000).await.unwrap();
    journal.close().await;
}

fn number(value: &Option<Bytes>) -> u64 {
    let value = value.as_deref().unwrap();
    std::str::from_utf8(value).unwrap().parse().unwrap()
}
