//! A process that is frozen in the middle of a load for longer than its right to it lasts.

use std::convert::Infallible;

use async_trait::async_trait;
use tokio::time::{Duration, Instant, sleep};

use super::super::{millis, seconds};
use super::end;
use crate::fleet::{Answer, HOLDER_SPACE, Holder, Order, Process, Signal, Upstream};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::verdict::{Check, Verdict};
use crate::{Failure, freshness, rig};

pub(crate) struct FrozenHolder;

const ROUNDS: u64 = 3;
const LEASE: Duration = millis(600);
const MAX_STALENESS: Duration = millis(500);
const PATIENCE: Duration = seconds(10);

/// What the frozen process answers with, and what others do meanwhile.
const OUTDATED: u64 = 1;
const CURRENT: u64 = 2;

#[async_trait]
impl Scenario for FrozenHolder {
    fn facts(&self) -> Facts {
        let criterion = "its outdated value is never stored";
        let mut facts = Facts::standalone(31, "frozen-holder", criterion);
        facts.fault = Span::always(LEASE * 3 * 3);
        facts.besides = seconds(1);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let space = freshness::coherent(HOLDER_SPACE, MAX_STALENESS);
        let builder = freshness::lease(rig::cache(server.url()), LEASE);
        let cache = builder.namespace(space).build().await?;
        let items = cache.namespace(HOLDER_SPACE)?.typed::<u64>();
        let mut verdict = Verdict {
            operations: ROUNDS * 3,
            ..Verdict::default()
        };
        for round in 0..ROUNDS {
            let key = format!("held-{round}");
            let upstream = Upstream::Url(server.url());
            let found = self::round(&items, upstream, &key).await?;
            stage.progress.say(&format!("round {round}: {found:?}"));
            verdict.check(Check::equal("loaded meanwhile", found.meanwhile, CURRENT));
            verdict.check(Check::within(
                "waited for it",
                found.waited,
                LEASE + seconds(1),
            ));
            verdict.check(Check::equal("its caller got", found.loaded, OUTDATED));
            verdict.check(Check::equal("it read after that", found.read, CURRENT));
            // Read past L1, which the frozen process can't have filled.
            verdict.check(Check::equal("stored in the end", found.stored, CURRENT));
        }
        drop(items);
        end([cache]).await;
        Ok(verdict)
    }
}

#[derive(Debug)]
struct Found {
    meanwhile: u64,
    waited: Duration,
    loaded: u64,
    read: u64,
    stored: u64,
}

async fn round(
    items: &larder::TypedCache<u64>,
    upstream: Upstream,
    key: &str,
) -> Result<Found, Failure> {
    let order = Order::Holder(Holder {
        upstream: upstream.clone(),
        key: key.to_owned(),
        value: OUTDATED,
        lease: LEASE,
    });
    let (mut holder, mut answers) = Process::spawn(&order).await?;
    for expected in ["Ready", "Loading"] {
        let answer = format!("{:?}", answers.expect(PATIENCE).await?);
        if answer != expected {
            return Err(format!("the holder said {answer}, not {expected}").into());
        }
    }
    holder.pause()?;
    let asked = Instant::now();
    let loader = || async { Ok::<u64, Infallible>(CURRENT) };
    let meanwhile = *items.get_or_load(key, loader).await?;
    let waited = asked.elapsed();
    sleep((LEASE * 3).saturating_sub(waited)).await;
    holder.resume()?;
    holder.signal(Signal::Go).await?;
    let Answer::Held { loaded, read } = answers.expect(PATIENCE).await? else {
        return Err("the holder said something else".into());
    };
    holder.end().await?;
    Ok(Found {
        meanwhile,
        waited,
        loaded,
        read,
        stored: stored(upstream, key).await?,
    })
}

/// What a process finds that has seen nothing of it all.
async fn stored(upstream: Upstream, key: &str) -> Result<u64, Failure> {
    let space = freshness::coherent(HOLDER_SPACE, MAX_STALENESS);
    let cache = upstream.builder().namespace(space).build().await?;
    let items = cache.namespace(HOLDER_SPACE)?.typed::<u64>();
    let found = items.get(key).await?;
    drop(items);
    end([cache]).await;
    Ok(found.map_or(0, |value| *value))
}
