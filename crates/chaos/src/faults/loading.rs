//! A server that comes back and reads its data from disk for a long time.

use async_trait::async_trait;
use std::time::Duration;
use tokio::time::{Instant, sleep};

use super::{millis, seconds, watched};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{ConnectionCount, DEADLINE, SLACK, Trial};
use crate::verdict::{Check, Verdict};
use crate::{Failure, admin, rig};

pub(crate) struct Loading;

const RECOVERY: Duration = seconds(2);
const MOST_CONNECTIONS_PER_SECOND: f64 = 10.0;

/// What the server pauses for at each key that it loads.
const KEY_LOAD_DELAY: Duration = Duration::from_micros(400);

#[async_trait]
impl Scenario for Loading {
    fn facts(&self) -> Facts {
        let criterion = "<= 10 new connections/s; recovery <= 2 s";
        let mut facts = Facts::standalone(12, "loading", criterion);
        facts.fault = Span {
            least: seconds(4),
            full: seconds(15),
        };
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let delay = KEY_LOAD_DELAY.as_micros().to_string();
        let mut server = rig::server(&[
            "--key-load-delay",
            &delay,
            "--loading-process-events-interval-bytes",
            "1024",
        ])?;
        let port = server.port();
        let keys = stage.fault.as_micros() / KEY_LOAD_DELAY.as_micros();
        admin::ask(port, &format!("DEBUG POPULATE {keys} filler 50")).await?;
        let proxy = rig::proxy(&server).await?;
        let connections = ConnectionCount::Proxy(proxy.clone());
        let mut trial = Trial::begin(stage, rig::cache(proxy.url()), connections).await?;
        admin::ask(port, "SAVE").await?;
        trial.fault_begins("restarting with data to load");
        server.restart()?;
        let (began, accepted) = (Instant::now(), proxy.accepted());
        while is_loading(port).await? {
            sleep(millis(20)).await;
        }
        let (lasted, accepted) = (began.elapsed(), proxy.accepted() - accepted);
        trial.heals();
        let measured = trial.end(watched(RECOVERY)).await?;
        let per_second = accepted as f64 / lasted.as_secs_f64();
        stage.progress.say(&format!(
            "it loaded for {:.1} s, {per_second:.1} new connections/s",
            lasted.as_secs_f64()
        ));
        Ok(measured
            .verdict()
            .with(measured.fault_was_felt())
            .with(Check::that(
                "it loaded for long enough",
                lasted >= stage.fault / 2,
                format!("{lasted:?}"),
            ))
            .with(Check::at_most(
                "new connections per second",
                (per_second * 10.0).round() / 10.0,
                MOST_CONNECTIONS_PER_SECOND,
            ))
            .with(measured.calls_within(DEADLINE + SLACK))
            .recovered(&measured, RECOVERY))
    }
}

async fn is_loading(port: u16) -> Result<bool, Failure> {
    Ok(admin::info(port, "persistence", "loading").await? == Some(1))
}
