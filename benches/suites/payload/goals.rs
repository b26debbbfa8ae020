//! What is promised of compression.

use larder_benches::Verdict;

use crate::dictionaries::{self, Shares};
use crate::results::Results;

/// What the optimizer's choice may cost, in the cost of the best fixed choice.
const AUTOMATIC: f64 = 1.05;

/// What a dictionary leaves of what zstd 3 makes of small records.
const TRAINED_BYTES: f64 = 1.0 / 1.5;

/// The time it takes, in that of zstd 3.
const TRAINED_TIME: f64 = 1.0;

/// Every promise about what was run.
pub(crate) fn judge(results: &Results) -> Vec<Verdict> {
    let choices = results.choices.iter().flat_map(|choices| {
        choices.automatic.iter().map(|automatic| {
            let promise = format!("auto, {}, {}", choices.corpus, automatic.link);
            Verdict::new(promise, AUTOMATIC, automatic.cost.median)
        })
    });
    let records = results.dictionaries.iter();
    let records = records.filter(|trained| trained.corpus == dictionaries::SMALL);
    let trained = records.flat_map(|trained| {
        let share = |of: fn(&Shares) -> f64| trained.shares.as_ref().map_or(f64::INFINITY, of);
        let verdict = |what: &str, most, found| {
            Verdict::new(format!("{}, {what}", trained.corpus), most, found)
        };
        [
            verdict("bytes", TRAINED_BYTES, share(|s| s.bytes)),
            verdict("compress", TRAINED_TIME, share(|s| s.compress.median)),
            verdict("decompress", TRAINED_TIME, share(|s| s.decompress.median)),
        ]
    });
    choices.chain(trained).collect()
}
