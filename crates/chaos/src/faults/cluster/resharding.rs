//! Slots that move from one master to another under load.

use std::collections::BTreeSet;
use std::time::Instant;

use async_trait::async_trait;
use larder_testkit::{MigrationPace, RedisCluster};

use super::super::{millis, seconds};
use super::{Scene, facts};
use crate::Failure;
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{FAR, NEAR};
use crate::verdict::{Check, Verdict};

pub(crate) struct Resharding;

#[async_trait]
impl Scenario for Resharding {
    fn facts(&self) -> Facts {
        let span = Span {
            least: seconds(4),
            full: seconds(15),
        };
        let criterion = "0 failed calls (no MOVED, no ASK); 0 wrong values";
        facts(19, "cluster-resharding", criterion, span)
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let mut scene = Scene::begin(stage, RedisCluster::builder()).await?;
        let slots = slots_of_the_load(&scene)?;
        scene.trial.fault_begins("resharding");
        let pace = MigrationPace::default().batch_keys(1).pause(millis(20));
        let (began, mut moved, mut keys) = (Instant::now(), 0, 0);
        for slot in slots {
            if began.elapsed() > stage.fault {
                break;
            }
            let from = scene.cluster.master_of(slot)?;
            keys += scene
                .cluster
                .migrate_slot(slot, from, (from + 1) % 3, pace)?;
            moved += 1;
        }
        scene.trial.heals();
        stage
            .progress
            .say(&format!("moved {moved} slots with {keys} keys"));
        let _watched = scene.end_watches().await;
        let measured = scene.trial.end(seconds(1)).await?;
        let failures = measured.samples.failures(measured.all);
        let mut failed = Check::at_most("failed calls", failures, 0);
        if let (true, Some(last)) = (failures > 0, &measured.last_failure) {
            failed.found = format!("{failures}; the last: {last}");
        }
        Ok(measured
            .verdict()
            .with(Check::at_least("slots moved", moved, 10))
            .with(Check::at_least("keys moved", keys, 1))
            .with(failed))
    }
}

/// The slots of the keys that are in use, so that moving them is felt.
fn slots_of_the_load(scene: &Scene) -> Result<BTreeSet<u16>, Failure> {
    let mut slots = BTreeSet::new();
    for key in 0..scene.trial.source().keys() {
        for namespace in [NEAR, FAR] {
            let physical = scene.trial.cache().build_key(&key.to_string(), namespace)?;
            slots.insert(scene.cluster.slot_of(physical.as_bytes()));
        }
    }
    Ok(slots)
}
