//! The service on a database of its own, over each backend.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contents;
mod crowd;
mod memory;
mod progress;
mod redis;
mod settings;
mod support;
