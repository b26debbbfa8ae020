use std::io::{self, Write};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::time::{MissedTickBehavior, interval_at};

use super::{Lookups, backend, numbers};
use crate::app::{App, Tally};
use crate::traffic::{Measured, Recorder};

/// So many lines fit on a screen with the heading still to be seen.
const LINES_PER_HEADING: u32 = 20;

/// Writes a line every second, for ever.
///
/// # Errors
/// When nobody reads them.
pub async fn every_second(out: &mut impl Write, app: &App, recorder: &Recorder) -> io::Result<()> {
    let second = Duration::from_secs(1);
    let began = Instant::now();
    let mut ticks = interval_at((began + second).into(), second);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut last, mut lookups) = (began, Lookups::default());
    let (mut tally, mut refreshed) = (Tally::default(), 0);
    for number in 0.. {
        ticks.tick().await;
        if number % LINES_PER_HEADING == 0 {
            writeln!(out, "{}", heading())?;
        }
        let (now, now_looked_up) = (Instant::now(), Lookups::of(&app.cache.stats().total()));
        let (now_tally, now_refreshed) = (app.tally(), app.contents.stats().refreshed);
        let line = Line {
            seconds: (now - began).as_secs_f64().round() as u64,
            elapsed: now - last,
            measured: recorder.next_window(),
            lookups: now_looked_up.since(lookups),
            avoided: now_tally.avoided(),
            events: now_tally.events - tally.events,
            rows: now_tally.rows - tally.rows,
            refreshed: now_refreshed - refreshed,
            backend: backend(&app.cache.health().await),
        };
        (last, lookups) = (now, now_looked_up);
        (tally, refreshed) = (now_tally, now_refreshed);
        writeln!(out, "{}", line.text())?;
    }
    Ok(())
}

/// What happened within a second.
struct Line {
    seconds: u64,
    elapsed: Duration,
    measured: Measured,
    lookups: Lookups,
    avoided: u64,
    events: u64,
    rows: u64,
    refreshed: u64,
    backend: String,
}

fn heading() -> String {
    format!(
        "{:>6}  {:>6}  {:>7}  {:>7}  {:>14}  {:>16}  {:>9}  {:>13}  {:>9}  backend",
        "time",
        "req/s",
        "L1 hits",
        "L2 hits",
        "cached p50/p99",
        "uncached p50/p99",
        "avoided",
        "events > rows",
        "refreshed",
    )
}

impl Line {
    fn text(&self) -> String {
        let Lookups {
            in_l1, in_l2, all, ..
        } = self.lookups;
        let mut text = format!(
            "{:>4} s  {:>6}  {:>7}  {:>7}  {:>14}  {:>16}  {:>9}  {:>13}  {:>9}  {}",
            self.seconds,
            numbers::per_second(self.measured.requests, self.elapsed),
            numbers::percent(in_l1, all),
            numbers::percent(in_l2, all),
            latencies(&self.measured.cached),
            latencies(&self.measured.uncached),
            numbers::grouped(self.avoided),
            format!(
                "{} > {}",
                numbers::grouped(self.events),
                numbers::grouped(self.rows)
            ),
            numbers::grouped(self.refreshed),
            self.backend,
        );
        if self.measured.failed > 0 {
            text.push_str(&format!(
                "  {} FAILED",
                numbers::grouped(self.measured.failed)
            ));
        }
        text
    }
}

/// The 50th and 99th percentile, such as `0.12 / 0.80 ms`.
fn latencies(micros: &Histogram<u64>) -> String {
    let p50 = numbers::quantile(micros, 0.5);
    format!(
        "{} / {}",
        p50.trim_end_matches(" ms"),
        numbers::quantile(micros, 0.99)
    )
}
