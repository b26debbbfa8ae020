//! What each pattern did.

use std::fmt;

use larder::{MissReason, NamespaceStats, RefreshAheadStats, Stats};

use super::Lookups;
use super::numbers::{grouped, percent, quantile};
use crate::app::{App, Tally};
use crate::traffic::Measured;

/// What each pattern did. Its `Display` is a table.
#[derive(Clone, Debug)]
pub(super) struct Patterns {
    users: NamespaceStats,
    settings: NamespaceStats,
    progress: NamespaceStats,
    contents: NamespaceStats,
    refreshes: RefreshAheadStats,
    tally: Tally,
}

impl Patterns {
    pub(super) fn of(app: &App) -> Self {
        let stats = app.cache.stats();
        Self {
            users: namespace(&stats, "users"),
            settings: namespace(&stats, "settings"),
            progress: namespace(&stats, "progress"),
            contents: namespace(&stats, "content"),
            refreshes: app.contents.stats(),
            tally: app.tally(),
        }
    }

    /// The table, with how long clients waited.
    pub(super) fn table(&self, measured: &Measured) -> Table {
        Table([
            ("cache-aside", "profiles", self.cache_aside()),
            ("write-through", "settings", self.write_through(measured)),
            ("write-behind", "progress", self.write_behind(measured)),
            ("refresh-ahead", "contents", self.refresh_ahead()),
        ])
    }

    fn cache_aside(&self) -> Vec<String> {
        let changes = format!(
            "{} changes, each of which deleted what was cached",
            grouped(self.users.deleted)
        );
        vec![reads(&self.users), changes]
    }

    fn write_through(&self, measured: &Measured) -> Vec<String> {
        let Tally {
            written, cached, ..
        } = self.tally;
        let changes = format!(
            "{} changes, {} at p50: {} in database and cache, {} deleted from the cache",
            grouped(written),
            quantile(&measured.through, 0.5),
            grouped(cached),
            grouped(written.saturating_sub(cached)),
        );
        vec![reads(&self.settings), changes]
    }

    fn write_behind(&self, measured: &Measured) -> Vec<String> {
        let Tally {
            events,
            rows,
            batches,
            ..
        } = self.tally;
        let changes = format!(
            "{} changes, {} at p50: {} rows in {} transactions",
            grouped(events),
            quantile(&measured.behind, 0.5),
            grouped(rows),
            grouped(batches),
        );
        vec![reads(&self.progress), changes]
    }

    fn refresh_ahead(&self) -> Vec<String> {
        let stats = &self.contents;
        let Waits { first, in_lists } = Waits::of(stats);
        let all = Lookups::of(stats).all;
        let waited = format!(
            "{} reads: {} did not wait; {} first ones did, and {} in lists of a course",
            grouped(all),
            percent(all.saturating_sub(first + in_lists), all),
            grouped(first),
            grouped(in_lists),
        );
        let refreshes = format!(
            "{} refreshed in the background, {} failed; {} reads got an expired one meanwhile",
            grouped(self.refreshes.refreshed),
            grouped(self.refreshes.failed),
            grouped(stats.stale_served),
        );
        vec![waited, refreshes]
    }
}

/// Reads of contents that waited for the database.
struct Waits {
    /// There was nothing yet.
    first: u64,
    /// It had expired. Only lists, which load what is missing at once, wait then.
    in_lists: u64,
}

impl Waits {
    fn of(stats: &NamespaceStats) -> Self {
        let expired = stats
            .miss_reasons
            .iter()
            .find(|(reason, _)| *reason == MissReason::Expired.name());
        let expired = expired.map_or(0, |(_, misses)| *misses);
        let in_lists = expired.saturating_sub(stats.stale_served);
        let waited = stats.misses.saturating_sub(stats.stale_served);
        Self {
            first: waited.saturating_sub(in_lists) + stats.joined,
            in_lists,
        }
    }
}

fn namespace(stats: &Stats, name: &str) -> NamespaceStats {
    let found = stats.namespaces.iter().find(|one| one.name == name);
    found.cloned().unwrap_or_default()
}

fn reads(stats: &NamespaceStats) -> String {
    let found = Lookups::of(stats);
    let spared = found.in_l1 + found.in_l2 + found.known_absent;
    format!(
        "{} reads: {} answered by the cache, {} loads",
        grouped(found.all),
        percent(spared, found.all),
        grouped(stats.loads),
    )
}

/// Pattern, what it is used for, and what it did.
pub(super) struct Table([(&'static str, &'static str, Vec<String>); 4]);

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:<15} {:<10} what it did", "pattern", "used for")?;
        for (pattern, used_for, lines) in &self.0 {
            let (mut pattern, mut used_for) = (*pattern, *used_for);
            for line in lines {
                writeln!(f, "  {pattern:<15} {used_for:<10} {line}")?;
                (pattern, used_for) = ("", "");
            }
        }
        Ok(())
    }
}
