//! What is promised of the analytics.

use larder_benches::Verdict;

use crate::cost::SAMPLED;
use crate::results::Results;

/// What analytics may add to a hit in L1, in nanoseconds.
const COST_NANOS: f64 = 15.0;

/// How many of the true top 100 may be missing, with at most 1 MiB.
const MISSING: f64 = 5.0;

/// How far the curve may be off, in points of the hit ratio.
const CURVE_POINTS: f64 = 2.0;

/// How far the bare table may be off the whole cache.
const TABLE_POINTS: f64 = 0.5;

/// How busy the server may be with a quota, in percent.
const SERVER_PERCENT: f64 = 10.0;

/// Every promise about what was run.
pub(crate) fn judge(results: &Results) -> Vec<Verdict> {
    let mut goals = Vec::new();
    for cost in results.costs.iter().filter(|cost| cost.threads == 1) {
        let rows = cost.rows.iter().filter(|row| row.observer == SAMPLED);
        goals.extend(rows.map(|row| {
            let what = format!("ns added to a hit, 1 of 8, {}", cost.keys);
            Verdict::new(what, COST_NANOS, row.added)
        }));
    }
    for found in &results.hot_keys {
        let what = format!(
            "{}, of the top 100 missing, {} KiB",
            found.trace, found.allowed_kib
        );
        let missing = found.top.saturating_sub(found.of_the_top) as f64;
        goals.push(Verdict::new(what, MISSING, missing));
    }
    for curves in &results.curves {
        let trace = curves.trace;
        let mut goal = |what: String, most, found| {
            goals.push(Verdict::new(format!("{trace}, {what}"), most, found));
        };
        goal("exact".to_owned(), TABLE_POINTS, curves.table_error);
        for run in &curves.runs {
            let rate = run.accesses_per_second;
            let what = |what| format!("{what} at {rate}/s");
            goal(what("curve"), CURVE_POINTS, run.whole.most);
            goal(what("curve alone"), CURVE_POINTS, run.alone.most);
            let means = run.spaces.iter().map(|(_, errors)| errors.mean);
            let worst = means.fold(0.0, f64::max);
            goal(what("worst namespace, mean"), CURVE_POINTS, worst);
        }
    }
    if let Some(kept) = &results.quota {
        let mut goal = |what: &str, most, found| {
            goals.push(Verdict::new(what.to_owned(), most, found));
        };
        let left = kept.left_bytes as f64 / kept.quota_bytes as f64;
        goal("left of a quota, swept", 1.0, left);
        goal(
            "% of the server, measuring",
            SERVER_PERCENT,
            kept.server_share * 100.0,
        );
    }
    goals
}
