//! Something that accepts connections and never answers, from the start.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use larder::{AtStart, RedisConfig};
use larder_testkit::NetworkFault;
use tokio::time::sleep;

use super::seconds;
use crate::measure::{LagProbe, Recovery, Window};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct NeverAnswers;

const START: Duration = seconds(1);
const RECOVERY: Duration = seconds(2);

#[async_trait]
impl Scenario for NeverAnswers {
    fn facts(&self) -> Facts {
        let mut facts = Facts::standalone(5, "never-answers", "a start that must fails <= 1 s");
        facts.fault = Span::always(seconds(2));
        facts.besides = seconds(2);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let proxy = rig::proxy(&server).await?;
        proxy.set(NetworkFault::BlackHole);
        stage.progress.say("starting against silence");
        let began = Instant::now();
        let lag = LagProbe::start(began);
        let required = RedisConfig::new(proxy.url()).at_start(AtStart::Required);
        let refused = rig::backend(required).await;
        let strict = began.elapsed();
        let cache = rig::cache(proxy.url()).build().await?;
        let lenient = began.elapsed() - strict;
        let names = cache.namespace("default")?.typed::<String>();
        let loaded = names.get_or_load("7", || async { Ok::<_, Failure>("Ada".to_owned()) });
        let loaded = loaded.await;
        proxy.set(NetworkFault::None);
        let healed = Instant::now();
        let recovery = loop {
            match names.set("8", "Bob".to_owned()).await {
                Ok(()) => break Recovery::After(healed.elapsed()),
                Err(_) if healed.elapsed() > 2 * RECOVERY => break Recovery::Never,
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        };
        let _report = cache.shutdown(seconds(1)).await;
        let lag = lag.end().worst(Window {
            from: Duration::ZERO,
            to: began.elapsed(),
        });
        let verdict = Verdict {
            operations: 3,
            failed_reads: Some(u64::from(loaded.is_err())),
            worst_lag: lag,
            recovery: Some(recovery),
            longest_call: Some(strict.saturating_sub(lag)),
            ..Verdict::default()
        };
        Ok(verdict
            .with(Check::that(
                "a server is required",
                refused.is_err(),
                "started",
            ))
            .with(Check::within(
                "that start",
                strict.saturating_sub(lag),
                START,
            ))
            .with(Check::within(
                "the other start",
                lenient.saturating_sub(lag),
                START,
            ))
            .with(Check::that(
                "the loader answers",
                loaded.is_ok(),
                "a failed read",
            ))
            .with(Check::recovery(recovery, RECOVERY)))
    }
}
