//! The patterns over the embedded backend, in virtual time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod write_behind;
