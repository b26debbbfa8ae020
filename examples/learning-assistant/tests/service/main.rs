//! The service on a database of its own, over each backend.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crowd;
mod memory;
mod redis;
mod support;
