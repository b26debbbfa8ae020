//! Reports as text for people.

use std::fmt::{Display, Formatter, Result};

use super::{HotKey, KeysReport, NamespaceReport, ShapeReport};

/// Hot keys and shapes in a table.
const LINES: usize = 10;

impl Display for NamespaceReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let totals = &self.totals;
        let hit_rate = percent(totals.hit_rate());
        writeln!(
            f,
            "{}: {} reads in {:.0} s, {hit_rate} hits ({} in L1), {} loaded, {} written; \
             processes: {}, at most {} KiB",
            self.namespace,
            totals.reads(),
            self.seconds,
            percent(totals.l1_hit_rate()),
            totals.loaded,
            totals.written,
            self.processes,
            self.memory_bytes.div_ceil(1024),
        )?;
        match &self.keys {
            Some(keys) => keys.fmt(f),
            None => writeln!(f, "  totals only: no memory was left to follow its keys"),
        }
    }
}

impl Display for KeysReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (distinct, lives) = (&self.distinct, &self.lifecycle);
        writeln!(
            f,
            "  {:.0} keys (+-{:.0}), {} of them read once at most; {} of the values never read",
            distinct.keys,
            distinct.standard_error,
            percent(lives.read_once_share),
            percent(lives.never_read_share),
        )?;
        writeln!(
            f,
            "  {:<32} {:>9} {:>9} {:>9} {:>8}",
            "hot key", "reads", "at least", "at most", "per s"
        )?;
        self.hot_keys
            .iter()
            .take(LINES)
            .try_for_each(|key| key.fmt(f))?;
        let heading = ["reads", "hits", "L1", "r/w", "bytes p50", "p99", "age p50"];
        write!(f, "  {:<32}", "shape")?;
        heading
            .iter()
            .try_for_each(|word| write!(f, " {word:>9}"))?;
        writeln!(f)?;
        self.shapes
            .iter()
            .take(LINES)
            .try_for_each(|shape| shape.fmt(f))
    }
}

impl Display for HotKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self {
            count,
            at_least,
            at_most,
            per_second,
            ..
        } = self;
        let key = shortened(&self.key);
        writeln!(
            f,
            "  {key:<32} {count:>9} {at_least:>9} {at_most:>9} {per_second:>8.1}"
        )
    }
}

impl Display for ShapeReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let size = |of: fn(&super::super::Distribution) -> f64| number(self.sizes.as_ref().map(of));
        let age = self.ages_ms.as_ref().map(|ages| ages.p50);
        let columns = [
            self.counts.reads().to_string(),
            percent(self.hit_rate),
            percent(self.l1_hit_rate),
            self.read_write_ratio
                .map_or("-".to_owned(), |ratio| format!("{ratio:.1}")),
            size(|sizes| sizes.p50),
            size(|sizes| sizes.p99),
            age.map_or("-".to_owned(), duration),
        ];
        write!(f, "  {:<32}", shortened(&self.shape))?;
        columns
            .iter()
            .try_for_each(|column| write!(f, " {column:>9}"))?;
        writeln!(f)
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.0}"))
}

fn duration(millis: f64) -> String {
    match millis {
        ..1000.0 => format!("{millis:.0} ms"),
        ..600_000.0 => format!("{:.1} s", millis / 1000.0),
        _ => format!("{:.0} min", millis / 60_000.0),
    }
}

fn shortened(key: &str) -> String {
    if key.chars().count() <= 32 {
        return key.to_owned();
    }
    let start: String = key.chars().take(29).collect();
    format!("{start}...")
}
