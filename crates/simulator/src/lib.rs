//! The protocol under all schedules that thousands of seeds bring about: several processes
//! with a cache each, one server, and a network between them, in virtual time.
//!
//! ```text
//! simulate(seed) --Plan--> World: Timeline, Database, Checker, Network with Server
//!                            ^
//!   Process: Cache ----------+  Connection (a Backend), Probe (an Observer)
//!     Workers: read, load, change
//!   Troubles: disconnects, stalls, pauses, evictions, crashes, failovers
//! ```
//!
//! Every read that returns a value as fresh is held against all changes before it: P1 to P3
//! of `docs/consistency.md`. The same seed gives the same schedule, to the last line of its
//! trace, and each rule of the protocol can be left out, to see that the checker notices.
//!
//! ```
//! use larder_simulator::{Tracing, simulate};
//!
//! let outcome = simulate(7, None, Tracing::Off);
//! assert!(outcome.operations > 0);
//! ```
//!
//! # What this crate does not do
//! It does not model Redis: its server keeps what the seam promises, in one step each. That
//! a real server keeps it too is for the conformance suite and `larder-chaos`.

mod checker;
mod client;
mod database;
mod dice;
mod fault;
mod network;
mod plan;
mod rule;
mod server;
mod simulation;
mod timeline;
mod world;

pub use self::checker::{Checks, Promise, Violation};
pub use self::fault::Fault;
pub use self::rule::Rule;
pub use self::simulation::{Outcome, simulate};
pub use self::timeline::{Line, Tracing};
