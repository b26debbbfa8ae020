//! A server that is killed and comes back, empty.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;

use super::{millis, seconds, watched};
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{ConnectionCount, DEADLINE, SLACK, Trial};
use crate::verdict::Verdict;
use crate::{Failure, rig};

pub(crate) struct Kill {
    number: u8,
    name: &'static str,
    criterion: &'static str,
    least: Duration,
    full: Duration,
    recovery: Duration,
}

impl Kill {
    pub(crate) const RESTART: Self = Self {
        number: 2,
        name: "kill-and-restart",
        criterion: "calls <= 300 ms; recovery <= 300 ms",
        least: seconds(2),
        full: seconds(3),
        recovery: millis(300),
    };

    pub(crate) const LONG_DOWN: Self = Self {
        number: 3,
        name: "long-down",
        criterion: "calls <= 300 ms; recovery <= 500 ms",
        least: seconds(5),
        full: seconds(25),
        recovery: millis(500),
    };
}

#[async_trait]
impl Scenario for Kill {
    fn facts(&self) -> Facts {
        let facts = Facts::standalone(self.number, self.name, self.criterion);
        facts.lasting(self.least, self.full)
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let mut server = rig::server(&[])?;
        let connections = ConnectionCount::Server(server.port());
        let mut trial = Trial::begin(stage, rig::cache(server.url()), connections).await?;
        trial.fault_begins("SIGKILL");
        server.kill();
        sleep(stage.fault).await;
        server.restart()?;
        trial.heals();
        let measured = trial.end(watched(self.recovery)).await?;
        let verdict = measured.verdict().with(measured.fault_was_felt());
        Ok(verdict
            .with(measured.calls_within(DEADLINE + SLACK))
            .recovered(&measured, self.recovery))
    }
}
