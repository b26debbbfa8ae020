//! A password that is changed, and changed back.

use async_trait::async_trait;
use tokio::time::sleep;

use super::{seconds, watched};
use crate::admin::Admin;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{ConnectionCount, DEADLINE, SLACK, Trial};
use crate::verdict::Verdict;
use crate::{Failure, rig};

pub(crate) struct Password;

const RECOVERY: std::time::Duration = seconds(2);

#[async_trait]
impl Scenario for Password {
    fn facts(&self) -> Facts {
        let criterion = "calls <= 300 ms; recovery <= 2 s";
        Facts::standalone(10, "password", criterion).lasting(seconds(2), seconds(10))
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&["--requirepass", "one"])?;
        let proxy = rig::proxy(&server).await?;
        let mut admin = Admin::open(server.port()).await?;
        admin.ask("AUTH one").await?;
        let url = format!("redis://:one@{}", proxy.address());
        let connections = ConnectionCount::Proxy(proxy.clone());
        let mut trial = Trial::begin(stage, rig::cache(url), connections).await?;
        trial.fault_begins("another password");
        admin.ask("CONFIG SET requirepass two").await?;
        admin.ask("CLIENT KILL TYPE normal").await?;
        sleep(stage.fault).await;
        admin.ask("CONFIG SET requirepass one").await?;
        trial.heals();
        let measured = trial.end(watched(RECOVERY)).await?;
        let verdict = measured.verdict().with(measured.fault_was_felt());
        Ok(verdict
            .with(measured.calls_within(DEADLINE + SLACK))
            .recovered(&measured, RECOVERY))
    }
}
