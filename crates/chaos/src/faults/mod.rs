//! The faults, each in a file of its own or with its siblings.

pub(crate) mod big_values;
pub(crate) mod client_pause;
pub(crate) mod cluster;
pub(crate) mod corruption;
pub(crate) mod freeze;
pub(crate) mod freshness;
pub(crate) mod full_queue;
pub(crate) mod invalidation;
pub(crate) mod kill;
pub(crate) mod loading;
pub(crate) mod many_tasks;
pub(crate) mod network;
pub(crate) mod never_answers;
pub(crate) mod out_of_memory;
pub(crate) mod password;
pub(crate) mod payload;
pub(crate) mod pool_exhausted;
pub(crate) mod refusals;
pub(crate) mod reset;
pub(crate) mod sentinel;
pub(crate) mod silent_connection;
pub(crate) mod write_behind;

use std::time::Duration;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn micros(count: u64) -> Duration {
    Duration::from_micros(count)
}

/// How long a cache is watched after the heal, where its recovery may take this long.
fn watched(recovery: Duration) -> Duration {
    recovery + millis(1200)
}
