//! A server that is out of memory and takes no writes.

use async_trait::async_trait;
use larder::ErrorKind;
use tokio::time::sleep;

use super::{seconds, watched};
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{ConnectionCount, DEADLINE, FAR, SLACK, Trial};
use crate::verdict::{Check, Verdict};
use crate::{Failure, admin, rig};

pub(crate) struct OutOfMemory;

const RECOVERY: std::time::Duration = seconds(2);

#[async_trait]
impl Scenario for OutOfMemory {
    fn facts(&self) -> Facts {
        let criterion = "reads and deletions 100 % ok; writes a typed error";
        Facts::standalone(13, "out-of-memory", criterion).lasting(seconds(2), seconds(5))
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let port = server.port();
        let connections = ConnectionCount::Server(port);
        let mut trial = Trial::begin(stage, rig::cache(server.url()), connections).await?;
        trial.fault_begins("maxmemory 1");
        admin::ask(port, "CONFIG SET maxmemory 1").await?;
        let items = trial.cache().namespace(FAR)?.typed();
        let refusal = items.set("0", trial.source().load(0)).await.err();
        sleep(stage.fault).await;
        admin::ask(port, "CONFIG SET maxmemory 0").await?;
        trial.heals();
        let measured = trial.end(watched(RECOVERY)).await?;
        let during = || measured.samples.within(measured.fault);
        // A lease and a fill store something as well.
        let writes_something = |operation| ["set", "lease", "fill", "epochs"].contains(&operation);
        let others = during().filter(|call| !writes_something(call.operation));
        let others = others.filter(|call| call.failure.is_some());
        let writes = during().filter(|call| writes_something(call.operation));
        let typed = writes.filter_map(|call| call.failure);
        let untyped = typed.filter(|kind| *kind != ErrorKind::Server).count();
        let is_told = refusal.as_ref().is_some_and(|error| {
            error.kind() == ErrorKind::Server
                && error.is_replay_safe()
                && !error.is_transient()
                && error.to_string().contains("maxmemory")
        });
        let refusal = refusal.map_or("no error".to_owned(), |error| error.to_string());
        Ok(measured
            .verdict()
            .with(measured.fault_was_felt())
            .with(Check::at_most(
                "failed reads and deletions",
                others.count(),
                0,
            ))
            .with(Check::at_most("writes with another error", untyped, 0))
            .with(Check::that("a write is told why", is_told, refusal))
            .with(Check::equal("reconnects", measured.reconnects, 0))
            .with(measured.calls_within(DEADLINE + SLACK))
            .recovered(&measured, RECOVERY))
    }
}
