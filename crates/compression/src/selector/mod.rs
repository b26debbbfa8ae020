//! The choice of an algorithm, learned for each namespace, size and look of the values.

mod bucket;
mod choices;
mod decision;
mod learned;
mod pace;
mod prior;
mod probe;
mod trial;
mod window;

use std::sync::{Arc, OnceLock};

pub(crate) use self::bucket::Bucket;
pub(crate) use self::choices::Mode;
pub(crate) use self::decision::{cost_ns, is_fast_enough};
pub(crate) use self::learned::{Class, Learned};
pub use self::probe::Content;
pub(crate) use self::probe::probe;
pub(crate) use self::trial::{Trial, compress, measure, try_candidate};
pub(crate) use self::window::Estimate;
#[cfg(test)]
pub(crate) use self::window::Sample;

use crate::dictionary::Installed;
use crate::options::{Adaptive, OptimizerOptions};
use crate::stopwatch::Stopwatch;

/// Values of 2^n bytes and more, up to twice that, are one class of size; beyond this n all are.
const LARGEST: usize = 27;

/// What there is to choose by and from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) options: &'a OptimizerOptions,
    pub(crate) stopwatch: Stopwatch,
    /// Under `Trained`, what is current.
    pub(crate) dictionary: Option<&'a Arc<Installed>>,
}

/// What was chosen for a value.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Its place among the candidates.
    pub(crate) candidate: usize,
    /// The value compressed with it, where it was for the measurement.
    pub(crate) compressed: Option<Vec<u8>>,
}

/// What was learned of a namespace.
#[derive(Debug, Default)]
pub(crate) struct Selector {
    buckets: [OnceLock<Box<Bucket>>; LARGEST + 1],
}

impl Selector {
    /// Chooses for a value, and now and then learns from it.
    pub(crate) fn choose(&self, plain: &[u8], setting: &Setting<'_>) -> Chosen {
        let bucket = self.buckets[size_class(plain.len())].get_or_init(Box::default);
        match setting.options.adaptive {
            Adaptive::Learning => bucket.choose(plain, setting),
            _ => bucket.choose_fixed(plain, setting),
        }
    }

    /// Decides anew by what was learned.
    pub(crate) fn reconsider(&self, options: &OptimizerOptions) {
        for bucket in self.buckets.iter().filter_map(OnceLock::get) {
            bucket.reconsider(options);
        }
    }

    /// Forgets what was measured with a dictionary that is no longer in use.
    pub(crate) fn dictionary_changed(&self) {
        for bucket in self.buckets.iter().filter_map(OnceLock::get) {
            bucket.dictionary_changed();
        }
    }

    /// What was learned, with the least number of bytes of each class of size.
    pub(crate) fn learned(&self) -> impl Iterator<Item = (usize, &Bucket)> {
        let buckets = self.buckets.iter().enumerate();
        buckets.filter_map(|(class, bucket)| Some((1 << class, &**bucket.get()?)))
    }
}

fn size_class(bytes: usize) -> usize {
    let class = bytes.max(1).ilog2() as usize;
    class.min(LARGEST)
}

#[cfg(test)]
mod tests;
