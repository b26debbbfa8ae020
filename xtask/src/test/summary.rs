use std::time::Duration;

use super::count::{Count, Group};
use super::tally::Tally;
use crate::table::{Table, seconds};

/// The table, and a last line that a program can read.
pub(super) fn print(tally: &Tally, took: Duration) {
    print!("\n{}", render(tally, took));
}

fn render(tally: &Tally, took: Duration) -> String {
    let total = tally.total();
    let mut text = failures(tally.failures());
    text.push_str(&table(tally, total));
    text.push_str(&format!("\nBuilt and tested in {}.\n", seconds(took)));
    if total.ran() == 0 {
        text.push_str("No test ran, which counts as a failure.\n");
    }
    text.push_str(&format!(
        "{} passed, {} failed\n",
        total.passed, total.failed
    ));
    text
}

fn table(tally: &Tally, total: Count) -> String {
    let mut table = Table::new(["backend", "tests", "passed", "failed", "ignored", "time"]);
    for group in Group::ALL {
        table.row(cells(group.title(), tally.group(group)));
    }
    table.row(cells("total", total));
    table.render()
}

fn cells(title: &str, count: Count) -> [String; 6] {
    [
        title.to_owned(),
        count.ran().to_string(),
        count.passed.to_string(),
        count.failed.to_string(),
        count.ignored.to_string(),
        seconds(count.time),
    ]
}

fn failures(failures: &[String]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let lines: String = failures
        .iter()
        .map(|failure| format!("  {failure}\n"))
        .collect();
    format!("Failed:\n{lines}\n")
}
