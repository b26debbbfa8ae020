//! A server that lets its clients wait, as in a failover by hand.

use async_trait::async_trait;
use tokio::time::sleep;

use super::{seconds, watched};
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{ConnectionCount, DEADLINE, SLACK, Trial};
use crate::verdict::Verdict;
use crate::{Failure, admin, rig};

pub(crate) struct ClientPause {
    name: &'static str,
    commands: &'static str,
}

impl ClientPause {
    pub(crate) const ALL: Self = Self {
        name: "client-pause-all",
        commands: "ALL",
    };

    pub(crate) const WRITE: Self = Self {
        name: "client-pause-write",
        commands: "WRITE",
    };
}

const RECOVERY: std::time::Duration = seconds(2);

#[async_trait]
impl Scenario for ClientPause {
    fn facts(&self) -> Facts {
        let criterion = "calls <= 300 ms; recovery <= 2 s";
        Facts::standalone(4, self.name, criterion).lasting(seconds(2), seconds(3))
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        // What a paused server has to say of its clients it says after the pause.
        let connections = ConnectionCount::Server(server.port());
        let mut trial = Trial::begin(stage, rig::cache(server.url()), connections).await?;
        let order = format!("CLIENT PAUSE {} {}", stage.fault.as_millis(), self.commands);
        trial.fault_begins(&order);
        admin::ask(server.port(), &order).await?;
        sleep(stage.fault).await;
        trial.heals();
        let measured = trial.end(watched(RECOVERY)).await?;
        let verdict = measured.verdict().with(measured.fault_was_felt());
        Ok(verdict
            .with(measured.calls_within(DEADLINE + SLACK))
            .recovered(&measured, RECOVERY))
    }
}
