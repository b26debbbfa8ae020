//! The cache over the memory backend, with and without faults.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batches;
mod damage;
mod events;
mod l1;
mod lifecycle;
mod loads;
mod namespaces;
mod outage;
mod pending;
mod pipelines;
mod races;
mod schedules;
mod stale;
mod terms;
mod types;
mod world;
