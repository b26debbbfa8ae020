//! A failover by hand: the old master goes on taking writes that are lost.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use larder::{GetOptions, OnError};
use larder_testkit::RedisSentinel;
use tokio::time::sleep;

use super::super::{millis, seconds};
use super::{connections, facts};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{FAR, Trial};
use crate::verdict::{Check, Verdict, millis as shown};
use crate::{Failure, rig};

pub(crate) struct Failover;

const LOST_WINDOW: Duration = millis(1500);
const EVERY: Duration = millis(5);

#[async_trait]
impl Scenario for Failover {
    fn facts(&self) -> Facts {
        // The old master is told of its new role after 11 seconds.
        let span = Span {
            least: seconds(13),
            full: seconds(18),
        };
        let criterion = "confirmed writes lost for <= 1.5 s";
        facts(21, "sentinel-failover", criterion, span)
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let group = RedisSentinel::builder()
            .arg("--min-replicas-to-write")
            .arg("1")
            .start()?;
        let cache = rig::cache(group.url());
        let mut trial = Trial::begin(stage, cache, connections(&group)?).await?;
        let old = group.master()?;
        let values = trial.cache().namespace(FAR)?.typed::<u64>();
        trial.fault_begins("SENTINEL FAILOVER");
        group.failover()?;
        let began = Instant::now();
        let mut confirmed = Vec::new();
        let mut number = 0;
        while began.elapsed() < stage.fault {
            number += 1;
            if values.set(format!("write-{number}"), number).await.is_ok() {
                confirmed.push((number, began.elapsed()));
            }
            sleep(EVERY).await;
        }
        trial.heals();
        let new = group.master()?;
        sleep(seconds(1)).await;
        let mut lost = Vec::new();
        for (number, at) in &confirmed {
            let strict = GetOptions::new().on_error(OnError::Fail);
            let found = values.get_with(format!("write-{number}"), strict).await?;
            if found.is_none() {
                lost.push(*at);
            }
        }
        let window = match (lost.first(), lost.last()) {
            (Some(first), Some(last)) => last.saturating_sub(*first),
            _ => Duration::ZERO,
        };
        stage.progress.say(&format!(
            "{} of {} confirmed writes lost, within {}",
            lost.len(),
            confirmed.len(),
            shown(window)
        ));
        drop(values);
        let measured = trial.end(seconds(2)).await?;
        Ok(measured
            .verdict()
            .with(Check::that(
                "another is master",
                new != old,
                format!("{old} still"),
            ))
            .with(Check::at_least("confirmed writes", confirmed.len(), 100))
            .with(Check::within(
                "the window of lost writes",
                window,
                LOST_WINDOW,
            ))
            .recovered(&measured, seconds(2)))
    }
}
