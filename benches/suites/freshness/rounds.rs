//! Candidates in turn.

use std::time::Duration;

use crate::Failure;
use crate::options::Options;
use crate::results::{Comparison, Row};
use crate::slice::Candidate;
use crate::store::Store;

/// Long enough for every epoch to be read and every buffer to have grown.
const WARM_UP: Duration = Duration::from_millis(100);

/// How many tasks run a candidate at once.
const TASKS: [usize; 2] = [1, 64];

/// Runs all rounds, at each number of tasks. Ratios are to the first candidate.
pub(crate) async fn compare(
    title: &'static str,
    store: &Store,
    candidates: &[Candidate],
    options: &Options,
) -> Result<Vec<Comparison>, Failure> {
    let mut comparisons = Vec::new();
    for tasks in TASKS {
        comparisons.push(Comparison {
            title,
            store: store.name(),
            tasks,
            rows: rows(candidates, tasks, options).await?,
        });
    }
    Ok(comparisons)
}

async fn rows(
    candidates: &[Candidate],
    tasks: usize,
    options: &Options,
) -> Result<Vec<Row>, Failure> {
    for candidate in candidates {
        candidate.run(tasks, WARM_UP).await?;
    }
    let mut series = vec![Vec::with_capacity(options.rounds); candidates.len()];
    for round in 0..options.rounds {
        for turn in 0..candidates.len() {
            let which = (round + turn) % candidates.len();
            let rate = candidates[which].run(tasks, options.slice).await?;
            series[which].push(rate);
        }
    }
    let rows = candidates.iter().zip(&series);
    Ok(rows
        .map(|(candidate, rates)| Row::new(candidate.name, rates, &series[0]))
        .collect())
}
