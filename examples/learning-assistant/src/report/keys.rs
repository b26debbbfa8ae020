//! What is read, how often, and what another size of L1 would bring.

use std::fmt;

use larder::analytics::{ColdKeys, ColdOptions, KeysReport, NamespaceReport};
use larder::{Encryption, Result};

use super::advice::Advice;
use super::numbers::{grouped, percent};
use crate::app::App;

/// How many hot keys, cold keys and shapes of a namespace are shown.
const SHOWN: usize = 3;

/// Namespaces with fewer reads are left out.
const FEWEST_READS: u64 = 100;

/// Keys that are not read; `None`: they are secrets, and so are the hot ones.
type Cold = Option<Result<ColdKeys>>;

/// What the analytics say of each namespace that is read. Its `Display` is a table.
#[derive(Clone, Debug)]
pub struct Keys {
    namespaces: Vec<(NamespaceReport, Cold)>,
    memory_bytes: usize,
    advice: Advice,
}

impl Keys {
    /// As of now; the cold keys are looked for in the backend, which must not be closed yet.
    pub async fn of(app: &App) -> Self {
        let mut reports = app.analytics.reports();
        reports.retain(|report| report.totals.reads() >= FEWEST_READS);
        reports.sort_by_key(|report| std::cmp::Reverse(report.totals.reads()));
        let mut namespaces = Vec::new();
        for report in reports {
            let cold = match are_secret(app, &report.namespace) {
                true => None,
                false => Some(cold_keys(app, &report.namespace).await),
            };
            namespaces.push((report, cold));
        }
        Self {
            namespaces,
            memory_bytes: app.analytics.memory_bytes(),
            advice: Advice::of(app),
        }
    }

    /// What they say of the size of L1.
    #[must_use]
    pub fn advice(&self) -> &Advice {
        &self.advice
    }
}

/// Whoever reads the keys of sessions can take them over.
fn are_secret(app: &App, namespace: &str) -> bool {
    let handle = app.cache.namespace(namespace);
    handle.is_ok_and(|handle| handle.settings().encryption == Encryption::On)
}

async fn cold_keys(app: &App, namespace: &str) -> Result<ColdKeys> {
    let settings = app.cache.namespace(namespace)?.settings();
    let (backend, prefix) = (app.cache.backend(), app.cache.key_prefix());
    let options = ColdOptions::new().limit(SHOWN);
    app.analytics
        .cold_keys(&**backend, prefix, &settings, &options)
        .await
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = self.memory_bytes.div_ceil(1024) as u64;
        let remark = format!("what is read, by analytics that take {} KiB", grouped(kib));
        writeln!(f, "  {:<15} {:<10} {remark}", "namespace", "")?;
        for (report, cold) in &self.namespaces {
            let mut lines = vec![("", totals(report))];
            if let Some(keys) = &report.keys {
                lines.extend(shapes(keys));
            }
            match (cold, &report.keys) {
                (None, _) => lines.push(("", "hot and cold keys are secrets".to_owned())),
                (Some(cold), keys) => {
                    let hot = keys.iter().map(|keys| ("hot keys", hot_keys(report, keys)));
                    lines.extend(hot);
                    lines.push(("cold keys", cold_keys_line(cold)));
                }
            }
            let names = [report.namespace.as_str()]
                .into_iter()
                .chain(std::iter::repeat(""));
            for (name, (what, line)) in names.zip(lines) {
                writeln!(f, "  {name:<15} {what:<10} {line}")?;
            }
        }
        writeln!(f, "\n{}", self.advice)
    }
}

fn totals(report: &NamespaceReport) -> String {
    let keys = report.keys.as_ref().map_or(0.0, |keys| keys.distinct.keys);
    let never_read = report
        .keys
        .as_ref()
        .and_then(|keys| keys.lifecycle.never_read_share);
    let never_read = never_read.map_or(String::new(), |share| {
        format!(
            "; {} of the values that ended were never read",
            share_of_1(share)
        )
    });
    format!(
        "{} reads of {} keys{never_read}",
        grouped(report.totals.reads()),
        grouped(keys as u64),
    )
}

fn shapes(keys: &KeysReport) -> Vec<(&'static str, String)> {
    let line = |shape: &larder::analytics::ShapeReport| {
        let hit_rate = |rate: Option<f64>| rate.map_or("-".to_owned(), share_of_1);
        let writes = shape.read_write_ratio.map_or(String::new(), |ratio| {
            format!(", {ratio:.1} reads for a write")
        });
        let size = shape.sizes.as_ref().map_or(String::new(), |sizes| {
            format!(", {:.0} bytes at p50", sizes.p50)
        });
        format!(
            "{}: {} reads, {} hits ({} in L1){writes}{size}",
            shape.shape,
            grouped(shape.counts.reads()),
            hit_rate(shape.hit_rate),
            hit_rate(shape.l1_hit_rate),
        )
    };
    let shapes = keys.shapes.iter().take(SHOWN).map(line);
    ["key shapes", "", ""].into_iter().zip(shapes).collect()
}

fn hot_keys(report: &NamespaceReport, keys: &KeysReport) -> String {
    let all = report.totals.reads();
    let hot = keys.hot_keys.iter().take(SHOWN);
    let hot = hot.map(|hot| format!("{} ({})", hot.key, percent(hot.count, all)));
    hot.collect::<Vec<_>>().join(", ")
}

fn cold_keys_line(cold: &Result<ColdKeys>) -> String {
    let cold = match cold {
        Ok(cold) => cold,
        Err(error) => return format!("not known: {error}"),
    };
    if cold.keys.is_empty() {
        return "none is stored".to_owned();
    }
    let keys = cold
        .keys
        .iter()
        .map(|cold| format!("{} ({})", cold.key, cold.reads));
    format!(
        "{} of {} looked at",
        keys.collect::<Vec<_>>().join(", "),
        grouped(cold.examined),
    )
}

fn share_of_1(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
