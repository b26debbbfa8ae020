//! All connections for large values are in use, on a link that is slow.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::{join, join_all};
use larder::{Backend, ErrorKind, RedisBackend, RedisConfig};
use larder_cache_core::{Call, Write};
use larder_testkit::NetworkFault;
use tokio::time::sleep;

use super::{millis, seconds};
use crate::measure::{LagProbe, Recovery, Window};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::DEADLINE;
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct PoolExhausted;

const CONNECTIONS: usize = 2;
const LARGE_BYTES: usize = 1 << 20;
/// A large value takes five seconds.
const SLOW: NetworkFault = NetworkFault::Throttle {
    bytes_per_second: 200_000,
};
const HOLD: Call = Call::within(seconds(2));
const WAITING: usize = 8;
const TOLERANCE: Duration = millis(20);
const RECOVERY: Duration = seconds(2);

#[async_trait]
impl Scenario for PoolExhausted {
    fn facts(&self) -> Facts {
        let criterion = "refused <= 250 + 20 ms; small values unharmed";
        let mut facts = Facts::standalone(11, "pool-exhausted", criterion);
        facts.fault = Span::always(seconds(2));
        facts.besides = seconds(2);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let proxy = rig::proxy(&server).await?;
        let config = RedisConfig::new(proxy.url()).bulk_connections(CONNECTIONS);
        let backend = rig::backend(config).await?;
        let large = rig::write(rig::key("large")?, vec![7; LARGE_BYTES]);
        let small = rig::write(rig::key("small")?, "x");
        set(&backend, &large, Call::within(seconds(2))).await?;
        set(&backend, &small, Call::within(DEADLINE)).await?;
        stage
            .progress
            .say("more large values than connections, on a slow link");
        proxy.set(SLOW);
        let began = Instant::now();
        let lag = LagProbe::start(began);
        let holding = join_all((0..CONNECTIONS).map(|_| set(&backend, &large, HOLD)));
        let others = async {
            sleep(millis(200)).await;
            let waiting = (0..WAITING).map(|_| async {
                let asked = began.elapsed();
                let result = set(&backend, &large, Call::within(DEADLINE)).await;
                let window = Window {
                    from: asked,
                    to: began.elapsed(),
                };
                (result.err().map(|error| error.kind()), window)
            });
            let reads = join_all((0..WAITING).map(|_| {
                let key = std::slice::from_ref(&small.key);
                backend.get(key, Call::within(DEADLINE))
            }));
            join(join_all(waiting), reads).await
        };
        let (_held, (refused, reads)) = join(holding, others).await;
        proxy.set(NetworkFault::None);
        let recovery = recovery(&backend, &large).await;
        let lag = lag.end();
        backend.close().await;
        let net = |window: &Window| (window.to - window.from).saturating_sub(lag.worst(*window));
        let longest = refused.iter().map(|(_, window)| net(window)).max();
        let longest = longest.unwrap_or(Duration::MAX);
        let backpressure = refused
            .iter()
            .filter(|(kind, _)| *kind == Some(ErrorKind::Backpressure));
        let failed_reads = reads.iter().filter(|read| read.is_err()).count();
        let verdict = Verdict {
            operations: (CONNECTIONS + 2 * WAITING) as u64,
            failed_reads: Some(failed_reads as u64),
            longest_call: Some(longest),
            worst_lag: lag.worst(Window {
                from: Duration::ZERO,
                to: began.elapsed(),
            }),
            recovery: Some(recovery),
            ..Verdict::default()
        };
        Ok(verdict
            .with(Check::equal(
                "calls refused for want of a connection",
                backpressure.count(),
                WAITING,
            ))
            .with(Check::within(
                "the slowest refusal",
                longest,
                DEADLINE + TOLERANCE,
            ))
            .with(Check::at_most(
                "failed reads of small values",
                failed_reads,
                0,
            ))
            .with(Check::recovery(recovery, RECOVERY)))
    }
}

async fn set(backend: &RedisBackend, write: &Write, call: Call) -> larder::Result<()> {
    backend
        .set(std::slice::from_ref(write), call)
        .await
        .map(drop)
}

async fn recovery(backend: &RedisBackend, write: &Write) -> Recovery {
    let began = Instant::now();
    while began.elapsed() < 2 * RECOVERY {
        if set(backend, write, Call::within(DEADLINE)).await.is_ok() {
            return Recovery::After(began.elapsed());
        }
        sleep(millis(10)).await;
    }
    Recovery::Never
}
