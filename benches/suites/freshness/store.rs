//! Where the entries are.

use std::time::Duration;

use larder::{Builder, Compression};

/// Room for a million small entries and their overhead.
const MEMORY_BYTES: u64 = 4 << 30;

/// Longer than anything here takes: a call that gives up would measure nothing.
const BUDGET: Duration = Duration::from_secs(10);

/// The backend of a measurement.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Memory,
    /// At this URL.
    Redis(String),
}

impl Store {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis(_) => "redis",
        }
    }

    /// A cache over it, before there is one. Compression is off as it is with the facade's
    /// default features, which the other suites add to.
    pub(crate) fn builder(&self) -> Builder {
        let builder = match self {
            Self::Memory => larder::builder().memory_bytes(MEMORY_BYTES),
            Self::Redis(url) => larder::builder().redis(url.as_str()),
        };
        builder.compression(Compression::Off).budget(BUDGET)
    }
}
