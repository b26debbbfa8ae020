//! What an observed hit in L1 costs.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use larder_benches::{Failure, quantile};
use larder_cache_core::{Event, Observer, Observers, Space, Tier};
use larder_keyspace::analytics::{Analytics, AnalyticsOptions};
use serde::Serialize;

use crate::counting::{ManyMaps, Nothing, OneMap};

/// Hits of each candidate in each round, in each thread.
const HITS: usize = 200_000;

/// After so many hits at full speed the curve samples as few keys as it will.
const SETTLING_HITS: usize = 50_000_000;

const THREADS: [usize; 2] = [1, 2];

/// How many different keys are hit: all of them followed, and hardly one of them.
const KEYS: [(&str, usize); 2] = [("followed", 512), ("not followed", 1_000_000)];

/// All that there is, of all hits.
const ANALYTICS: &str = "analytics with the curve";

/// The same, of one of eight hits.
pub(crate) const SAMPLED: &str = "analytics with the curve, 1 of 8 hits";

/// What one kind of hit costs, by observer.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    pub(crate) keys: &'static str,
    pub(crate) threads: usize,
    pub(crate) rows: Vec<Row>,
}

/// One observer. Nanoseconds of a thread for each hit.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) observer: &'static str,
    pub(crate) median: f64,
    pub(crate) least: f64,
    /// More than without an observer, in the round of each that was disturbed least: of some
    /// nanoseconds, what else runs on the machine makes a multiple.
    pub(crate) added: f64,
}

/// Measures all candidates in turn.
pub(crate) fn measure(rounds: usize) -> Result<Vec<Cost>, Failure> {
    let mut costs = Vec::new();
    for (keys, count) in KEYS {
        let texts: Vec<String> = (0..count)
            .map(|at| format!("profile:{}", at * 7919))
            .collect();
        for threads in THREADS {
            costs.push(Cost {
                keys,
                threads,
                rows: rows(&texts, threads, rounds)?,
            });
        }
    }
    Ok(costs)
}

fn rows(keys: &[String], threads: usize, rounds: usize) -> Result<Vec<Row>, Failure> {
    let candidates = candidates();
    for (name, observers) in &candidates {
        // Until all keys have been seen, and the curve has found how many it has time for.
        let hits = match *name {
            ANALYTICS | SAMPLED => SETTLING_HITS,
            _ => 2 * keys.len(),
        };
        for _ in 0..hits.div_ceil(HITS * threads).max(5) {
            round(observers, keys, threads)?;
        }
    }
    let mut series = vec![Vec::with_capacity(rounds); candidates.len()];
    for at in 0..rounds {
        for turn in 0..candidates.len() {
            let which = (at + turn) % candidates.len();
            series[which].push(round(&candidates[which].1, keys, threads)?);
        }
    }
    let names = candidates.iter().map(|(name, _)| *name);
    Ok(names
        .zip(&series)
        .map(|(name, nanos)| Row::new(name, nanos, &series[0]))
        .collect())
}

fn candidates() -> Vec<(&'static str, Observers)> {
    let with_curve = AnalyticsOptions::new().l1_bytes(64 << 20);
    let observed = |observer: Arc<dyn Observer>| Observers::new([observer]);
    vec![
        ("none", Observers::default()),
        ("one that does nothing", observed(Arc::new(Nothing))),
        ("analytics", observed(Arc::new(Analytics::default()))),
        (
            ANALYTICS,
            observed(Arc::new(Analytics::new(with_curve.clone()))),
        ),
        (
            SAMPLED,
            observed(Arc::new(Analytics::new(with_curve.hit_interval(8)))),
        ),
        (
            "64 hash maps with counters",
            observed(Arc::new(ManyMaps::default())),
        ),
        (
            "a hash map with counters",
            observed(Arc::new(OneMap::default())),
        ),
    ]
}

/// Nanoseconds of a hit.
fn round(observers: &Observers, keys: &[String], threads: usize) -> Result<f64, Failure> {
    let hits = |thread: usize| {
        let from = thread * keys.len() / threads + fastrand::usize(..keys.len());
        let mut at = from % keys.len();
        let began = Instant::now();
        for _ in 0..HITS {
            at = if at + 1 < keys.len() { at + 1 } else { 0 };
            // L1 has compared the key: it is in the nearest cache.
            black_box(keys[at].as_bytes().last());
            observers.emit(&Event::Hit {
                space: Space {
                    id: 1,
                    name: "users",
                },
                key: &keys[at],
                tier: Tier::L1,
            });
        }
        began.elapsed().as_nanos() as f64 / HITS as f64
    };
    let nanos: Vec<f64> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || hits(thread)))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join())
            .collect::<Result<_, _>>()
    })
    .map_err(|_| "a thread that hits has panicked")?;
    Ok(nanos.iter().sum::<f64>() / threads as f64)
}

impl Row {
    fn new(observer: &'static str, nanos: &[f64], without: &[f64]) -> Self {
        let least = |nanos: &[f64]| quantile(nanos.iter().copied(), 0.0);
        Self {
            observer,
            median: quantile(nanos.iter().copied(), 0.5),
            least: least(nanos),
            added: least(nanos) - least(without),
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading = format!("hit in L1, keys {}, threads: {}", self.keys, self.threads);
        writeln!(f, "{heading:<44} {:>9} {:>9} {:>9}", "ns", "least", "added")?;
        self.rows.iter().try_for_each(|row| {
            let Row {
                observer,
                median,
                least,
                added,
            } = row;
            writeln!(
                f,
                "  {observer:<42} {median:>9.1} {least:>9.1} {added:>9.1}"
            )
        })
    }
}
