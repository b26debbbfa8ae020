//! Hosts whose clocks are wrong by an hour.

use std::sync::Arc;

use async_trait::async_trait;
use larder::{Cache, Clock, SystemClock, TypedCache};
use larder_cache_core::{Moment, Timestamp};
use tokio::time::{Duration, Instant};

use super::super::seconds;
use super::{end, process};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{FAR, NEAR};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct WrongClock;

const HOUR_MILLIS: i64 = 3_600_000;
const TTL: Duration = seconds(3);
const MOST_ERROR: Duration = seconds(1);

/// An hour behind, right, and an hour ahead.
const ERRORS_MILLIS: [i64; 3] = [-HOUR_MILLIS, 0, HOUR_MILLIS];

#[async_trait]
impl Scenario for WrongClock {
    fn facts(&self) -> Facts {
        let criterion = "clocks +-1 h: times to live wrong by <= 1 s";
        let mut facts = Facts::standalone(38, "wrong-clock", criterion);
        facts.fault = Span::always(TTL + MOST_ERROR);
        facts.besides = seconds(1);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let mut caches = Vec::new();
        for error_millis in ERRORS_MILLIS {
            let clock = Arc::new(Wrong {
                right: SystemClock::new(),
                error_millis,
            });
            caches.push(process(rig::cache(server.url()).clock(clock)).await?);
        }
        for (host, cache) in caches.iter().enumerate() {
            for space in [NEAR, FAR] {
                let items: TypedCache<u64> = cache.namespace(space)?.typed();
                let options = larder::SetOptions::new().ttl(TTL);
                items.set_with(format!("of-{host}"), 1, options).await?;
            }
        }
        let stored = Instant::now();
        stage.progress.say("stored by all");
        let mut worst = Duration::ZERO;
        for (space, host) in pairs() {
            for cache in &caches {
                let left = ttl(cache, space, host).await?;
                let expected = TTL.saturating_sub(stored.elapsed());
                worst = worst.max(left.abs_diff(expected));
            }
        }
        let early = found_at(&caches, stored + TTL - MOST_ERROR).await?;
        let late = found_at(&caches, stored + TTL + MOST_ERROR).await?;
        end(caches).await;
        let all = pairs().count() * ERRORS_MILLIS.len();
        Ok(Verdict {
            operations: all as u64 * 3,
            ..Verdict::default()
        }
        .with(Check::within("the worst error of `ttl`", worst, MOST_ERROR))
        .with(Check::equal(
            "values found a second before their end",
            early,
            all,
        ))
        .with(Check::equal("values found a second after it", late, 0)))
    }
}

/// Every value that was stored: by its namespace and the host.
fn pairs() -> impl Iterator<Item = (&'static str, usize)> {
    let hosts = 0..ERRORS_MILLIS.len();
    hosts.flat_map(|host| [(NEAR, host), (FAR, host)])
}

async fn ttl(cache: &Cache, space: &str, host: usize) -> Result<Duration, Failure> {
    let left = cache.namespace(space)?.ttl(format!("of-{host}")).await?;
    let left = left.and_then(larder::Remaining::duration);
    left.ok_or_else(|| format!("the value of host {host} has no end, or is gone").into())
}

/// How many values are found at a moment, by all.
async fn found_at(caches: &[Cache], at: Instant) -> Result<usize, Failure> {
    tokio::time::sleep_until(at).await;
    let mut found = 0;
    for (space, host) in pairs() {
        for cache in caches {
            let items: TypedCache<u64> = cache.namespace(space)?.typed();
            found += usize::from(items.get(format!("of-{host}")).await?.is_some());
        }
    }
    Ok(found)
}

/// A clock whose wall time is wrong.
#[derive(Debug)]
struct Wrong {
    right: SystemClock,
    error_millis: i64,
}

impl Clock for Wrong {
    fn now(&self) -> Moment {
        self.right.now()
    }

    fn coarse(&self) -> Moment {
        self.right.coarse()
    }

    fn wall(&self) -> Timestamp {
        let right = self.right.wall().as_millis();
        Timestamp::from_millis(right.saturating_add_signed(self.error_millis))
    }
}
