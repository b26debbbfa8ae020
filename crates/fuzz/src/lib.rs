//! Fuzz targets for everything in Larder that parses, and the loop that runs them.
//!
//! A [`Target`] is a property of a parser: `decode(encode(x)) == x`, "every damaged entry is
//! refused", "no error shows a password". It fails by panicking, by taking too long, or by
//! allocating more than its [`Bounds`] allow.
//!
//! ```
//! use std::time::Duration;
//! use larder_fuzz::{Plan, explore, targets};
//!
//! let target = targets::find("keys").unwrap();
//! let plan = Plan::new(7).time(Duration::from_secs(5)).inputs(500);
//! let outcome = explore(target, &plan);
//! assert_eq!(outcome.inputs, 500);
//! assert!(outcome.failure.is_none());
//! ```
//!
//! On any toolchain [`explore`] makes the inputs, from a seed. Where there is a nightly one,
//! `cargo xtask fuzz` builds the same targets for libFuzzer, which is guided by what code an
//! input reaches.
//!
//! # What this crate does not do
//! It does not fuzz protocols of other crates (RESP is the client library's), and it proves
//! nothing: it searches for as long as it is given.

mod explore;
mod found;
pub mod guided;
mod mutator;
mod outcome;
mod target;
pub mod targets;
mod trial;

pub use self::explore::{Plan, explore, explore_one};
pub use self::found::{excerpt, save};
pub use self::mutator::Mutator;
pub use self::outcome::{Failure, Fault, Outcome};
pub use self::target::{Bounds, Target};
pub use self::trial::{Trial, quieten, trial};
