//! Deletions that never reach the server: the cache must make good on them later.

use std::convert::Infallible;
use std::time::Duration;

use async_trait::async_trait;
use larder::TypedCache;
use larder_testkit::NetworkFault;
use tokio::time::sleep;

use super::{millis, seconds};
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{ConnectionCount, DEADLINE, FAR, Item, SLACK, Source, Trial};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct Invalidation;

const KEYS: u32 = 20;
const CORRECT_WITHIN: Duration = seconds(1);

#[async_trait]
impl Scenario for Invalidation {
    fn facts(&self) -> Facts {
        let criterion = "keys correct <= 1 s after the heal";
        Facts::standalone(22, "lost-invalidation", criterion).lasting(seconds(2), seconds(10))
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let proxy = rig::proxy(&server).await?;
        let connections = ConnectionCount::Proxy(proxy.clone());
        let mut trial = Trial::begin(stage, rig::cache(proxy.url()), connections).await?;
        let source = std::sync::Arc::new(Source::new(KEYS));
        let ours: TypedCache<Item> = trial.cache().namespace(FAR)?.typed();
        for key in 0..KEYS {
            load(&ours, &source, key).await?;
        }
        trial.fault_begins("deletions are lost");
        proxy.set(NetworkFault::Drop);
        let mut unconfirmed = 0;
        for key in 0..KEYS {
            source.change(key);
            unconfirmed += u32::from(ours.delete(name(key)).await.is_err());
        }
        sleep(stage.fault).await;
        proxy.set(NetworkFault::None);
        trial.heals();
        sleep(CORRECT_WITHIN).await;
        // Another process, which knows nothing of the loss.
        let other = rig::cache(server.url())
            .namespace(larder::Namespace::new(FAR))
            .build()
            .await?;
        let theirs: TypedCache<Item> = other.namespace(FAR)?.typed();
        let (mut wrong_here, mut wrong_there) = (0, 0);
        for key in 0..KEYS {
            let current = source.version(key);
            let found = theirs.get(name(key)).await?;
            wrong_there += u32::from(found.is_some_and(|item| item.version() != current));
            let found = load(&ours, &source, key).await?;
            wrong_here += u32::from(found != current);
        }
        let _report = other.shutdown(seconds(1)).await;
        drop((theirs, other, ours));
        let measured = trial.end(millis(300)).await?;
        Ok(measured
            .verdict()
            .with(measured.fault_was_felt())
            .with(Check::equal("deletions not confirmed", unconfirmed, KEYS))
            .with(Check::at_most(
                "outdated values in this process",
                wrong_here,
                0,
            ))
            .with(Check::at_most("outdated values in another", wrong_there, 0))
            .with(measured.calls_within(DEADLINE + SLACK)))
    }
}

fn name(key: u32) -> String {
    format!("invalidated-{key}")
}

/// The version that the cache answers with, be it stored or loaded.
async fn load(
    items: &TypedCache<Item>,
    source: &std::sync::Arc<Source>,
    key: u32,
) -> Result<u64, Failure> {
    let from = std::sync::Arc::clone(source);
    let loader = move || async move { Ok::<_, Infallible>(from.load(key)) };
    Ok(items.get_or_load(name(key), loader).await?.version())
}
