//! The patterns over the memory backend, in virtual time, with and without faults.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache_aside;
mod hot_keys;
mod refresh_ahead;
mod refresh_failures;
mod world;
mod write_behind;
mod write_through;
mod write_through_races;
