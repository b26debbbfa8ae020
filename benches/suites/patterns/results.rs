//! All that a run found out.

use std::fmt;

use larder_benches::{Comparison, Verdict};
use serde::Serialize;

use crate::coalescing::Coalescing;
use crate::goals;
use crate::options::Options;

/// All that a run found out.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    rounds: usize,
    slice_ms: u128,
    pub(crate) coalescing: Option<Coalescing>,
    pub(crate) sets: Vec<Comparison>,
    goals: Vec<Verdict>,
}

impl Results {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            rounds: options.rounds.count,
            slice_ms: options.rounds.slice.as_millis(),
            coalescing: None,
            sets: Vec::new(),
            goals: Vec::new(),
        }
    }

    pub(crate) fn judge(&mut self) {
        self.goals = goals::judge(self);
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(coalescing) = &self.coalescing {
            coalesced(coalescing, f)?;
        }
        for comparison in &self.sets {
            write!(f, "\n{comparison}")?;
        }
        writeln!(f, "\nPromised; [the middle half of the rounds] above")?;
        self.goals.iter().try_for_each(|goal| writeln!(f, "{goal}"))
    }
}

fn coalesced(coalescing: &Coalescing, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Coalescing {
        keys,
        writes,
        through_rows,
        through_seconds,
        behind_rows,
        behind_calls,
        behind_seconds,
        share,
    } = coalescing;
    writeln!(
        f,
        "\n{writes} writes to {keys} keys, zipf 0.99   seconds  calls of the database   rows"
    )?;
    writeln!(
        f,
        "  {:<34} {through_seconds:>10.1}  {through_rows:>21} {through_rows:>6}",
        "write-through"
    )?;
    writeln!(
        f,
        "  {:<34} {behind_seconds:>10.1}  {behind_calls:>21} {behind_rows:>6}",
        "write-behind, stream journal"
    )?;
    writeln!(f, "  rows: {share:.3} of write-through's")
}
