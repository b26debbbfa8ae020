//! Counters of what the cache did, and the one place where events go out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_cache_core::{Connections, Event, LoadOutcome, MissReason, Tier};

/// What a cache did since it was built, and what it holds now.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Per namespace, in the order in which they were first used.
    pub namespaces: Vec<NamespaceStats>,
    /// Process memory.
    pub l1: L1Stats,
    /// The connections of the backend.
    pub connections: Connections,
    /// Tasks in the background: loads and refreshes.
    pub background_tasks: usize,
}

/// What L1 holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct L1Stats {
    /// Entries.
    pub entries: usize,
    /// Their weight: keys, serialized bytes, and 160 bytes each.
    pub bytes: u64,
    /// The most bytes they may weigh.
    pub max_bytes: u64,
}

/// What was done in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamespaceStats {
    /// The name.
    pub name: String,
    /// Reads answered from process memory.
    pub l1_hits: u64,
    /// Reads answered by the backend.
    pub l2_hits: u64,
    /// Reads answered by the memory that there is no value, from either tier.
    pub negative_hits: u64,
    /// Reads that found nothing they could use.
    pub misses: u64,
    /// The misses by reason, those that occurred.
    pub miss_reasons: Vec<(&'static str, u64)>,
    /// Reads answered with a stale value, each counted as a miss as well.
    pub stale_served: u64,
    /// Reads that joined a load already under way.
    pub joined: u64,
    /// Loader runs.
    pub loads: u64,
    /// Loader runs that ended with an error, a panic, or the end of the cache.
    pub failed_loads: u64,
    /// The time loaders took altogether.
    pub load_time: Duration,
    /// Loaded values that were not stored.
    pub fills_refused: u64,
    /// Values stored in the backend.
    pub stored: u64,
    /// Keys that callers deleted.
    pub deleted: u64,
}

impl NamespaceStats {
    /// Reads altogether: hits, misses, and those that joined a load.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.hits() + self.misses + self.joined
    }

    /// The hits of both tiers, negative ones among them.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.l1_hits + self.l2_hits + self.negative_hits
    }

    /// The hits as a share of all reads; `None` before the first one.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        let reads = self.reads();
        (reads > 0).then(|| self.hits() as f64 / reads as f64)
    }
}

impl Stats {
    /// All namespaces together.
    #[must_use]
    pub fn total(&self) -> NamespaceStats {
        let mut total = NamespaceStats {
            name: "total".to_owned(),
            ..NamespaceStats::default()
        };
        for one in &self.namespaces {
            total.l1_hits += one.l1_hits;
            total.l2_hits += one.l2_hits;
            total.negative_hits += one.negative_hits;
            total.misses += one.misses;
            total.stale_served += one.stale_served;
            total.joined += one.joined;
            total.loads += one.loads;
            total.failed_loads += one.failed_loads;
            total.load_time += one.load_time;
            total.fills_refused += one.fills_refused;
            total.stored += one.stored;
            total.deleted += one.deleted;
            for &(reason, count) in &one.miss_reasons {
                match total.miss_reasons.iter_mut().find(|(r, _)| *r == reason) {
                    Some((_, sum)) => *sum += count,
                    None => total.miss_reasons.push((reason, count)),
                }
            }
        }
        total
    }
}

/// The counters of one namespace.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    l1_hits: AtomicU64,
    l2_hits: AtomicU64,
    negative_hits: AtomicU64,
    /// By reason, in the order of [`MissReason::ALL`].
    misses: [AtomicU64; MissReason::ALL.len()],
    stale_served: AtomicU64,
    joined: AtomicU64,
    loads: AtomicU64,
    failed_loads: AtomicU64,
    load_nanos: AtomicU64,
    fills_refused: AtomicU64,
    stored: AtomicU64,
    deleted: AtomicU64,
}

impl Counters {
    #[inline]
    pub(crate) fn record(&self, event: &Event<'_>) {
        match *event {
            Event::Hit { tier: Tier::L1, .. } => add(&self.l1_hits, 1),
            Event::Hit { tier: Tier::L2, .. } => add(&self.l2_hits, 1),
            Event::NegativeHit { .. } => add(&self.negative_hits, 1),
            Event::Miss { reason, .. } => self.record_miss(reason),
            Event::StaleServed { .. } => add(&self.stale_served, 1),
            Event::LoadJoined { .. } => add(&self.joined, 1),
            Event::Load {
                elapsed, outcome, ..
            } => self.record_load(elapsed, outcome),
            Event::FillRefused { .. } => add(&self.fills_refused, 1),
            Event::Stored { .. } => add(&self.stored, 1),
            Event::Deleted { keys, .. } => add(&self.deleted, keys.len() as u64),
            _ => {}
        }
    }

    fn record_miss(&self, reason: MissReason) {
        if let Some(place) = MissReason::ALL.iter().position(|r| *r == reason) {
            add(&self.misses[place], 1);
        }
    }

    fn record_load(&self, elapsed: Duration, outcome: LoadOutcome) {
        add(&self.loads, 1);
        add(
            &self.failed_loads,
            u64::from(outcome != LoadOutcome::Loaded),
        );
        add(
            &self.load_nanos,
            u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
        );
    }

    pub(crate) fn snapshot(&self, name: &str) -> NamespaceStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let miss_reasons: Vec<_> = MissReason::ALL
            .iter()
            .zip(&self.misses)
            .map(|(reason, count)| (reason.name(), read(count)))
            .filter(|(_, count)| *count > 0)
            .collect();
        NamespaceStats {
            name: name.to_owned(),
            l1_hits: read(&self.l1_hits),
            l2_hits: read(&self.l2_hits),
            negative_hits: read(&self.negative_hits),
            misses: miss_reasons.iter().map(|(_, count)| count).sum(),
            miss_reasons,
            stale_served: read(&self.stale_served),
            joined: read(&self.joined),
            loads: read(&self.loads),
            failed_loads: read(&self.failed_loads),
            load_time: Duration::from_nanos(read(&self.load_nanos)),
            fills_refused: read(&self.fills_refused),
            stored: read(&self.stored),
            deleted: read(&self.deleted),
        }
    }
}

#[inline]
fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
