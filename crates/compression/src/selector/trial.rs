//! A value, compressed with a candidate on trial.

use std::time::Duration;

use larder_cache_core::{Error, ErrorKind, Result};

use crate::algorithms::{self, Prepared};
use crate::candidate::{CANDIDATES, Candidate};
use crate::selector::Setting;
use crate::selector::window::Sample;
use crate::stopwatch::{Step, Stopwatch, Work};

/// What came of it.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) place: usize,
    pub(crate) sample: Sample,
    /// Where they are fewer than plain.
    pub(crate) compressed: Option<Vec<u8>>,
}

/// Compresses with a candidate; `None`: it would be stored plain.
///
/// # Errors
/// Kind `Codec`.
pub(crate) fn compress(
    candidate: Candidate,
    plain: &[u8],
    prepared: Option<&Prepared>,
) -> Result<Option<Vec<u8>>> {
    let Some(algorithm) = candidate.algorithm else {
        return Ok(None);
    };
    let prepared = prepared.filter(|_| candidate.needs_dictionary());
    let compressed = algorithms::compress(algorithm, plain, prepared)?;
    Ok((compressed.len() < plain.len()).then_some(compressed))
}

/// Reads back what a candidate has compressed.
///
/// # Errors
/// Kind `Codec`.
pub(crate) fn decompress(
    candidate: Candidate,
    stored: &[u8],
    plain_bytes: usize,
    prepared: Option<&Prepared>,
) -> Result<Vec<u8>> {
    let Some(algorithm) = candidate.algorithm else {
        return Ok(stored.to_vec());
    };
    let prepared = prepared.filter(|_| candidate.needs_dictionary());
    algorithms::decompress(algorithm.id(), stored, plain_bytes, prepared)
}

/// Tries the candidate of this place on a value: so many times, of which the fastest counts.
///
/// # Errors
/// Kind `Codec`, also where what was read back is not what was compressed.
pub(crate) fn try_candidate(
    place: usize,
    plain: &[u8],
    setting: &Setting<'_>,
    times: u32,
) -> Result<Trial> {
    let prepared = setting.dictionary.map(|dictionary| dictionary.prepared());
    let candidate = CANDIDATES[place];
    let (sample, compressed) = measure(candidate, plain, prepared, setting.stopwatch, times)?;
    Ok(Trial {
        place,
        sample,
        compressed,
    })
}

/// Measures a candidate on a value: so many times, of which the fastest counts.
///
/// # Errors
/// Kind `Codec`, also where what was read back is not what was compressed.
pub(crate) fn measure(
    candidate: Candidate,
    plain: &[u8],
    prepared: Option<&Prepared>,
    stopwatch: Stopwatch,
    times: u32,
) -> Result<(Sample, Option<Vec<u8>>)> {
    let (mut sample, compressed) = once(candidate, plain, prepared, stopwatch)?;
    for _ in 1..times {
        let (again, _) = once(candidate, plain, prepared, stopwatch)?;
        sample.compress = sample.compress.min(again.compress);
        sample.decompress = sample.decompress.min(again.decompress);
    }
    Ok((sample, compressed))
}

fn once(
    candidate: Candidate,
    plain: &[u8],
    prepared: Option<&Prepared>,
    stopwatch: Stopwatch,
) -> Result<(Sample, Option<Vec<u8>>)> {
    let plain_bytes = plain.len();
    let mut sample = Sample {
        plain_bytes,
        stored_bytes: plain_bytes,
        compress: Duration::ZERO,
        decompress: Duration::ZERO,
    };
    if candidate.algorithm.is_none() {
        return Ok((sample, None));
    }
    let work = |step| Work {
        step,
        candidate,
        plain_bytes,
    };
    let (compressed, elapsed) = stopwatch.time(work(Step::Compress), || {
        compress(candidate, plain, prepared)
    });
    sample.compress = elapsed;
    let compressed = compressed?;
    if let Some(stored) = &compressed {
        let (read, elapsed) = stopwatch.time(work(Step::Decompress), || {
            decompress(candidate, stored, plain_bytes, prepared)
        });
        check(&read?, plain)?;
        (sample.stored_bytes, sample.decompress) = (stored.len(), elapsed);
    }
    Ok((sample, compressed))
}

fn check(read: &[u8], plain: &[u8]) -> Result<()> {
    if read == plain {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Codec,
        "what was read back is not what was compressed; this is a fault of the algorithm",
    ))
}
