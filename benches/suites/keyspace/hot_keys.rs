//! How many of the true top 100 of a trace are found, and in how much memory.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Instant;

use larder_benches::Failure;
use larder_cache_core::{Event, MissReason, Observer, Origin, Space, Tier};
use larder_keyspace::analytics::{Analytics, AnalyticsOptions, HotKey};
use serde::Serialize;

use crate::streams::text;
use crate::traces::Trace;

const TOP: usize = 100;

const KIB: [usize; 3] = [256, 512, 1024];

/// What was found of one trace in so much memory.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    pub(crate) trace: &'static str,
    pub(crate) allowed_kib: usize,
    pub(crate) used_bytes: u64,
    /// How many are wanted.
    pub(crate) top: usize,
    /// How many of the reported top are of the true top.
    pub(crate) of_the_top: usize,
    /// How many true counts are within the reported bounds.
    pub(crate) within_bounds: usize,
    /// The largest error of a count of the reported top, as a share of it.
    pub(crate) worst_error: f64,
    pub(crate) distinct_keys: f64,
    pub(crate) true_distinct_keys: usize,
    pub(crate) nanos_per_access: f64,
    /// What a hash map with counters takes, text and all.
    pub(crate) map_bytes: usize,
}

/// Replays a trace with room for each amount of memory; what is read first is a miss.
pub(crate) fn measure(trace: &Trace) -> Result<Vec<Found>, Failure> {
    let mut counts: HashMap<u32, u64> = HashMap::new();
    trace
        .keys
        .iter()
        .for_each(|key| *counts.entry(*key).or_default() += 1);
    KIB.iter().map(|kib| replay(trace, &counts, *kib)).collect()
}

fn replay(trace: &Trace, counts: &HashMap<u32, u64>, kib: usize) -> Result<Found, Failure> {
    let texts: Vec<String> = trace.keys.iter().map(|key| text(*key)).collect();
    let options = AnalyticsOptions::new().bytes_per_namespace(kib << 10);
    let analytics = Analytics::new(options);
    let mut stored = HashSet::with_capacity(counts.len());
    let began = Instant::now();
    for (key, text) in trace.keys.iter().zip(&texts) {
        access(&analytics, text, stored.insert(*key));
    }
    let elapsed = began.elapsed();
    let report = analytics.key_analytics("trace")?;
    let keys = report.keys.ok_or("no memory for the keys")?;
    let top = &keys.hot_keys[..TOP.min(keys.hot_keys.len())];
    let truth = |hot: &HotKey| -> u64 {
        let key = hot
            .key
            .strip_prefix("item:")
            .and_then(|key| key.parse().ok());
        key.and_then(|key: u32| counts.get(&key).copied())
            .unwrap_or_default()
    };
    let mut ranked: Vec<u64> = counts.values().copied().collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    let least = ranked.get(TOP - 1).copied().unwrap_or_default();
    let errors = top
        .iter()
        .map(|hot| (hot.count as f64 / truth(hot) as f64 - 1.0).abs());
    let is_within = |hot: &&HotKey| (hot.at_least..=hot.at_most).contains(&truth(hot));
    Ok(Found {
        trace: trace.name,
        allowed_kib: kib,
        used_bytes: report.memory_bytes,
        top: TOP,
        of_the_top: top.iter().filter(|hot| truth(hot) >= least).count(),
        within_bounds: top.iter().filter(is_within).count(),
        worst_error: errors.fold(0.0, f64::max),
        distinct_keys: keys.distinct.keys,
        true_distinct_keys: counts.len(),
        nanos_per_access: elapsed.as_nanos() as f64 / trace.keys.len() as f64,
        map_bytes: map_bytes(counts),
    })
}

fn access(analytics: &Analytics, key: &str, is_first: bool) {
    let space = Space {
        id: 1,
        name: "trace",
    };
    if !is_first {
        let tier = Tier::L1;
        return analytics.observe(&Event::Hit { space, key, tier });
    }
    let reason = MissReason::NotFound;
    analytics.observe(&Event::Miss { space, key, reason });
    analytics.observe(&Event::Serialized {
        space,
        key,
        bytes: 200,
        digest: 1,
        origin: Origin::Loaded,
    });
}

/// Text, and a place in a table that is between half and seven eighths full.
fn map_bytes(counts: &HashMap<u32, u64>) -> usize {
    let texts: usize = counts.keys().map(|key| text(*key).len() + 16).sum();
    let places = (counts.len() * 8 / 7).next_power_of_two();
    texts + places * (size_of::<(String, u64)>() + 1)
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {:<10} {:>5} KiB allowed, {:>5} used (map: {} KiB): {} of the top {TOP}, {} within \
             bounds, worst count {:.2} % off, {:.0} keys (true: {}), {:.0} ns an access",
            self.trace,
            self.allowed_kib,
            self.used_bytes.div_ceil(1024),
            self.map_bytes.div_ceil(1024),
            self.of_the_top,
            self.within_bounds,
            self.worst_error * 100.0,
            self.distinct_keys,
            self.true_distinct_keys,
            self.nanos_per_access,
        )
    }
}
