//! More requests than may wait for a server that does not answer.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::join_all;
use larder::{Backend, ErrorKind, RedisBackend, RedisConfig, Result as CacheResult};
use larder_cache_core::Call;
use tokio::task::unconstrained;
use tokio::time::sleep;

use super::{millis, seconds};
use crate::measure::{Lag, LagProbe, Recovery, Window};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{DEADLINE, SLACK};
use crate::verdict::{Check, Verdict, millis as millis_text};
use crate::{Failure, rig};

pub(crate) struct FullQueue;

/// More than the queue of a connection holds.
const REQUESTS: usize = 20_000;
/// Twice the bytes that may wait, in values that do not have connections of their own yet.
const BIG_WRITES: usize = 320;
const BIG_BYTES: usize = 200 << 10;

/// Nobody waits for room: a full queue refuses at once.
const REFUSED_WITHIN: Duration = millis(20);
const RECOVERY: Duration = seconds(2);

/// When a call was made since the beginning, how long it took, and what came of it.
struct Refused {
    ended: Duration,
    took: Duration,
    kind: ErrorKind,
}

#[async_trait]
impl Scenario for FullQueue {
    fn facts(&self) -> Facts {
        let mut facts = Facts::standalone(11, "full-queue", "refused <= 20 ms");
        facts.fault = Span::always(seconds(1));
        facts.besides = seconds(3);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let backend = rig::backend(RedisConfig::new(server.url())).await?;
        let key = rig::key("small")?;
        backend
            .set(&[rig::write(key.clone(), "x")], Call::within(DEADLINE))
            .await?;
        let began = Instant::now();
        let lag = LagProbe::start(began);
        stage.progress.say("many requests against a frozen server");
        server.pause()?;
        let reads = (0..REQUESTS).map(|_| {
            let keys = std::slice::from_ref(&key);
            timed(began, backend.get(keys, Call::within(DEADLINE)))
        });
        // Tokio would let a task with so many answers pause in between.
        let small = unconstrained(join_all(reads)).await;
        server.resume()?;
        let mut recovery = recovered(&backend, &key).await;
        stage.progress.say("big values against a frozen server");
        server.pause()?;
        let big = rig::write(rig::key("big")?, vec![0; BIG_BYTES]);
        let writes = (0..BIG_WRITES).map(|_| {
            let writes = std::slice::from_ref(&big);
            timed(began, backend.set(writes, Call::within(DEADLINE)))
        });
        let large = unconstrained(join_all(writes)).await;
        server.resume()?;
        recovery = recovery.max(recovered(&backend, &key).await);
        let lag = lag.end();
        backend.close().await;
        let all = Window {
            from: Duration::ZERO,
            to: began.elapsed(),
        };
        let recovery = recovery.map_or(Recovery::Never, Recovery::After);
        let verdict = Verdict {
            operations: (REQUESTS + BIG_WRITES) as u64,
            worst_lag: lag.worst(all),
            recovery: Some(recovery),
            ..Verdict::default()
        };
        Ok(verdict
            .with(refused_some("reads refused", &small))
            .with(refused_some("writes refused", &large))
            .with(refused_soon("refusals of reads", &small, &lag))
            .with(refused_soon("refusals of writes", &large, &lag))
            .with(Check::recovery(recovery, RECOVERY)))
    }
}

async fn timed<T>(began: Instant, call: impl Future<Output = CacheResult<T>>) -> Option<Refused> {
    let asked = Instant::now();
    let error = call.await.err()?;
    Some(Refused {
        ended: began.elapsed(),
        took: asked.elapsed(),
        kind: error.kind(),
    })
}

fn refusals(calls: &[Option<Refused>]) -> impl Iterator<Item = &Refused> {
    let refused = calls.iter().flatten();
    refused.filter(|call| call.kind == ErrorKind::Backpressure)
}

fn refused_some(what: &str, calls: &[Option<Refused>]) -> Check {
    Check::at_least(what, refusals(calls).count(), 1)
}

/// All but one in a thousand within the criterion: a machine with other work interrupts a thread
/// without the lag being seen on another.
fn refused_soon(what: &str, calls: &[Option<Refused>], lag: &Lag) -> Check {
    let net = |call: &Refused| {
        let window = Window {
            from: call.ended.saturating_sub(call.took),
            to: call.ended,
        };
        call.took.saturating_sub(lag.worst(window))
    };
    let mut took: Vec<Duration> = refusals(calls).map(net).collect();
    took.sort_unstable();
    let slowest = took.last().copied().unwrap_or(Duration::MAX);
    let most = took
        .get(took.len() * 999 / 1000)
        .copied()
        .unwrap_or(slowest);
    let mut check = Check::within(what, most, REFUSED_WITHIN);
    check.is_held &= slowest <= REFUSED_WITHIN + SLACK;
    check.found = format!("{}; the slowest {}", check.found, millis_text(slowest));
    check
}

/// How long it takes until calls succeed; `None`: too long.
async fn recovered(backend: &RedisBackend, key: &larder_cache_core::Key) -> Option<Duration> {
    let began = Instant::now();
    while began.elapsed() < 2 * RECOVERY {
        let keys = std::slice::from_ref(key);
        if backend.get(keys, Call::within(DEADLINE)).await.is_ok() {
            return Some(began.elapsed());
        }
        sleep(millis(10)).await;
    }
    None
}
