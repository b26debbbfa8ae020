//! What is fuzzed, and what it may cost.

use std::time::Duration;

/// A property of a parser that must hold for every input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it parses, for people.
    pub parses: &'static str,
    /// Tries one input, and panics where the property does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with: what the encoders write, and what is known to be nasty.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Why the target can't run in this build; `None`: it can.
    pub missing: fn() -> Option<&'static str>,
    /// What an input may cost.
    pub bounds: Bounds,
}

/// What one input may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// The longest input, in bytes.
    pub input_bytes: usize,
    /// Memory whatever the input, in bytes.
    pub peak_bytes: usize,
    /// More memory for each byte of the input, in bytes.
    pub peak_per_input_byte: usize,
    /// The longest time.
    pub time: Duration,
}

impl Bounds {
    /// Bounds with the defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            input_bytes: 4096,
            peak_bytes: 1 << 20,
            peak_per_input_byte: 64,
            time: Duration::from_secs(1),
        }
    }

    /// Sets the longest input. Default: 4096 bytes.
    #[must_use]
    pub const fn input_bytes(mut self, bytes: usize) -> Self {
        self.input_bytes = bytes;
        self
    }

    /// Sets the memory that any input may take. Default: 1 MiB.
    #[must_use]
    pub const fn peak_bytes(mut self, bytes: usize) -> Self {
        self.peak_bytes = bytes;
        self
    }

    /// Sets the longest time. Default: 1 second.
    #[must_use]
    pub const fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// The most memory that an input of a length may take, in bytes.
    #[must_use]
    pub const fn allowed_bytes(&self, input_bytes: usize) -> u64 {
        (self.peak_bytes as u64)
            .saturating_add((self.peak_per_input_byte as u64).saturating_mul(input_bytes as u64))
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::new()
    }
}

/// A target that runs in every build.
pub(crate) const fn always() -> Option<&'static str> {
    None
}
