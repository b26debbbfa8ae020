//! A process is killed while it appends and takes: nothing that was acknowledged is lost.
//!
//! The test starts this binary again as the process to be killed.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and its child tells what it did by printing"
)]

use std::collections::{BTreeMap, HashSet};
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use larder_cache_core::{Append, Bytes, Journal, JournalWrite, Sequence};
use larder_file_journal::{FileJournal, FileJournalOptions, SyncPolicy};

const PLACE: &str = "LARDER_FILE_JOURNAL_CHILD";
const POLICY: &str = "LARDER_FILE_JOURNAL_POLICY";
const LONG: Duration = Duration::from_secs(600);
const TASKS: usize = 8;

/// What the child said before it died.
#[derive(Debug, Default)]
struct Said {
    appended: HashSet<(usize, u64)>,
    taking: HashSet<(usize, u64)>,
    taken: HashSet<(usize, u64)>,
}

/// One after the other: a process that is being started holds this one's locks for a moment.
#[test]
fn a_killed_process_loses_nothing() {
    for policy in ["always", "later"] {
        check_kills(policy);
    }
}

/// Not a test but the process that is killed.
#[test]
fn child() {
    let Ok(path) = env::var(PLACE) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work(path.as_ref(), &env::var(POLICY).unwrap()));
}

fn check_kills(policy: &str) {
    let kills = env::var("LARDER_KILLS").map_or(15, |kills| kills.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let (mut appended, mut taken) = (0, 0);
    for round in 0..kills {
        let said = run_and_kill(&path, policy, 5 + fastrand::u64(..100));
        appended += said.appended.len();
        taken += said.taken.len();
        check(&path, policy, &said, round);
    }
    println!("{policy}: {kills} kills, {appended} acknowledged, {taken} taken, 0 lost");
    assert!(appended > 0);
}

fn run_and_kill(path: &Path, policy: &str, millis: u64) -> Said {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(PLACE, path)
        .env(POLICY, policy)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Said::default();
    let started = lines.find(|line| line.as_ref().unwrap() == "started");
    assert!(started.is_some(), "the child did not start");
    let killer = thread::spawn(move || {
        // When it dies is up to chance.
        thread::sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        child.wait().unwrap();
    });
    for line in lines {
        let line = line.unwrap();
        let words: Vec<_> = line.split(' ').collect();
        // The last line may be cut.
        if let [what, task, number, "."] = words[..] {
            let write = (task.parse().unwrap(), number.parse().unwrap());
            match what {
                "appended" => said.appended.insert(write),
                "taking" => said.taking.insert(write),
                "taken" => said.taken.insert(write),
                _ => false,
            };
        }
    }
    killer.join().unwrap();
    said
}

fn check(path: &Path, policy: &str, said: &Said, round: u32) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let journal = open(path, policy).await;
        let mut found: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for shard in 0..journal.shards() {
            let claim = journal.claim(shard, LONG).await.unwrap().unwrap();
            let records = journal.read(&claim, Sequence::ZERO, usize::MAX).await;
            let records = records.unwrap();
            for record in &records {
                let value = String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap();
                let (task, number) = value.split_once(' ').unwrap();
                let numbers = found.entry(task.parse().unwrap()).or_default();
                numbers.push(number.parse().unwrap());
            }
            // The next round begins empty.
            journal.acknowledge(&claim, &records).await.unwrap();
        }
        for numbers in found.values() {
            assert!(numbers.is_sorted(), "round {round}: {numbers:?}");
        }
        let has = |(task, number): &(usize, u64)| {
            found
                .get(task)
                .is_some_and(|numbers| numbers.contains(number))
        };
        for write in &said.appended {
            let is_there = has(write) || said.taking.contains(write);
            assert!(is_there, "round {round}: {write:?} was lost");
        }
        for write in &said.taken {
            assert!(!has(write), "round {round}: {write:?} came back");
        }
        journal.close().await;
    });
}

async fn work(path: &Path, policy: &str) {
    let journal = open(path, policy).await;
    say("started");
    for task in 0..TASKS {
        let journal = journal.clone();
        tokio::spawn(async move {
            for number in 0.. {
                let write = JournalWrite {
                    key: format!("task {task}"),
                    value: Some(Bytes::from(format!("{task} {number}"))),
                };
                let append = Append {
                    writer: task as u64,
                    settled: Sequence::ZERO,
                    writes: &[write],
                };
                let shard = journal.shard_of(&append.writes[0].key);
                journal.append(shard, append).await.unwrap();
                say(&format!("appended {task} {number} ."));
            }
        });
    }
    let shard = journal.shard_of("task 0");
    let claim = journal.claim(shard, LONG).await.unwrap().unwrap();
    loop {
        let page = journal.read(&claim, Sequence::ZERO, 5).await.unwrap();
        let said: Vec<_> = page.iter().map(|record| record.value.clone()).collect();
        let tell = |what: &str| {
            for value in said.iter().flatten() {
                say(&format!("{what} {} .", String::from_utf8_lossy(value)));
            }
        };
        tell("taking");
        journal.acknowledge(&claim, &page).await.unwrap();
        tell("taken");
        tokio::task::yield_now().await;
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // One write for each line, so that a line is whole or not there.
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

async fn open(path: &Path, policy: &str) -> Arc<FileJournal> {
    let policy = match policy {
        "always" => SyncPolicy::Always,
        _ => SyncPolicy::Every(Duration::from_millis(50)),
    };
    let options = FileJournalOptions::default().sync(policy);
    Arc::new(FileJournal::open(path, options).await.unwrap())
}
