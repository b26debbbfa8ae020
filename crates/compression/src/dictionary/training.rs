//! The making of a dictionary, and the proof that it pays.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use larder_cache_core::{Bytes, Dictionary, Error, ErrorKind, Result};

use crate::candidate::{CANDIDATES, COUNT};
use crate::dictionary::Installed;
use crate::options::OptimizerOptions;
use crate::selector::{Setting, try_candidate};
use crate::stopwatch::Stopwatch;

/// zstd's own advice is a hundredth of the samples; more than this gains little and costs cache.
const DICTIONARY_BYTES: usize = 16 << 10;

/// One value in so many proves the dictionary and is not trained on.
const HELD_OUT: usize = 4;

/// A dictionary leaves at most this share of the bytes that there are without.
const MOST_LEFT: f64 = 0.90;

/// A new one leaves at most this share of what the present one leaves.
const MOST_LEFT_OF_PRESENT: f64 = 0.95;

/// What came of a training.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It pays.
    Better(Dictionary, Proof),
    /// It does not.
    Worthless(Proof),
}

/// The bytes and costs of the values that were held out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proof {
    pub(crate) values: usize,
    pub(crate) with: Total,
    /// Fewest bytes and least cost without a dictionary, not always of the same algorithm.
    pub(crate) without: Total,
    pub(crate) present: Option<Total>,
}

/// What all values come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Total {
    pub(crate) bytes: usize,
    pub(crate) cost_ns: f64,
}

/// Trains a dictionary on a part of the samples and measures it on the others.
///
/// # Errors
/// Kind `Codec` where the training failed.
pub(crate) fn train(
    samples: Vec<Bytes>,
    present: Option<&Arc<Installed>>,
    options: &OptimizerOptions,
    stopwatch: Stopwatch,
) -> Result<Outcome> {
    let (training, held_out) = split(samples);
    let dictionary = make(&training)?;
    let installed = Arc::new(Installed::new(&dictionary)?);
    let setting = |dictionary| Setting {
        options,
        stopwatch,
        dictionary,
    };
    let new = totals(&held_out, &setting(Some(&installed)))?;
    let present = present.map(|present| totals(&held_out, &setting(Some(present))));
    let proof = Proof {
        values: held_out.len(),
        with: cheapest(&new, true),
        without: least(&new),
        present: present.transpose()?.map(|present| cheapest(&present, true)),
    };
    Ok(if proof.pays() {
        Outcome::Better(dictionary, proof)
    } else {
        Outcome::Worthless(proof)
    })
}

impl Proof {
    /// Whether the dictionary saves enough, bytes as well as cost.
    pub(crate) fn pays(&self) -> bool {
        let beats = |other: Total, most_left: f64| {
            self.with.bytes as f64 <= other.bytes as f64 * most_left
                && self.with.cost_ns < other.cost_ns
        };
        let present = self.present;
        beats(self.without, MOST_LEFT)
            && present.is_none_or(|present| beats(present, MOST_LEFT_OF_PRESENT))
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |of: Total| 100.0 * (1.0 - self.with.bytes as f64 / of.bytes.max(1) as f64);
        write!(
            f,
            "on {} values that were held out, {:.0} % fewer bytes than without and {:.2} times \
             its cost",
            self.values,
            share(self.without),
            self.with.cost_ns / self.without.cost_ns
        )?;
        match self.present {
            Some(present) => write!(f, ", {:.0} % fewer than the present one", share(present)),
            None => Ok(()),
        }
    }
}

/// Equal values are taken once: else those held out would be among those trained on.
fn split(samples: Vec<Bytes>) -> (Vec<Bytes>, Vec<Bytes>) {
    let mut seen = HashSet::new();
    let unique = samples.into_iter().filter(|s| seen.insert(s.clone()));
    let numbered: Vec<_> = unique.enumerate().collect();
    let (held_out, training): (Vec<_>, Vec<_>) = numbered
        .into_iter()
        .partition(|(number, _)| number.is_multiple_of(HELD_OUT));
    let values = |pairs: Vec<(usize, Bytes)>| pairs.into_iter().map(|(_, value)| value).collect();
    (values(training), values(held_out))
}

fn make(training: &[Bytes]) -> Result<Dictionary> {
    let bytes = zstd::dict::from_samples(training, DICTIONARY_BYTES).map_err(|source| {
        Error::new(
            ErrorKind::Codec,
            "zstd made no dictionary of the samples; more of them, or more alike, are needed",
        )
        .with("samples", training.len())
        .with_source(source)
    })?;
    Ok(Dictionary::new(bytes.into()))
}

/// What the values come to with each candidate; `None` where it is not in question.
fn totals(values: &[Bytes], setting: &Setting<'_>) -> Result<[Option<Total>; COUNT]> {
    let mut totals = [None; COUNT];
    for (place, candidate) in CANDIDATES.iter().enumerate() {
        if candidate.is_worth_trying(setting.options.objective) {
            totals[place] = Some(total(place, values, setting)?);
        }
    }
    Ok(totals)
}

fn total(place: usize, values: &[Bytes], setting: &Setting<'_>) -> Result<Total> {
    let mut total = Total {
        bytes: 0,
        cost_ns: 0.0,
    };
    for value in values {
        let sample = try_candidate(place, value, setting, 2)?.sample;
        total.bytes += sample.stored_bytes;
        total.cost_ns += setting.options.objective.cost_ns(
            sample.compress.as_nanos() as f64,
            sample.decompress.as_nanos() as f64,
            sample.stored_bytes as f64,
        );
    }
    Ok(total)
}

/// The candidate of the least cost.
fn cheapest(totals: &[Option<Total>; COUNT], with_dictionary: bool) -> Total {
    let of_kind = kind(totals, with_dictionary);
    let cheapest = of_kind.min_by(|a, b| a.cost_ns.total_cmp(&b.cost_ns));
    cheapest.unwrap_or(Total {
        bytes: usize::MAX,
        cost_ns: f64::INFINITY,
    })
}

/// The fewest bytes and the least cost without a dictionary. A dictionary has to beat both: one
/// that is no smaller than zstd without it is not worth being kept by all processes.
fn least(totals: &[Option<Total>; COUNT]) -> Total {
    let bytes = kind(totals, false).map(|total| total.bytes).min();
    Total {
        bytes: bytes.unwrap_or_default(),
        cost_ns: cheapest(totals, false).cost_ns,
    }
}

fn kind(
    totals: &[Option<Total>; COUNT],
    with_dictionary: bool,
) -> impl Iterator<Item = Total> + '_ {
    let of_kind = totals.iter().zip(CANDIDATES);
    let of_kind = of_kind.filter(move |(_, c)| c.needs_dictionary() == with_dictionary);
    of_kind.filter_map(|(total, _)| *total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(with: (usize, f64), without: (usize, f64), present: Option<(usize, f64)>, pays: bool) {
        let total = |(bytes, cost_ns)| Total { bytes, cost_ns };
        let proof = Proof {
            values: 25,
            with: total(with),
            without: total(without),
            present: present.map(total),
        };
        assert_eq!(proof.pays(), pays, "{proof}");
    }

    #[test]
    fn bytes_and_cost_must_both_be_better() {
        check((900, 99.0), (1000, 100.0), None, true);
        check((901, 99.0), (1000, 100.0), None, false);
        check((500, 100.0), (1000, 100.0), None, false);
        check((900, 99.0), (1000, 100.0), Some((947, 100.0)), false);
        check((900, 99.0), (1000, 100.0), Some((948, 100.0)), true);
        check((900, 99.0), (1000, 100.0), Some((948, 99.0)), false);
    }

    #[test]
    fn no_value_is_on_both_sides() {
        let samples = (0..400_u32).map(|n| Bytes::copy_from_slice(&(n % 100).to_le_bytes()));
        let (training, held_out) = split(samples.collect());
        assert_eq!((training.len(), held_out.len()), (75, 25));
        assert!(held_out.iter().all(|value| !training.contains(value)));
    }
}
