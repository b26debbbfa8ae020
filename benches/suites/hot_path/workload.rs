//! What is run.

use std::fmt;

use serde::Serialize;

/// One operation, at one degree of concurrency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) operation: Operation,
    /// How many keys one operation names.
    pub(crate) keys: usize,
    /// How many tasks do it at once, each one operation after the other.
    pub(crate) tasks: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    Set,
    GetMany,
    SetMany,
}

/// All of them, in the order of the report.
pub(crate) fn all() -> Vec<Workload> {
    use Operation::{Get, GetMany, Set, SetMany};
    let single = [Get, Set].into_iter().flat_map(|operation| {
        [1, 8, 64, 512].map(|tasks| Workload {
            operation,
            keys: 1,
            tasks,
        })
    });
    let many = [GetMany, SetMany].into_iter().flat_map(|operation| {
        [(100, 1), (100, 8), (1000, 1), (1000, 8)].map(|(keys, tasks)| Workload {
            operation,
            keys,
            tasks,
        })
    });
    single.chain(many).collect()
}

impl Workload {
    /// Whether a word on the command line means this one.
    pub(crate) fn is_called(&self, word: &str) -> bool {
        self.to_string() == word || self.operation.name() == word
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, tasks, .. } = self;
        match self.operation {
            Operation::Get | Operation::Set => write!(f, "{}{tasks}", self.operation.name()),
            Operation::GetMany | Operation::SetMany => {
                write!(f, "{}_{keys}_c{tasks}", self.operation.name())
            }
        }
    }
}

impl Serialize for Workload {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::GetMany => "get_many",
            Self::SetMany => "set_many",
        }
    }
}
