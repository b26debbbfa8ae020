//! Candidates in turn.

use std::time::Duration;

use serde::Serialize;

use crate::Failure;
use crate::ratio::{Ratio, quantile};
use crate::slice::Candidate;

/// Long enough for every epoch to be read and every buffer to have grown.
const WARM_UP: Duration = Duration::from_millis(100);

/// How many tasks run a candidate at once.
const TASKS: [usize; 2] = [1, 64];

/// How candidates are compared: each runs once within a round, in turn, each round in another
/// order.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// How many.
    pub count: usize,
    /// How long a candidate runs in each.
    pub slice: Duration,
}

/// Candidates in one place at one degree of concurrency.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// What is compared.
    pub title: &'static str,
    /// Where.
    pub store: &'static str,
    /// How many tasks at once.
    pub tasks: usize,
    /// One for each candidate.
    pub rows: Vec<Row>,
}

/// One candidate: the median over the rounds.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Which.
    pub name: &'static str,
    /// Of all tasks together.
    pub ops_per_second: f64,
    /// The time an operation takes, in that of the first candidate's, within each round.
    pub cost: Ratio,
    rounds: Vec<f64>,
}

impl Rounds {
    /// Runs all rounds, at each number of tasks. Ratios are to the first candidate.
    ///
    /// # Errors
    /// When an operation failed.
    pub async fn compare(
        &self,
        title: &'static str,
        store: &'static str,
        candidates: &[Candidate],
    ) -> Result<Vec<Comparison>, Failure> {
        let mut comparisons = Vec::new();
        for tasks in TASKS {
            comparisons.push(Comparison {
                title,
                store,
                tasks,
                rows: self.rows(candidates, tasks).await?,
            });
        }
        Ok(comparisons)
    }

    async fn rows(&self, candidates: &[Candidate], tasks: usize) -> Result<Vec<Row>, Failure> {
        for candidate in candidates {
            candidate.run(tasks, WARM_UP).await?;
        }
        let mut series = vec![Vec::with_capacity(self.count); candidates.len()];
        for round in 0..self.count {
            for turn in 0..candidates.len() {
                let which = (round + turn) % candidates.len();
                let rate = candidates[which].run(tasks, self.slice).await?;
                series[which].push(rate);
            }
        }
        let rows = candidates.iter().zip(&series);
        Ok(rows
            .map(|(candidate, rates)| Row::new(candidate.name, rates, &series[0]))
            .collect())
    }
}

impl Row {
    fn new(name: &'static str, rates: &[f64], baseline: &[f64]) -> Self {
        let pairs = rates.iter().zip(baseline);
        Self {
            name,
            ops_per_second: quantile(rates.iter().copied(), 0.5),
            cost: Ratio::of(pairs.map(|(rate, baseline)| baseline / rate)),
            rounds: rates.to_vec(),
        }
    }
}

/// A table: a heading and a line for each candidate.
impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let heading = format!("{}, {}, tasks: {}", self.title, self.store, self.tasks);
        writeln!(f, "{heading:<42} ops/s  cost")?;
        for row in &self.rows {
            let (name, rate, cost) = (row.name, row.ops_per_second, row.cost);
            writeln!(f, "  {name:<32} {rate:>12.0}  {cost}")?;
        }
        Ok(())
    }
}
