//! How fast a file journal appends: `cargo run --release -p larder-file-journal --example speed`.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use larder_cache_core::{Append, Bytes, Journal, JournalWrite, Sequence};
use larder_file_journal::{FileJournal, FileJournalOptions, SyncPolicy};
use tokio::task::JoinSet;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const LASTS: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let later = SyncPolicy::Every(Duration::from_millis(100));
    for policy in [SyncPolicy::Always, later] {
        for tasks in [1, 64] {
            measure(policy, tasks).await?;
        }
    }
    Ok(())
}

async fn measure(policy: SyncPolicy, tasks: u64) -> Result<(), Failure> {
    let directory = tempfile::tempdir_in(".")?;
    let options = FileJournalOptions::default()
        .sync(policy)
        .capacity(u64::MAX);
    let journal = FileJournal::open(directory.path().join("journal"), options).await?;
    let (journal, began) = (Arc::new(journal), Instant::now());
    let mut running = JoinSet::new();
    for task in 0..tasks {
        running.spawn(append(journal.clone(), task, began));
    }
    let mut all = Histogram::<u64>::new(3)?;
    while let Some(done) = running.join_next().await {
        all.add(done??)?;
    }
    let per_second = all.len() as f64 / began.elapsed().as_secs_f64();
    let (p50, p99) = (all.value_at_quantile(0.5), all.value_at_quantile(0.99));
    println!(
        "{policy:?}, {tasks} tasks: {per_second:.0} appends/s, p50 {p50} us, p99 {p99} us, max {} us",
        all.max()
    );
    let (key, asked) = ("key 0", Instant::now());
    for _ in 0..10_000 {
        journal.latest(key).await?;
    }
    println!("  latest: {:?} each", asked.elapsed() / 10_000);
    journal.close().await;
    Ok(())
}

async fn append(
    journal: Arc<FileJournal>,
    task: u64,
    began: Instant,
) -> Result<Histogram<u64>, Failure> {
    let mut times = Histogram::new(3)?;
    for number in 0_u64.. {
        let write = JournalWrite {
            key: format!("key {}", number % 1000 * 64 + task),
            value: Some(Bytes::from_static(&[7; 200])),
        };
        let asked = Instant::now();
        if asked - began > LASTS {
            break;
        }
        let append = Append {
            writer: task,
            settled: Sequence::ZERO,
            writes: &[write],
        };
        let shard = journal.shard_of(&append.writes[0].key);
        journal.append(shard, append).await?;
        times.record(u64::try_from(asked.elapsed().as_micros())?)?;
    }
    Ok(times)
}
