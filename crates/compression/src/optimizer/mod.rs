//! The optimizer: which algorithm each value gets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use larder_cache_core::{Algorithm, Coding, Compression, Error, ErrorKind, Result};

use crate::algorithms;
use crate::candidate::{CANDIDATES, Candidate, PLAIN, With};
use crate::dictionary::{Installed, Shelf};
use crate::options::{Adaptive, OptimizerOptions};
use crate::selector::{Setting, compress};
use crate::space::Space;
use crate::standalone::CompressOptions;
use crate::stopwatch::Stopwatch;

/// Chooses how each value is compressed, and learns from the values themselves.
///
/// It is a [`Codec`](larder_cache_core::Codec), to be handed to a cache, and works without one:
/// see [`compress`](Optimizer::compress). Share it in an `Arc`.
///
/// # Concurrency
/// Any number of threads may use it at once. A value reads what was learned without a lock; a
/// value that is measured takes a lock for some nanoseconds before and after.
///
/// # Cost
/// A choice takes some 100 ns. In each namespace and class of size the first 8 values are
/// measured with every algorithm that comes into question, and 1 in 256 later on; larger values
/// than 1 MiB by a part of 1 MiB.
#[derive(Debug)]
pub struct Optimizer {
    options: ArcSwap<OptimizerOptions>,
    spaces: ArcSwap<HashMap<Box<str>, Arc<Space>>>,
    growing: Mutex<()>,
    pub(crate) shelf: Shelf,
    pub(crate) stopwatch: Stopwatch,
}

/// A value that was compressed, or is better stored plain.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) candidate: Candidate,
    /// `None`: plain.
    pub(crate) compressed: Option<Vec<u8>>,
    pub(crate) coding: Coding,
    pub(crate) elapsed: Duration,
}

/// The candidate, what it made of the value unless that is stored plain, and the dictionary
/// that was at hand.
type Outcome = (Candidate, Option<Vec<u8>>, Option<Arc<Installed>>);

impl Default for Optimizer {
    fn default() -> Self {
        Self::with_stopwatch(OptimizerOptions::default(), Stopwatch::Clock)
    }
}

impl Optimizer {
    /// An optimizer that has learned nothing yet.
    ///
    /// # Errors
    /// Kind `Config` for options that can't be followed.
    pub fn new(options: OptimizerOptions) -> Result<Self> {
        options.validate()?;
        Ok(Self::with_stopwatch(options, Stopwatch::Clock))
    }

    /// Changes the options, from the next value on. What was learned stays, and is judged by
    /// the new options.
    ///
    /// # Errors
    /// Kind `Config` for options that can't be followed; then nothing changes.
    pub fn configure(&self, options: OptimizerOptions) -> Result<()> {
        options.validate()?;
        let options = Arc::new(options);
        self.options.store(Arc::clone(&options));
        for space in self.spaces() {
            space.selector.reconsider(&options);
        }
        Ok(())
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> Arc<OptimizerOptions> {
        self.options.load_full()
    }

    pub(crate) fn with_stopwatch(options: OptimizerOptions, stopwatch: Stopwatch) -> Self {
        Self {
            options: ArcSwap::from_pointee(options),
            spaces: ArcSwap::default(),
            growing: Mutex::new(()),
            shelf: Shelf::default(),
            stopwatch,
        }
    }

    /// Compresses a value of a namespace. `wanted` already says what the overrides say.
    ///
    /// # Errors
    /// Kind `Codec`, or `Config` for a level that there is not.
    pub(crate) fn pack(
        &self,
        plain: &[u8],
        wanted: Compression,
        namespace: &str,
        options: &OptimizerOptions,
    ) -> Result<Packed> {
        let space = self.space(namespace);
        let began = Instant::now();
        let (candidate, compressed, dictionary) = match wanted {
            Compression::Off => (PLAIN, None, None),
            Compression::With(algorithm) => {
                let candidate = fixed(algorithm)?;
                let is_large = plain.len() > options.threshold_bytes;
                let candidate = if is_large { candidate } else { PLAIN };
                (candidate, compress(candidate, plain, None)?, None)
            }
            Compression::Trained => self.pack_trained(plain, &space, options)?,
            _ => self.pack_chosen(plain, &space, None, options)?,
        };
        let elapsed = began.elapsed();
        let candidate = if compressed.is_some() {
            candidate
        } else {
            PLAIN
        };
        let stored_bytes = compressed.as_ref().map_or(plain.len(), Vec::len);
        space
            .tallies
            .add(candidate, plain.len(), stored_bytes, elapsed);
        let coding = coding(candidate, dictionary.as_deref());
        Ok(Packed {
            candidate,
            compressed,
            coding,
            elapsed,
        })
    }

    /// The algorithm for a value that is to be compressed in chunks, which no dictionary helps;
    /// `None`: plain.
    ///
    /// # Errors
    /// Kind `Config` for a level that there is not.
    pub(crate) fn choose_for_large(
        &self,
        plain: &[u8],
        asked: &CompressOptions,
        options: &OptimizerOptions,
    ) -> Result<Option<Algorithm>> {
        match asked.compression {
            Compression::Off => Ok(None),
            Compression::With(algorithm) => algorithm.validate().map(|()| Some(algorithm)),
            _ => {
                let setting = Setting {
                    options,
                    stopwatch: self.stopwatch,
                    dictionary: None,
                };
                let space = self.space(&asked.namespace);
                let chosen = space.selector.choose(plain, &setting);
                Ok(CANDIDATES[chosen.candidate].algorithm)
            }
        }
    }

    /// Counts a value that was compressed in chunks.
    pub(crate) fn count(
        &self,
        namespace: &str,
        algorithm: Algorithm,
        plain_bytes: usize,
        stored_bytes: usize,
        elapsed: Duration,
    ) {
        let candidate = Candidate {
            algorithm: Some(algorithm),
            dictionary: With::NoDictionary,
        };
        let space = self.space(namespace);
        space
            .tallies
            .add(candidate, plain_bytes, stored_bytes, elapsed);
    }

    /// Reads back what was packed.
    ///
    /// # Errors
    /// Kind `Codec`.
    pub(crate) fn unpack(
        &self,
        stored: &[u8],
        coding: Coding,
        plain_bytes: usize,
    ) -> Result<Vec<u8>> {
        let dictionary = match coding.dictionary {
            0 => None,
            id => Some(self.shelf.get(id).ok_or_else(|| unknown_dictionary(id))?),
        };
        let prepared = dictionary.as_ref().map(|dictionary| dictionary.prepared());
        algorithms::decompress(coding.algorithm, stored, plain_bytes, prepared)
    }

    /// What is known of a namespace.
    pub(crate) fn space(&self, namespace: &str) -> Arc<Space> {
        let known = self.spaces.load().get(namespace).cloned();
        known.unwrap_or_else(|| self.add_space(namespace))
    }

    /// All namespaces, by name.
    pub(crate) fn spaces(&self) -> Vec<Arc<Space>> {
        let mut spaces: Vec<_> = self.spaces.load().values().cloned().collect();
        spaces.sort_by(|a, b| a.name.cmp(&b.name));
        spaces
    }

    fn add_space(&self, namespace: &str) -> Arc<Space> {
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.spaces.load().get(namespace) {
            return Arc::clone(known);
        }
        let space = Arc::new(Space::new(namespace));
        let mut spaces = HashMap::clone(&self.spaces.load());
        spaces.insert(namespace.into(), Arc::clone(&space));
        self.spaces.store(Arc::new(spaces));
        space
    }

    fn pack_trained(
        &self,
        plain: &[u8],
        space: &Space,
        options: &OptimizerOptions,
    ) -> Result<Outcome> {
        if options.adaptive == Adaptive::Learning {
            space.trainer.offer(plain);
        }
        let dictionary = space.current();
        let packed = self.pack_chosen(plain, space, dictionary.as_ref(), options)?;
        if let Some(dictionary) = dictionary.filter(|dictionary| dictionary.is_spent()) {
            space.retire(&dictionary);
        }
        Ok(packed)
    }

    fn pack_chosen(
        &self,
        plain: &[u8],
        space: &Space,
        dictionary: Option<&Arc<Installed>>,
        options: &OptimizerOptions,
    ) -> Result<Outcome> {
        let threshold = match dictionary {
            Some(_) => options.trained_threshold_bytes.min(options.threshold_bytes),
            None => options.threshold_bytes,
        };
        if plain.len() <= threshold {
            return Ok((PLAIN, None, None));
        }
        let setting = Setting {
            options,
            stopwatch: self.stopwatch,
            dictionary,
        };
        let chosen = space.selector.choose(plain, &setting);
        let candidate = CANDIDATES[chosen.candidate];
        let prepared = dictionary.map(|dictionary| dictionary.prepared());
        let compressed = match chosen.compressed {
            Some(compressed) => Some(compressed),
            None => compress(candidate, plain, prepared)?,
        };
        Ok((candidate, compressed, dictionary.cloned()))
    }
}

fn fixed(algorithm: Algorithm) -> Result<Candidate> {
    algorithm.validate()?;
    Ok(Candidate {
        algorithm: Some(algorithm),
        dictionary: With::NoDictionary,
    })
}

fn coding(candidate: Candidate, dictionary: Option<&Installed>) -> Coding {
    let dictionary = dictionary.filter(|_| candidate.needs_dictionary());
    Coding {
        algorithm: candidate.algorithm.map_or(0, Algorithm::id),
        dictionary: dictionary.map_or(0, |installed| installed.dictionary().id()),
    }
}

fn unknown_dictionary(id: u32) -> Error {
    Error::new(
        ErrorKind::Codec,
        "the value was compressed with a dictionary that is not installed here; \
         install it, or load the value again",
    )
    .with("dictionary", id)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trained;
