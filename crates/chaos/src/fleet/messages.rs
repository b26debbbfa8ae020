use std::time::Duration;

use larder::Builder;
use serde::{Deserialize, Serialize};

use crate::behind;
use crate::staleness::{Breach, Membership, Tally};

/// What a member is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Read and change keys until it is stopped.
    Traffic(Membership),
    /// Many tasks that want one key.
    ColdKey(ColdKey),
    /// A load that lasts until it is told to end.
    Holder(Holder),
    /// Write behind.
    Behind(behind::Task),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ColdKey {
    pub(crate) upstream: Upstream,
    pub(crate) key: String,
    pub(crate) tasks: usize,
    pub(crate) load_takes: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Holder {
    pub(crate) upstream: Upstream,
    pub(crate) key: String,
    /// What its load answers with.
    pub(crate) value: u64,
    pub(crate) lease: Duration,
}

/// How a member reaches the servers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Upstream {
    Url(String),
    Cluster(Vec<String>),
}

/// What a member is told after its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Signal {
    Go,
    Stop,
}

/// What a member tells.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Its cache is built.
    Ready,
    /// What it has come to so far.
    Tally(Box<Tally>),
    /// A read that was too old.
    Breach(Breach),
    /// Its load has begun.
    Loading,
    /// How its calls for a cold key ended.
    ColdKey {
        loads: u64,
        failed: u64,
        longest: Duration,
    },
    /// What a load of its own answered, and what a read found after it.
    Held { loaded: u64, read: u64 },
    /// What became of writes behind.
    Behind(behind::Report),
    /// It could not go on.
    Failed(String),
}

impl Upstream {
    /// A cache over these servers.
    pub(crate) fn builder(&self) -> Builder {
        match self {
            Self::Url(url) => larder::builder().redis(url),
            Self::Cluster(nodes) => larder::builder().redis_cluster(nodes),
        }
    }
}
