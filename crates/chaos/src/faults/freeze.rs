//! A server that stops, with all its connections open.

use async_trait::async_trait;
use tokio::time::sleep;

use super::{millis, seconds, watched};
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{ConnectionCount, DEADLINE, SLACK, Trial};
use crate::verdict::Verdict;
use crate::{Failure, rig};

pub(crate) struct Freeze;

const RECOVERY: std::time::Duration = millis(200);

#[async_trait]
impl Scenario for Freeze {
    fn facts(&self) -> Facts {
        let criterion = "calls <= 300 ms; recovery <= 200 ms";
        Facts::standalone(1, "freeze", criterion).lasting(seconds(2), seconds(5))
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let connections = ConnectionCount::Server(server.port());
        let mut trial = Trial::begin(stage, rig::cache(server.url()), connections).await?;
        trial.fault_begins("SIGSTOP");
        server.pause()?;
        sleep(stage.fault).await;
        server.resume()?;
        trial.heals();
        let measured = trial.end(watched(RECOVERY)).await?;
        let verdict = measured.verdict().with(measured.fault_was_felt());
        Ok(verdict
            .with(measured.calls_within(DEADLINE + SLACK))
            .recovered(&measured, RECOVERY))
    }
}
