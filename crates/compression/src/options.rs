//! Settings of the optimizer.

use std::time::Duration;

use larder_cache_core::{Compression, Error, ErrorKind, Glob, Result};

use crate::objective::Objective;

/// Whether the optimizer learns from the values that it compresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Adaptive {
    /// A share of the values is measured with all algorithms that come into question.
    #[default]
    Learning,
    /// Nothing is measured and no dictionary is trained. What was learned before stays in use;
    /// where nothing was, published speeds and the look of the value decide.
    Fixed,
}

/// How large values are compressed that stand alone; the values of a cache are not chunked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunking {
    /// As a whole, whatever their size.
    Off,
    /// Values of more bytes than this in chunks, which can be read one by one in bounded memory.
    Above(usize),
}

impl Default for Chunking {
    fn default() -> Self {
        Self::Above(8 << 20)
    }
}

/// Settings of an [`Optimizer`](crate::Optimizer).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OptimizerOptions {
    /// Values of up to so many bytes are stored plain.
    pub threshold_bytes: usize,
    /// The same under [`Compression::Trained`], while there is a dictionary.
    pub trained_threshold_bytes: usize,
    /// Whether it learns.
    pub adaptive: Adaptive,
    /// The most time that compressing one value may take.
    pub performance_target: Duration,
    /// What is to be saved.
    pub objective: Objective,
    /// How large values are compressed that stand alone.
    pub chunking: Chunking,
    /// Which keys are compressed otherwise than was asked, the first match first.
    pub overrides: Vec<(Glob, Compression)>,
}

impl Default for OptimizerOptions {
    fn default() -> Self {
        Self {
            threshold_bytes: 1024,
            trained_threshold_bytes: 128,
            adaptive: Adaptive::default(),
            performance_target: Duration::from_millis(10),
            objective: Objective::default(),
            chunking: Chunking::default(),
            overrides: Vec::new(),
        }
    }
}

impl OptimizerOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Values of up to so many bytes are stored plain. Default: 1024.
    #[must_use]
    pub fn threshold_bytes(mut self, bytes: usize) -> Self {
        self.threshold_bytes = bytes;
        self
    }

    /// The same under [`Compression::Trained`] while there is a dictionary, which makes much
    /// smaller values worth it. Default: 128.
    #[must_use]
    pub fn trained_threshold_bytes(mut self, bytes: usize) -> Self {
        self.trained_threshold_bytes = bytes;
        self
    }

    /// Whether it learns from the values that it compresses. Default: [`Adaptive::Learning`].
    #[must_use]
    pub fn adaptive(mut self, adaptive: Adaptive) -> Self {
        self.adaptive = adaptive;
        self
    }

    /// The most time that compressing one value may take: algorithms that were measured to take
    /// longer are not chosen for values of that size. Default: 10 ms.
    #[must_use]
    pub fn performance_target(mut self, target: Duration) -> Self {
        self.performance_target = target;
        self
    }

    /// What is to be saved. Default: [`Objective::Balanced`].
    #[must_use]
    pub fn objective(mut self, objective: Objective) -> Self {
        self.objective = objective;
        self
    }

    /// How large values are compressed that stand alone. Default: in chunks, above 8 MiB.
    #[must_use]
    pub fn chunking(mut self, chunking: Chunking) -> Self {
        self.chunking = chunking;
        self
    }

    /// Compresses keys that match a pattern such as `user:*` in this way, whatever the
    /// namespace or the call asks; the first pattern that matches counts. It is held against the
    /// namespace's prefix and the key, `prefix:key`; [`Compression::Default`] changes nothing.
    /// Default: none.
    #[must_use]
    pub fn override_keys(mut self, pattern: Glob, compression: Compression) -> Self {
        self.overrides.push((pattern, compression));
        self
    }

    /// Refuses settings that can't be followed.
    ///
    /// # Errors
    /// Kind `Config`, saying which.
    pub fn validate(&self) -> Result<()> {
        let refuse = |message| Err(Error::new(ErrorKind::Config, message));
        if self.performance_target.is_zero() {
            return refuse(
                "performance_target is a time above 0; to compress nothing, use Compression::Off",
            );
        }
        if self.objective.link().0 == 0 {
            return refuse("objective: a link carries more than 0 bits per second");
        }
        for (pattern, compression) in &self.overrides {
            if let Compression::With(algorithm) = compression {
                let checked = algorithm.validate();
                checked.map_err(|error| error.with("override of", pattern))?;
            }
        }
        Ok(())
    }

    /// What is done with a physical key, of which the part up to the first `:` is the cache's.
    pub(crate) fn wanted(&self, key: &str, asked: Compression) -> Compression {
        if self.overrides.is_empty() {
            return asked;
        }
        let own = key.split_once(':').map_or(key, |(_, own)| own);
        let found = self.overrides.iter().find(|(glob, _)| glob.matches(own));
        match found {
            Some((_, Compression::Default)) | None => asked,
            Some((_, compression)) => *compression,
        }
    }
}

#[cfg(test)]
mod tests {
    use larder_cache_core::Algorithm;

    use super::*;

    #[test]
    fn the_first_pattern_that_matches_counts() {
        let options = OptimizerOptions::new()
            .override_keys(Glob::new("user:1*"), Compression::Off)
            .override_keys(Glob::new("user:2"), Compression::Default)
            .override_keys(Glob::new("user:*"), Compression::With(Algorithm::Brotli(9)));
        let check = |key: &str, expected: Compression| {
            assert_eq!(options.wanted(key, Compression::Auto), expected, "{key}");
        };
        check("app:user:17", Compression::Off);
        check("app:user:2", Compression::Auto);
        check("app:user:3", Compression::With(Algorithm::Brotli(9)));
        check("app:post:user:3", Compression::Auto);
        check("user:3", Compression::Auto);
    }

    #[test]
    fn refuses_what_can_not_be_followed() {
        let check = |options: OptimizerOptions, word: &str| {
            let error = options.validate().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(word), "{error}");
        };
        let options = OptimizerOptions::new;
        check(options().performance_target(Duration::ZERO), "target");
        let stopped = Objective::Link {
            bits_per_second: 0,
            reads_per_write: 1,
        };
        check(options().objective(stopped), "link");
        let level = Compression::With(Algorithm::Zstd(23));
        check(options().override_keys(Glob::new("a*"), level), "a*");
        options().validate().unwrap();
    }
}
