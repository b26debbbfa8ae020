use std::fmt;
use std::time::Duration;

use larder::NamespaceStats;

use super::Lookups;
use super::advice::Advice;
use super::keys::Keys;
use super::numbers::{grouped, millis, per_second, percent, quantile};
use super::patterns::Patterns;
use super::payload::Payload;
use crate::app::{App, Tally};
use crate::traffic::{Measured, Recorder};

/// How it all went. Its `Display` is a table.
#[derive(Clone, Debug)]
pub struct Summary {
    measured: Measured,
    elapsed: Duration,
    stats: NamespaceStats,
    tally: Tally,
    patterns: Patterns,
    payload: Payload,
    keys: Keys,
}

/// A name, a value, and what else there is to say.
type Row = (&'static str, String, String);

impl Summary {
    /// The figures as of now, and what is known of the keys.
    #[must_use]
    pub fn of(app: &App, recorder: &Recorder, elapsed: Duration, keys: Keys) -> Self {
        Self {
            measured: recorder.total(),
            elapsed,
            stats: app.cache.stats().total(),
            tally: app.tally(),
            patterns: Patterns::of(app),
            payload: Payload::of(app),
            keys,
        }
    }

    /// Whether all requests were answered rightly.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.measured.failed == 0
    }

    /// What the analytics say of the size of L1.
    #[must_use]
    pub fn advice(&self) -> &Advice {
        self.keys.advice()
    }

    fn requests(&self) -> [Row; 3] {
        let Measured {
            requests,
            failed,
            first_failure,
            searches,
            incomplete_searches,
            ..
        } = &self.measured;
        let rate = format!("{} per second", per_second(*requests, self.elapsed));
        let first_failure = first_failure.clone().unwrap_or_default();
        let incomplete = format!("{} incomplete", grouped(*incomplete_searches));
        [
            ("requests", grouped(*requests), rate),
            ("failed requests", grouped(*failed), first_failure),
            ("searches", grouped(*searches), incomplete),
        ]
    }

    fn lookups(&self) -> [Row; 5] {
        let found = Lookups::of(&self.stats);
        let all = format!("of {} lookups", grouped(found.all));
        let joined = format!(
            "{} lookups waited for another's",
            grouped(self.stats.joined)
        );
        let stale = grouped(self.stats.stale_served);
        [
            ("hit rate L1", percent(found.in_l1, found.all), all),
            (
                "hit rate L2",
                percent(found.in_l2, found.all),
                String::new(),
            ),
            (
                "known to be absent",
                percent(found.known_absent, found.all),
                String::new(),
            ),
            ("loads", grouped(self.stats.loads), joined),
            ("stale served", stale, String::new()),
        ]
    }

    fn latencies(&self) -> [Row; 5] {
        let Measured {
            cached,
            uncached,
            slowest,
            ..
        } = &self.measured;
        let longest = format!("{:.2} ms", millis(slowest.took));
        let row = |name, micros, share| (name, quantile(micros, share), String::new());
        [
            row("p50 with the cache", cached, 0.5),
            row("p50 without it", uncached, 0.5),
            row("p99 with the cache", cached, 0.99),
            row("p99 without it", uncached, 0.99),
            ("slowest request", longest, slowest.asked.clone()),
        ]
    }

    fn database(&self) -> [Row; 4] {
        let Tally {
            reads,
            queries,
            updates,
            unconfirmed,
            bypassed,
            events,
            batches,
            ..
        } = self.tally;
        let past_the_cache = format!("{} of them past the cache", grouped(bypassed));
        let spared = events.saturating_sub(batches);
        let spared = format!("and {} spared by write-behind", grouped(spared));
        let reads = format!("of {} reads, each a query without a cache", grouped(reads));
        let changes = "changes that the cache's backend did not confirm".to_owned();
        [
            ("queries executed", grouped(queries), past_the_cache),
            ("queries avoided", grouped(self.tally.avoided()), reads),
            ("updates", grouped(updates), spared),
            ("unconfirmed", grouped(unconfirmed), changes),
        ]
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Summary of {:.1} s", self.elapsed.as_secs_f64())?;
        let groups = [
            self.requests().to_vec(),
            self.lookups().to_vec(),
            self.latencies().to_vec(),
            self.database().to_vec(),
        ];
        for group in groups {
            writeln!(f)?;
            for (name, value, remark) in group {
                let row = format!("  {name:<20} {value:>10}   {remark}");
                writeln!(f, "{}", row.trim_end())?;
            }
        }
        write!(f, "\n{}", self.patterns.table(&self.measured))?;
        write!(f, "\n{}", self.payload)?;
        write!(f, "\n{}", self.keys)
    }
}
