//! What the benchmark suites share: candidates that run in turn, and the ratios between them.
//!
//! A shared machine changes its speed while one measures. [`Paired`] and [`Rounds`] run
//! candidates in turn, many short rounds of each, and report the median of the ratios within a
//! round: a figure that holds when the absolute times don't.
//!
//! # What this crate does not do
//! It is no library for users; it is never published.

#![expect(clippy::print_stdout, reason = "benchmarks print their figures")]

mod arguments;
mod output;
mod paired;
mod ratio;
mod rounds;
mod slice;
mod verdict;

pub use self::arguments::Arguments;
pub use self::output::Output;
pub use self::paired::Paired;
pub use self::ratio::{Ratio, quantile};
pub use self::rounds::{Comparison, Rounds, Row};
pub use self::slice::{Candidate, Operation};
pub use self::verdict::Verdict;

/// What may fail in a suite ends its run with this message.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// As many as the machine of the published figures has cores.
pub const WORKER_THREADS: usize = 2;
