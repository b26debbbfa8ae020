use std::time::Duration;

use super::StepResult;
use crate::table::{Table, seconds};

/// How a step went that did not fail.
#[derive(Debug)]
pub(super) enum Verdict {
    Passed,
    /// With a number worth seeing in the table.
    PassedWith(String),
    /// With the reason.
    NotRun(String),
}

/// The steps so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    steps: Vec<(String, String, Duration)>,
}

impl Report {
    pub(super) fn add(&mut self, name: &str, result: &StepResult, took: Duration) {
        let verdict = match result {
            Ok(Verdict::Passed) => "ok".to_owned(),
            Ok(Verdict::PassedWith(note)) => format!("ok, {note}"),
            Ok(Verdict::NotRun(why)) => format!("not run: {why}"),
            Err(_) => "FAILED".to_owned(),
        };
        self.steps.push((name.to_owned(), verdict, took));
    }

    pub(super) fn render(&self) -> String {
        let mut table = Table::new(["step", "time", "result"]);
        for (name, verdict, took) in &self.steps {
            table.row([name.clone(), seconds(*took), verdict.clone()]);
        }
        let total = self.steps.iter().map(|(_, _, took)| *took).sum();
        table.row(["total".to_owned(), seconds(total), String::new()]);
        table.render()
    }
}
