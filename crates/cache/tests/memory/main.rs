//! The cache over the memory backend, with and without faults.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batches;
mod cascades;
mod coherence;
mod damage;
mod dictionaries;
mod encryption;
mod epochs;
mod events;
mod failovers;
mod fleet;
mod fleet_schedules;
mod if_absent;
mod keys;
mod l1;
mod leases;
mod lifecycle;
mod loads;
mod looks;
mod namespaces;
mod outage;
mod pending;
mod pipelines;
mod policies;
mod quotas;
mod races;
mod repairs;
mod schedules;
mod stale;
mod terms;
mod told;
mod types;
mod watched;
mod world;
mod write_through;
