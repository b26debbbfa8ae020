use std::fmt;
use std::time::Duration;

use larder::NamespaceStats;

use super::Lookups;
use super::numbers::{grouped, per_second, percent, quantile};
use crate::app::{App, Tally};
use crate::traffic::{Measured, Recorder};

/// How it all went. Its `Display` is a table.
#[derive(Clone, Debug)]
pub struct Summary {
    measured: Measured,
    elapsed: Duration,
    stats: NamespaceStats,
    tally: Tally,
}

impl Summary {
    /// The figures as of now.
    #[must_use]
    pub fn of(app: &App, recorder: &Recorder, elapsed: Duration) -> Self {
        Self {
            measured: recorder.total(),
            elapsed,
            stats: app.cache.stats().total(),
            tally: app.tally(),
        }
    }

    /// Whether all requests were answered rightly.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.measured.failed == 0
    }

    fn rows(&self) -> Vec<[String; 3]> {
        let Self {
            measured,
            stats,
            tally,
            ..
        } = self;
        let Lookups {
            in_l1,
            in_l2,
            known_absent,
            all,
        } = Lookups::of(stats);
        let rate = format!("{} per second", per_second(measured.requests, self.elapsed));
        let failure = measured.first_failure.clone().unwrap_or_default();
        let lookups = format!("of {} lookups", grouped(all));
        let bypassing = format!(
            "{} of them past the cache",
            grouped(measured.uncached.len())
        );
        let reads = format!(
            "of {} reads, each a query without a cache",
            grouped(tally.reads)
        );
        let joined = format!("{} more lookups joined one", grouped(stats.joined));
        let incomplete = format!("{} cut short", grouped(measured.incomplete_searches));
        let unconfirmed = format!(
            "{} not confirmed by the backend",
            grouped(tally.unconfirmed)
        );
        [
            ("requests", grouped(measured.requests), rate),
            ("failed requests", grouped(measured.failed), failure),
            ("hit rate L1", percent(in_l1, all), lookups),
            ("hit rate L2", percent(in_l2, all), String::new()),
            (
                "known to be absent",
                percent(known_absent, all),
                String::new(),
            ),
            (
                "p50 with the cache",
                quantile(&measured.cached, 0.5),
                String::new(),
            ),
            (
                "p50 without it",
                quantile(&measured.uncached, 0.5),
                String::new(),
            ),
            (
                "p99 with the cache",
                quantile(&measured.cached, 0.99),
                String::new(),
            ),
            (
                "p99 without it",
                quantile(&measured.uncached, 0.99),
                String::new(),
            ),
            ("queries executed", grouped(tally.queries), bypassing),
            ("queries avoided", grouped(tally.avoided()), reads),
            ("loads", grouped(stats.loads), joined),
            ("stale served", grouped(stats.stale_served), String::new()),
            ("updates", grouped(tally.updates), unconfirmed),
            ("searches", grouped(measured.searches), incomplete),
        ]
        .map(|(name, value, remark)| [name.to_owned(), value, remark])
        .into()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Summary of {:.1} s", self.elapsed.as_secs_f64())?;
        for [name, value, remark] in self.rows() {
            let row = format!("  {name:<20} {value:>10}   {remark}");
            writeln!(f, "{}", row.trim_end())?;
        }
        Ok(())
    }
}
