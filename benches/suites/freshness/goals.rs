//! What is promised of freshness.

use crate::reads::TAGGED;
use crate::results::Results;
use larder_benches::{Comparison, Verdict};

/// What a tag that many entries carry may take, in what one takes that a single entry carries.
const INVALIDATION: f64 = 1.5;

/// What reading an entry with tags may take, in what one without takes.
const TAGGED_READ: f64 = 1.1;

/// One that misses and one that brings the value into L1; a little for news that come late.
const GETS_PER_FILL: f64 = 2.05;

/// Every promise about what was run.
pub(crate) fn judge(results: &Results) -> Vec<Verdict> {
    let invalidations = results.invalidations.iter().map(|invalidation| {
        let (store, entries) = (invalidation.store, invalidation.entries);
        let promise = format!("{store}: tag of {entries} entries to tag of one");
        Verdict::new(promise, INVALIDATION, invalidation.ratio.median)
    });
    let reads = results.reads.iter().filter(|reads| is_promised(reads));
    let reads = reads.flat_map(|comparison| {
        comparison.rows.iter().skip(1).map(|row| {
            let promise = format!("redis: get, {}, tasks: {}", row.name, comparison.tasks);
            Verdict::new(promise, TAGGED_READ, row.cost.median)
        })
    });
    let fills = results.fills.iter().map(|fills| {
        let promise = format!("{}: gets per fill, tasks: {}", fills.store, fills.tasks);
        Verdict::new(promise, GETS_PER_FILL, fills.gets)
    });
    invalidations.chain(reads).chain(fills).collect()
}

/// Nothing is promised of the memory backend's reads: there is no network that epochs could
/// hide behind.
fn is_promised(comparison: &Comparison) -> bool {
    comparison.title == TAGGED && comparison.store == "redis"
}
