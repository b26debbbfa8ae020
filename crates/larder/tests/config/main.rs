//! The configuration: every variable, every way to get one wrong, and no password in sight.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod environment;
mod files;
mod secrets;
mod variables;
