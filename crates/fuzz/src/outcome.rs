//! What came of fuzzing a target.

use std::fmt;
use std::time::Duration;

/// What was done, and what was found.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many inputs were run.
    pub inputs: u64,
    /// How long that took.
    pub elapsed: Duration,
    /// The longest time that an input took.
    pub slowest: Duration,
    /// The most memory that an input took, in bytes.
    pub peak_bytes: u64,
    /// Inputs from which others are made.
    pub corpus: usize,
    /// The input that broke the property, which ended the search.
    pub failure: Option<Failure>,
}

/// An input that breaks a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The input.
    pub input: Vec<u8>,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It panicked, with this message.
    Panicked(String),
    /// It took longer than allowed, three times in a row.
    TooSlow {
        /// The shortest time.
        took: Duration,
        /// What is allowed.
        allowed: Duration,
    },
    /// It did not end for several times its bound.
    Hung {
        /// How long it was waited for.
        after: Duration,
    },
    /// It held more memory at once than allowed.
    TooMuch {
        /// The most it held, in bytes.
        peak_bytes: u64,
        /// What is allowed, in bytes.
        allowed_bytes: u64,
    },
    /// It ended the process, as a stack that overflows does.
    Died(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::TooSlow { took, allowed } => {
                write!(f, "took {took:?}, allowed are {allowed:?}")
            }
            Self::Hung { after } => write!(f, "did not end within {after:?}"),
            Self::TooMuch {
                peak_bytes,
                allowed_bytes,
            } => write!(
                f,
                "held {peak_bytes} bytes at once, allowed are {allowed_bytes}"
            ),
            Self::Died(how) => write!(f, "ended the process: {how}"),
        }
    }
}
