//! What analytics says of generated reads and writes, next to what really happened.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accuracy;
mod cold;
mod curve;
mod fleet;
mod lifecycle;
mod memory_bounds;
mod redis;
mod reports;
mod threads;
mod watched;
