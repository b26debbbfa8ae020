//! A shard that freezes as a whole: nobody takes over, and the others go on.

use std::time::Duration;

use async_trait::async_trait;
use larder_testkit::RedisCluster;
use tokio::time::sleep;

use super::super::{millis, seconds};
use super::{MASTERS, Scene, facts};
use crate::Failure;
use crate::plan::Span;
use crate::scenario::{Company, Facts, Scenario, Stage};
use crate::trial::{DEADLINE, SLACK};
use crate::verdict::{Check, Verdict};

pub(crate) struct WholeShard;

/// What a busy machine adds to a percentile of a few milliseconds.
const NOISE: Duration = millis(15);

#[async_trait]
impl Scenario for WholeShard {
    fn facts(&self) -> Facts {
        let span = Span {
            least: seconds(8),
            full: seconds(28),
        };
        let criterion = "other shards' p99 <= 2x as before (+ 15 ms); 0 hangs";
        let mut facts = facts(18, "cluster-shard-freeze", criterion, span);
        facts.company = Company::Disturbing;
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let builder = RedisCluster::builder()
            .arg("--cluster-require-full-coverage")
            .arg("no");
        let mut scene = Scene::begin(stage, builder).await?;
        let victim = stage.rng(4).usize(..MASTERS);
        // The replicas come after the masters, in their order.
        let shard = [victim, victim + MASTERS];
        scene
            .trial
            .fault_begins(&format!("SIGSTOP to nodes {shard:?}"));
        for node in shard {
            scene.cluster.pause(node)?;
        }
        sleep(stage.fault).await;
        let watched = scene.end_watches().await;
        for node in shard {
            scene.cluster.resume(node)?;
        }
        scene.trial.heals();
        let measured = scene.trial.end(seconds(4)).await?;
        let mut verdict = measured
            .verdict()
            .with(measured.fault_was_felt())
            .with(measured.calls_within(DEADLINE + SLACK))
            .recovered(&measured, seconds(3));
        for (master, samples) in watched.iter().enumerate().filter(|(m, _)| *m != victim) {
            let before = samples.p99(measured.calm, "set").unwrap_or(Duration::ZERO);
            let during = samples.p99(measured.fault, "set").unwrap_or(Duration::MAX);
            let what = format!("p99 of master {master}");
            verdict.check(Check::within(&what, during, 2 * before + NOISE));
            let failures = samples.failures(measured.fault);
            verdict.check(Check::at_most(
                &format!("failures of master {master}"),
                failures,
                0,
            ));
        }
        Ok(verdict)
    }
}
