//! A master that dies or is cut off: Sentinels name another.

use std::time::Duration;

use async_trait::async_trait;
use larder_testkit::{NetworkFault, RedisSentinel};
use tokio::time::sleep;

use super::super::{millis, seconds};
use super::{connections, facts};
use crate::measure::{Recovery, Window};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::Trial;
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

/// What happens to the master.
#[derive(Clone, Copy)]
pub(crate) enum Master {
    Killed,
    BlackHole,
    Delay,
    Throttle,
    Corrupt,
    CutShort,
}

impl Master {
    pub(crate) const NETWORK: [Self; 5] = [
        Self::BlackHole,
        Self::Delay,
        Self::Throttle,
        Self::Corrupt,
        Self::CutShort,
    ];
}

const KILLED_WRITABLE: Duration = seconds(3);
/// Sentinels behind the same network need a second more to be sure.
const CUT_OFF_WRITABLE: Duration = seconds(5);
const RECOVERY: Duration = seconds(3);

#[async_trait]
impl Scenario for Master {
    fn facts(&self) -> Facts {
        let span = Span {
            least: seconds(7),
            full: seconds(12),
        };
        let short = Span {
            least: seconds(2),
            full: seconds(10),
        };
        let healed = "0 wrong values; recovery <= 3 s";
        let (name, criterion, span) = match self {
            Self::Killed => return facts(20, "sentinel-kill", "writable <= 3 s", span),
            Self::BlackHole => ("sentinel-black-hole", "writable <= 5 s", span),
            Self::Delay => ("sentinel-delay", healed, short),
            Self::Throttle => ("sentinel-throttle", healed, short),
            Self::Corrupt => ("sentinel-corrupt-bytes", healed, short),
            Self::CutShort => ("sentinel-truncated-bytes", healed, short),
        };
        Facts {
            number: None,
            ..facts(0, name, criterion, span)
        }
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let builder = RedisSentinel::builder();
        let group = match self {
            Self::Killed => builder.start()?,
            _ => builder.proxied().start()?,
        };
        let cache = rig::cache(group.url());
        let mut trial = Trial::begin(stage, cache, connections(&group)?).await?;
        let watch = trial.watch("watched")?;
        let master = group.master()?;
        trial.fault_begins(&format!("{} at master {master}", self.facts().name));
        match self.network(stage.rng(3).u64(..)) {
            Some(fault) => group.proxy(master).set(fault),
            None => group.kill(master),
        }
        sleep(stage.fault).await;
        let watched = watch.end().await;
        match self {
            Self::Killed => group.restart(master)?,
            _ => group.proxy(master).set(NetworkFault::None),
        }
        trial.heals();
        let measured = trial.end(RECOVERY + millis(1500)).await?;
        let mut verdict = measured.verdict().with(measured.fault_was_felt());
        verdict = verdict.recovered(&measured, RECOVERY);
        if let Some(limit) = self.writable() {
            let found = net(watched.recovery_within(measured.fault), |time| {
                let to = measured.fault.from + time;
                measured.lag.worst(Window {
                    to,
                    ..measured.fault
                })
            });
            verdict.recovery = Some(found);
            let mut check = Check::recovery(found, limit);
            check.what = "writes".to_owned();
            verdict.check(check);
        }
        Ok(verdict)
    }
}

impl Master {
    fn network(self, seed: u64) -> Option<NetworkFault> {
        Some(match self {
            Self::Killed => return None,
            Self::BlackHole => NetworkFault::BlackHole,
            Self::Delay => NetworkFault::Delay(millis(400)),
            Self::Throttle => NetworkFault::Throttle {
                bytes_per_second: 2_000,
            },
            Self::Corrupt => NetworkFault::Corrupt { seed, one_in: 500 },
            Self::CutShort => NetworkFault::CutAfter {
                bytes: 2_000 + seed % 500,
            },
        })
    }

    /// Within which time another master is to be written to.
    fn writable(self) -> Option<Duration> {
        match self {
            Self::Killed => Some(KILLED_WRITABLE),
            Self::BlackHole => Some(CUT_OFF_WRITABLE),
            _ => None,
        }
    }
}

fn net(found: Recovery, lag: impl Fn(Duration) -> Duration) -> Recovery {
    match found {
        Recovery::After(time) => Recovery::After(time.saturating_sub(lag(time))),
        Recovery::Never => Recovery::Never,
    }
}
