//! What a scenario is.

use std::time::Duration;

use async_trait::async_trait;

use crate::Failure;
use crate::plan::Span;
use crate::progress::Progress;
use crate::verdict::Verdict;

/// One fault, and what must hold before, during and after it.
#[async_trait]
pub(crate) trait Scenario: Send + Sync {
    fn facts(&self) -> Facts;

    /// Runs it, on a runtime of its own.
    ///
    /// # Errors
    /// When the scenario itself could not go on. That is a criterion missed as well.
    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure>;
}

/// What there is to say of a scenario without running it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Its number among the fault tests that were planned; none for more of the kind.
    pub(crate) number: Option<u8>,
    pub(crate) name: &'static str,
    pub(crate) topology: Topology,
    /// What must hold besides what always must.
    pub(crate) criterion: &'static str,
    /// How long the fault lasts.
    pub(crate) fault: Span,
    /// How long the rest takes, about.
    pub(crate) besides: Duration,
    pub(crate) company: Company,
}

/// What the servers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    Standalone,
    Sentinel,
    Cluster,
}

/// Whether other scenarios may run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    Welcome,
    /// They would disturb what is measured.
    Disturbing,
}

/// What a scenario is given.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) seed: u64,
    /// How long the fault is to last.
    pub(crate) fault: Duration,
    pub(crate) progress: Progress,
}

impl Topology {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Sentinel => "sentinel",
            Self::Cluster => "cluster",
        }
    }
}

impl Facts {
    /// A fault of one server, in company.
    pub(crate) fn standalone(number: u8, name: &'static str, criterion: &'static str) -> Self {
        Self {
            number: Some(number),
            name,
            topology: Topology::Standalone,
            criterion,
            fault: Span::always(Duration::from_secs(2)),
            besides: Duration::from_millis(3_500),
            company: Company::Welcome,
        }
    }

    pub(crate) fn lasting(mut self, least: Duration, full: Duration) -> Self {
        self.fault = Span { least, full };
        self
    }

    pub(crate) fn alone(mut self) -> Self {
        self.company = Company::Disturbing;
        self
    }
}

impl Stage {
    /// The seed of one of several independent choices.
    pub(crate) fn rng(&self, of: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed ^ of.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}
