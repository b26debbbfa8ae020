//! What can go wrong with a call, and when.

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use larder_cache_core::{Error, ErrorKind};

/// What happens to one call.
#[derive(Clone, Debug, Default)]
pub enum Fault {
    /// Nothing: it passes.
    #[default]
    None,
    /// It fails before it reaches the backend.
    Error(Error),
    /// It reaches the backend and takes effect, but its caller is given this error.
    LostReply(Error),
    /// It waits this long, then passes; where its budget is shorter, it ends as a timeout
    /// without having reached the backend.
    Delay(Duration),
    /// It waits until its budget is used up and ends as a timeout, without having reached
    /// the backend.
    Hang,
}

/// The faults that calls will meet.
#[derive(Debug, Default)]
pub(super) struct Plan {
    script: VecDeque<Fault>,
    standing: Option<Standing>,
}

#[derive(Debug)]
enum Standing {
    Always(Fault),
    Sometimes { rng: Rng, share: f64, fault: Fault },
}

impl Fault {
    /// A refused connection.
    #[must_use]
    pub fn refused() -> Self {
        Self::Error(Error::new(
            ErrorKind::Connection,
            "the connection was refused, as the test wanted",
        ))
    }
}

impl Plan {
    pub(super) fn script(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.script.extend(faults);
    }

    pub(super) fn always(&mut self, fault: Fault) {
        self.standing = Some(Standing::Always(fault));
    }

    pub(super) fn sometimes(&mut self, seed: u64, share: f64, fault: Fault) {
        let rng = Rng::with_seed(seed);
        self.standing = Some(Standing::Sometimes { rng, share, fault });
    }

    /// The fault of the next call; `None` where nothing was planned for it.
    pub(super) fn next(&mut self) -> Option<Fault> {
        if let Some(fault) = self.script.pop_front() {
            return Some(fault);
        }
        match self.standing.as_mut()? {
            Standing::Always(fault) => Some(fault.clone()),
            Standing::Sometimes { rng, share, fault } => Some(if rng.f64() < *share {
                fault.clone()
            } else {
                Fault::None
            }),
        }
    }
}
