//! The program that writes behind, in a process of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_cache_core::ErrorKind;
use larder_patterns::{WriteBehind, WriteBehindOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use super::messages::{Drained, Report, Task};
use super::sink::{Sink, key_of};
use crate::Failure;
use crate::fleet::{Answer, Post, tell};

const MAX_DELAY: Duration = Duration::from_millis(100);
const POLL: Duration = Duration::from_millis(25);

/// After this the shards of a killed program are another's.
const CLAIM: Duration = Duration::from_secs(1);

/// So many acknowledgements are told at once, at most.
const MOST_TOLD: usize = 256;

/// Writes its updates, and ends when it is told to: by its parent or by SIGTERM.
pub(crate) async fn run(task: Task, mut post: Post) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let behind = start(&task).await?;
    tell(&Answer::Ready)?;
    let mut work = JoinSet::new();
    work.spawn(work_off(behind.clone(), task.clone()));
    tokio::select! {
        _stop = post.signal() => {}
        _ = terminate.recv() => {}
        ended = end_of(&mut work, &behind) => ended?,
    }
    let report = behind.shutdown(task.deadline).await;
    // It ends by itself where no writes are taken any more. What was acknowledged is told first.
    while work.join_next().await.is_some() {}
    say(Report::Drained(Drained {
        left: report.left,
        dead_letters: report.dead_letters,
        elapsed: report.elapsed,
    }))
}

async fn start(task: &Task) -> Result<WriteBehind<u64>, Failure> {
    let journal = task.place.open().await?;
    let cache = task.place.cache().build().await?;
    let sink = Sink::open(&task.database)?;
    let takes = task.database_takes;
    let options = WriteBehindOptions::new()
        .max_delay(MAX_DELAY)
        .max_batch(task.max_batch)
        .poll_interval(POLL)
        .claim(CLAIM)
        .backoff(MAX_DELAY / 4, MAX_DELAY * 4);
    let writer = move |updates| Arc::clone(&sink).write(updates, takes);
    let items = cache.namespace("default")?.typed();
    Ok(WriteBehind::start(items, journal, options, writer)?)
}

/// Says when all is written, and goes on as a consumer.
async fn end_of(work: &mut JoinSet<()>, behind: &WriteBehind<u64>) -> Result<(), Failure> {
    while work.join_next().await.is_some() {}
    while behind.depth().await.map_or(1, |depth| depth.records) > 0 {
        sleep(POLL).await;
    }
    say(Report::Written)?;
    std::future::pending().await
}

async fn work_off(behind: WriteBehind<u64>, task: Task) {
    let (reports, told) = unbounded_channel();
    let mut work = JoinSet::new();
    work.spawn(report(told));
    let left = Arc::new(AtomicU64::new(task.updates));
    for number in 0..task.tasks.min(task.keys) {
        let writer = Writer {
            behind: behind.clone(),
            task: task.clone(),
            number,
            left: Arc::clone(&left),
            reports: reports.clone(),
        };
        work.spawn(writer.write());
    }
    drop(reports);
    while work.join_next().await.is_some() {}
}

/// Tells of what happened, in order.
async fn report(mut reports: UnboundedReceiver<Report>) {
    let mut batch = Vec::new();
    while reports.recv_many(&mut batch, MOST_TOLD).await > 0 {
        let mut acknowledged = Vec::new();
        for report in batch.drain(..) {
            match report {
                Report::Acknowledged { writes } => acknowledged.extend(writes),
                other => drop(say(other)),
            }
        }
        let writes = acknowledged;
        // A parent that has gone wants to know nothing.
        let _parent_has_gone = say(Report::Acknowledged { writes });
    }
}

/// One of many that write at the same time, each its own keys in turn.
struct Writer {
    behind: WriteBehind<u64>,
    task: Task,
    number: u32,
    left: Arc<AtomicU64>,
    reports: UnboundedSender<Report>,
}

impl Writer {
    async fn write(self) {
        let Task { member, life, .. } = self.task;
        let step = usize::try_from(self.task.tasks).unwrap_or(1);
        let own = (self.number..self.task.keys).step_by(step);
        // Larger than all of earlier lives, acknowledged or not.
        let first = (u64::from(life) + 1) << 32;
        for (version, number) in (first..).zip(own.cycle()) {
            if !self.takes_one() {
                return;
            }
            let key = key_of(member, life, number);
            let report = match self.behind.set(&key, version).await {
                Ok(_journaled) => Report::Acknowledged {
                    writes: vec![(key, version)],
                },
                Err(error) if error.kind() == ErrorKind::Closed => return,
                Err(error) => {
                    self.left.fetch_add(1, Ordering::SeqCst);
                    sleep(POLL).await;
                    let why = format!("{:?}: {error}", error.kind());
                    // Without the details, which differ each time.
                    let why = why.split(" (").next().unwrap_or_default().to_owned();
                    Report::Refused { why }
                }
            };
            let _nobody_listens = self.reports.send(report);
        }
    }

    fn takes_one(&self) -> bool {
        let one_less = |left: u64| left.checked_sub(1);
        let taken = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        taken.is_ok()
    }
}

fn say(report: Report) -> Result<(), Failure> {
    tell(&Answer::Behind(report))
}
