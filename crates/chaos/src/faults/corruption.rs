//! Replies that arrive changed, or cut off in the middle.

use async_trait::async_trait;
use larder_testkit::NetworkFault;
use tokio::time::sleep;

use super::{seconds, watched};
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{ConnectionCount, DEADLINE, SLACK, Trial};
use crate::verdict::Verdict;
use crate::{Failure, rig};

pub(crate) struct Corruption {
    name: &'static str,
    fault: fn(u64) -> NetworkFault,
}

impl Corruption {
    pub(crate) const CHANGED: Self = Self {
        name: "corrupt-bytes",
        fault: |seed| NetworkFault::Corrupt { seed, one_in: 500 },
    };

    pub(crate) const CUT_SHORT: Self = Self {
        name: "truncated-bytes",
        fault: |seed| NetworkFault::CutAfter {
            bytes: 2_000 + seed % 500,
        },
    };
}

const RECOVERY: std::time::Duration = seconds(1);

#[async_trait]
impl Scenario for Corruption {
    fn facts(&self) -> Facts {
        let criterion = "0 wrong values; recovery <= 1 s";
        Facts::standalone(9, self.name, criterion).lasting(seconds(2), seconds(10))
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let proxy = rig::proxy(&server).await?;
        let connections = ConnectionCount::Proxy(proxy.clone());
        let mut trial = Trial::begin(stage, rig::cache(proxy.url()), connections).await?;
        trial.fault_begins(self.name);
        proxy.set((self.fault)(stage.rng(3).u64(..)));
        sleep(stage.fault).await;
        proxy.set(NetworkFault::None);
        trial.heals();
        let measured = trial.end(watched(RECOVERY)).await?;
        let verdict = measured.verdict().with(measured.fault_was_felt());
        Ok(verdict
            .with(measured.calls_within(DEADLINE + SLACK))
            .recovered(&measured, RECOVERY))
    }
}
