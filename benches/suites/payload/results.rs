//! All that a run found out.

use std::fmt;

use larder_benches::Verdict;
use serde::Serialize;

use crate::choices::Choices;
use crate::chunks::Chunks;
use crate::ciphers::Sealed;
use crate::dictionaries::Trained;
use crate::goals;
use crate::options::Options;

/// All that a run found out.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    rounds: usize,
    pub(crate) choices: Vec<Choices>,
    pub(crate) dictionaries: Vec<Trained>,
    pub(crate) chunks: Option<Chunks>,
    pub(crate) ciphers: Vec<Sealed>,
    goals: Vec<Verdict>,
}

impl Results {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            rounds: options.rounds,
            choices: Vec::new(),
            dictionaries: Vec::new(),
            chunks: None,
            ciphers: Vec::new(),
            goals: Vec::new(),
        }
    }

    pub(crate) fn judge(&mut self) {
        self.goals = goals::judge(self);
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.choices
            .iter()
            .try_for_each(|one| writeln!(f, "\n{one}"))?;
        self.dictionaries
            .iter()
            .try_for_each(|one| writeln!(f, "\n{one}"))?;
        if let Some(chunks) = &self.chunks {
            writeln!(f, "\n{chunks}")?;
        }
        if !self.ciphers.is_empty() {
            let heading = "ns to encrypt and to decrypt, and in those of bare AES-256-GCM";
            writeln!(f, "\n{heading}")?;
        }
        self.ciphers
            .iter()
            .try_for_each(|one| writeln!(f, "{one}"))?;
        writeln!(f, "\nPromised; [the middle half of the rounds] above")?;
        self.goals.iter().try_for_each(|goal| writeln!(f, "{goal}"))
    }
}
