//! A network fault before one node, which the rest of the cluster does not notice.

use async_trait::async_trait;
use larder_testkit::{NetworkFault, RedisCluster};
use tokio::time::sleep;

use super::super::{millis, seconds};
use super::{MASTERS, Scene, facts};
use crate::Failure;
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{DEADLINE, SLACK};
use crate::verdict::{Check, Verdict};

pub(crate) struct NodeNetwork {
    name: &'static str,
    fault: fn(u64) -> NetworkFault,
}

impl NodeNetwork {
    pub(crate) const ALL: [Self; 5] = [
        Self {
            name: "cluster-black-hole",
            fault: |_| NetworkFault::BlackHole,
        },
        Self {
            name: "cluster-delay",
            fault: |_| NetworkFault::Delay(millis(400)),
        },
        Self {
            name: "cluster-throttle",
            fault: |_| NetworkFault::Throttle {
                bytes_per_second: 1_000,
            },
        },
        Self {
            name: "cluster-corrupt-bytes",
            fault: |seed| NetworkFault::Corrupt { seed, one_in: 500 },
        },
        Self {
            name: "cluster-truncated-bytes",
            fault: |seed| NetworkFault::CutAfter {
                bytes: 2_000 + seed % 500,
            },
        },
    ];
}

const RECOVERY: std::time::Duration = seconds(2);

#[async_trait]
impl Scenario for NodeNetwork {
    fn facts(&self) -> Facts {
        let span = Span {
            least: seconds(2),
            full: seconds(10),
        };
        let criterion = "calls <= 300 ms; other nodes unharmed; recovery <= 2 s";
        Facts {
            number: None,
            ..facts(0, self.name, criterion, span)
        }
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let mut scene = Scene::begin(stage, RedisCluster::builder().proxied()).await?;
        let victim = stage.rng(4).usize(..MASTERS);
        scene
            .trial
            .fault_begins(&format!("{} before master {victim}", self.name));
        let proxy = scene.cluster.proxy(victim);
        proxy.set((self.fault)(stage.rng(3).u64(..)));
        sleep(stage.fault).await;
        scene.cluster.proxy(victim).set(NetworkFault::None);
        scene.trial.heals();
        sleep(RECOVERY).await;
        let watched = scene.end_watches().await;
        let measured = scene.trial.end(millis(1200)).await?;
        let mut verdict = measured
            .verdict()
            .with(measured.fault_was_felt())
            .with(measured.calls_within(DEADLINE + SLACK))
            .recovered(&measured, RECOVERY);
        for (master, samples) in watched.iter().enumerate().filter(|(m, _)| *m != victim) {
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
