//! A master that dies, freezes or is cut off: its replica takes over.

use std::time::Duration;

use async_trait::async_trait;
use larder_testkit::{NetworkFault, RedisCluster};
use tokio::time::sleep;

use super::super::{millis, seconds};
use super::{MASTERS, Scene, facts, net};
use crate::Failure;
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::verdict::{Check, Verdict};

/// What happens to a master.
#[derive(Clone, Copy)]
pub(crate) enum Master {
    Killed,
    Frozen,
    /// For its clients it is frozen and the network black; for the rest of the cluster frozen.
    CutOff,
}

const WRITABLE: Duration = seconds(5);
const OTHERS_WRITABLE: Duration = millis(1500);

#[async_trait]
impl Scenario for Master {
    fn facts(&self) -> Facts {
        let span = Span {
            least: seconds(8),
            full: seconds(13),
        };
        match self {
            Self::Killed => {
                let criterion = "slot writable <= 5 s; other slots <= 1.5 s";
                facts(15, "cluster-kill", criterion, span)
            }
            Self::Frozen => facts(16, "cluster-freeze", "slot writable <= 5 s", span),
            Self::CutOff => facts(17, "cluster-partition", "slot writable <= 5 s", span),
        }
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let mut builder = RedisCluster::builder();
        if matches!(self, Self::CutOff) {
            builder = builder.proxied();
        }
        let mut scene = Scene::begin(stage, builder).await?;
        let victim = stage.rng(4).usize(..MASTERS);
        scene
            .trial
            .fault_begins(&format!("{} {victim}", self.verb()));
        self.strike(&scene.cluster, victim)?;
        sleep(stage.fault).await;
        let watched = scene.end_watches().await;
        self.undo(&scene.cluster, victim)?;
        scene.trial.heals();
        let measured = scene.trial.end(seconds(4)).await?;
        let mut verdict = measured.verdict().recovered(&measured, seconds(4));
        for (master, samples) in watched.iter().enumerate() {
            let (fault, lag) = (measured.fault, &measured.lag);
            let (found, limit) = if master == victim {
                let found = net(samples.recovery_within(fault), fault, lag);
                verdict.recovery = Some(found);
                (found, WRITABLE)
            } else {
                (
                    net(samples.outage(fault), fault, lag),
                    self.others_writable(),
                )
            };
            let mut check = Check::recovery(found, limit);
            check.what = format!("no writes to master {master} (victim: {victim})");
            verdict.check(check);
        }
        Ok(verdict)
    }
}

impl Master {
    fn verb(self) -> &'static str {
        match self {
            Self::Killed => "SIGKILL to master",
            Self::Frozen => "SIGSTOP to master",
            Self::CutOff => "cutting off master",
        }
    }

    /// How long the others may refuse: they do so until the replica has been elected.
    fn others_writable(self) -> Duration {
        match self {
            Self::Killed => OTHERS_WRITABLE,
            Self::Frozen | Self::CutOff => WRITABLE,
        }
    }

    fn strike(self, cluster: &RedisCluster, victim: usize) -> Result<(), Failure> {
        match self {
            Self::Killed => cluster.kill(victim),
            Self::Frozen => cluster.pause(victim)?,
            Self::CutOff => {
                cluster.proxy(victim).set(NetworkFault::BlackHole);
                cluster.pause(victim)?;
            }
        }
        Ok(())
    }

    fn undo(self, cluster: &RedisCluster, victim: usize) -> Result<(), Failure> {
        match self {
            Self::Killed => cluster.restart(victim)?,
            Self::Frozen => cluster.resume(victim)?,
            Self::CutOff => {
                cluster.resume(victim)?;
                cluster.proxy(victim).set(NetworkFault::None);
            }
        }
        Ok(())
    }
}
