//! Connections that are reset, again and again, while new ones are welcome.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;

use super::{millis, seconds};
use crate::measure::{Recovery, Window};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{ConnectionCount, DEADLINE, LoadSize, Measured, SLACK, Trial};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct Reset;

const GAP: Duration = millis(100);

/// From one reset to the next.
const EVERY: Duration = millis(800);

#[async_trait]
impl Scenario for Reset {
    fn facts(&self) -> Facts {
        let criterion = "<= 1 failed call per request in flight; gap <= 100 ms";
        let mut facts = Facts::standalone(8, "reset", criterion);
        facts.fault = Span {
            least: seconds(3),
            full: seconds(10),
        };
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let proxy = rig::proxy(&server).await?;
        let connections = ConnectionCount::Proxy(proxy.clone());
        let mut trial = Trial::begin(stage, rig::cache(proxy.url()), connections).await?;
        trial.fault_begins("RST, several times");
        let mut resets = Vec::new();
        let until = trial.elapsed() + stage.fault;
        while trial.elapsed() < until {
            let from = trial.elapsed();
            proxy.reset_all();
            sleep(EVERY).await;
            resets.push(Window {
                from,
                to: trial.elapsed(),
            });
        }
        trial.heals();
        let measured = trial.end(millis(500)).await?;
        let mut verdict = measured
            .verdict()
            .with(measured.calls_within(DEADLINE + SLACK))
            .with(Check::equal(
                "reconnects",
                measured.reconnects,
                resets.len() as u64,
            ));
        // A task has one request in flight, be it a read or what follows it.
        let in_flight = LoadSize::default().tasks as usize;
        let most = resets.iter().map(|reset| measured.samples.failures(*reset));
        let most = most.max().unwrap_or(0);
        verdict.check(Check::at_most("failed calls of a reset", most, in_flight));
        let gap = longest_gap(&measured, &resets);
        verdict.recovery = Some(gap);
        Ok(verdict.with(Check::recovery(gap, GAP)))
    }
}

fn longest_gap(measured: &Measured, resets: &[Window]) -> Recovery {
    let mut longest = Duration::ZERO;
    for reset in resets {
        let Recovery::After(gap) = measured.samples.recovery_within(*reset) else {
            return Recovery::Never;
        };
        let within = Window {
            to: reset.from + gap,
            ..*reset
        };
        longest = longest.max(gap.saturating_sub(measured.lag.worst(within)));
    }
    Recovery::After(longest)
}
