//! Advice on times to live, from how often values turned out changed.
//!
//! A reload tells only whether a value changed at least once since it was stored. From many of
//! them, over different times, follows the rate of a Poisson process by maximum likelihood (Cho,
//! Garcia-Molina: "Estimating frequency of change", TOIT 2003).

mod histogram;
mod rate;
mod ttl;

pub use self::histogram::ChangeHistogram;
pub use self::rate::ChangeRate;
pub use self::ttl::{TtlAdvice, TtlSuggestion};

#[cfg(test)]
mod tests;
