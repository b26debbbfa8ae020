//! Gates that hold one call until a test lets it go.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::method::Method;

/// How long a test waits for a call before it fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// Holds one call of a backend, for tests of races.
///
/// The call is let go when the gate is released or dropped.
#[derive(Debug)]
pub struct Gate {
    method: Method,
    arrived: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

/// The gate as the call meets it.
#[derive(Debug)]
pub(super) struct Barrier {
    arrived: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

impl Gate {
    pub(super) fn new(method: Method) -> (Self, Barrier) {
        let (arrive, arrived) = oneshot::channel();
        let (release, released) = oneshot::channel();
        let gate = Self {
            method,
            arrived,
            release,
        };
        let barrier = Barrier {
            arrived: arrive,
            released,
        };
        (gate, barrier)
    }

    /// Waits until a call stands at the gate.
    ///
    /// # Panics
    /// When none came within 10 seconds, or the one that would have met a fault before.
    pub async fn arrived(&mut self) {
        if self.arrived.is_terminated() {
            return;
        }
        match timeout(PATIENCE, &mut self.arrived).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => panic!("a `{}` failed before it came to its gate", self.method),
            Err(_) => panic!("no `{}` came to its gate within 10 s", self.method),
        }
    }

    /// Lets the call go.
    pub fn release(self) {
        // The call may have given up at the end of its budget.
        let _gone = self.release.send(());
    }
}

impl Barrier {
    pub(super) async fn pass(self) {
        // A gate that was dropped is open.
        let _dropped = self.arrived.send(());
        let _released = self.released.await;
    }
}
