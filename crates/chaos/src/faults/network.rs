//! A network that loses, withholds or delays what passes.

use std::time::Duration;

use async_trait::async_trait;
use larder_testkit::NetworkFault;
use tokio::time::sleep;

use super::{millis, seconds, watched};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{ConnectionCount, DEADLINE, SLACK, Trial};
use crate::verdict::Verdict;
use crate::{Failure, rig};

pub(crate) struct Network {
    number: Option<u8>,
    name: &'static str,
    criterion: &'static str,
    lasts: Span,
    fault: NetworkFault,
    recovery: Duration,
}

pub(crate) const PACKET_DROP: Network = Network {
    number: Some(7),
    name: "packet-drop",
    criterion: "calls <= 300 ms; recovery <= 1 s",
    lasts: Span {
        least: seconds(4),
        full: seconds(20),
    },
    fault: NetworkFault::Drop,
    recovery: seconds(1),
};

pub(crate) const BLACK_HOLE: Network = Network {
    name: "black-hole",
    fault: NetworkFault::BlackHole,
    ..UNNUMBERED
};

pub(crate) const HALF_OPEN: Network = Network {
    name: "half-open",
    fault: NetworkFault::HalfOpen,
    ..UNNUMBERED
};

pub(crate) const DELAY: Network = Network {
    name: "delay",
    fault: NetworkFault::Delay(millis(400)),
    ..UNNUMBERED
};

pub(crate) const THROTTLE: Network = Network {
    name: "throttle",
    fault: NetworkFault::Throttle {
        bytes_per_second: 2_000,
    },
    ..UNNUMBERED
};

const UNNUMBERED: Network = Network {
    number: None,
    name: "",
    criterion: "calls <= 300 ms; recovery <= 2 s",
    lasts: Span {
        least: seconds(2),
        full: seconds(10),
    },
    fault: NetworkFault::None,
    recovery: seconds(2),
};

#[async_trait]
impl Scenario for Network {
    fn facts(&self) -> Facts {
        Facts {
            number: self.number,
            fault: self.lasts,
            ..Facts::standalone(0, self.name, self.criterion)
        }
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let proxy = rig::proxy(&server).await?;
        let connections = ConnectionCount::Proxy(proxy.clone());
        let mut trial = Trial::begin(stage, rig::cache(proxy.url()), connections).await?;
        trial.fault_begins(self.name);
        proxy.set(self.fault);
        sleep(stage.fault).await;
        proxy.set(NetworkFault::None);
        trial.heals();
        let measured = trial.end(watched(self.recovery)).await?;
        let verdict = measured.verdict().with(measured.fault_was_felt());
        Ok(verdict
            .with(measured.calls_within(DEADLINE + SLACK))
            .recovered(&measured, self.recovery))
    }
}

#[cfg(test)]
mod tests {
    mod redis {
        use std::time::Duration;

        use larder_testkit::NetworkFault;

        use super::super::*;
        use crate::measure::Recovery;
        use crate::progress::Progress;

        fn stage() -> Stage {
            Stage {
                seed: 7,
                fault: millis(1500),
                progress: Progress::new(),
            }
        }

        /// A fault that is declared healed and is not: what the suite is for.
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn what_never_heals_is_missed() {
            let server = rig::server(&[]).unwrap();
            let proxy = rig::proxy(&server).await.unwrap();
            let connections = ConnectionCount::Proxy(proxy.clone());
            let cache = rig::cache(proxy.url());
            let mut trial = Trial::begin(&stage(), cache, connections).await.unwrap();
            trial.fault_begins("for good");
            proxy.set(NetworkFault::Drop);
            sleep(millis(1000)).await;
            trial.heals();
            let measured = trial.end(millis(1500)).await.unwrap();
            let verdict = measured.verdict().recovered(&measured, Duration::MAX);
            assert_eq!(verdict.recovery, Some(Recovery::Never));
            assert!(!verdict.is_passed());
            let missed: Vec<_> = verdict.missed().map(|check| &check.what[..]).collect();
            assert!(missed.contains(&"recovery"), "{missed:?}");
        }

        /// A fault that nothing feels proves nothing.
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn what_is_not_felt_is_missed() {
            let harmless = Network {
                name: "harmless",
                fault: NetworkFault::None,
                ..UNNUMBERED
            };
            let verdict = harmless.run(&stage()).await.unwrap();
            let missed: Vec<_> = verdict.missed().map(|check| &check.what[..]).collect();
            assert_eq!(missed, ["failed calls during the fault"]);
        }
    }
}
