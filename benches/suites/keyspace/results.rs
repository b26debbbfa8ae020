//! All that a run found out.

use std::fmt;

use larder_benches::Verdict;
use serde::Serialize;

use crate::cost::Cost;
use crate::curve::TraceCurves;
use crate::goals;
use crate::hot_keys::Found;
use crate::memory::Taken;
use crate::quota::Kept;

/// All that a run found out.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Results {
    pub(crate) costs: Vec<Cost>,
    pub(crate) hot_keys: Vec<Found>,
    pub(crate) curves: Vec<TraceCurves>,
    pub(crate) memory: Vec<Taken>,
    pub(crate) quota: Option<Kept>,
    goals: Vec<Verdict>,
}

impl Results {
    pub(crate) fn judge(&mut self) {
        self.goals = goals::judge(self);
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.costs
            .iter()
            .try_for_each(|one| writeln!(f, "\n{one}"))?;
        if !self.hot_keys.is_empty() {
            writeln!(f, "\nThe hottest keys")?;
        }
        self.hot_keys
            .iter()
            .try_for_each(|one| write!(f, "{one}"))?;
        self.curves
            .iter()
            .try_for_each(|one| writeln!(f, "\n{one}"))?;
        if !self.memory.is_empty() {
            writeln!(f, "\nMemory")?;
        }
        self.memory.iter().try_for_each(|one| write!(f, "{one}"))?;
        if let Some(kept) = &self.quota {
            writeln!(f, "\nA quota\n{kept}")?;
        }
        writeln!(f, "\nPromised")?;
        self.goals.iter().try_for_each(|goal| writeln!(f, "{goal}"))
    }
}
