//! Keeps calls away from a server that fails them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_cache_core::{CircuitState, Clock, Error, ErrorKind, Event, Moment, Observers, Result};

use crate::error;

/// A circuit breaker, after Nygard's *Release It!*: closed it counts failures in a row;
/// open it turns calls away; half-open it lets one through, whose outcome decides.
///
/// A closed circuit costs a call two reads of an atomic.
#[derive(Debug)]
pub(super) struct Circuit {
    node: Arc<str>,
    clock: Arc<dyn Clock>,
    observers: Observers,
    policy: CircuitPolicy,
    /// Failures in a row; [`NOT_CLOSED`] while the state has to be looked at.
    failures: AtomicU32,
    state: Mutex<State>,
}

/// When a circuit opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CircuitPolicy {
    pub(crate) failures: u32,
    pub(crate) open_for: Duration,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open { until: Moment },
    HalfOpen,
}

const NOT_CLOSED: u32 = u32::MAX;

/// Leave for one call, which has to say how it went.
#[derive(Debug)]
pub(super) struct Leave<'a> {
    circuit: &'a Circuit,
    is_probe: AtomicBool,
}

impl Circuit {
    pub(super) fn new(
        node: Arc<str>,
        clock: Arc<dyn Clock>,
        observers: Observers,
        policy: CircuitPolicy,
    ) -> Self {
        Self {
            node,
            clock,
            observers,
            policy,
            failures: AtomicU32::new(0),
            state: Mutex::new(State::Closed),
        }
    }

    /// Leave to call the server.
    ///
    /// # Errors
    /// Kind `CircuitOpen` while the circuit is open, or half-open with a probe under way.
    pub(super) fn admit(&self) -> Result<Leave<'_>> {
        let is_probe = self.failures.load(Ordering::Relaxed) == NOT_CLOSED && self.probe()?;
        Ok(Leave {
            circuit: self,
            is_probe: AtomicBool::new(is_probe),
        })
    }

    pub(super) fn state(&self) -> CircuitState {
        match *self.lock() {
            State::Closed => CircuitState::Closed,
            State::Open { .. } => CircuitState::Open,
            State::HalfOpen => CircuitState::HalfOpen,
        }
    }

    /// There is a new connection, whose server was just seen to answer.
    pub(super) fn close(&self) {
        self.change(State::Closed);
    }

    /// Whether this call is the one that a circuit no longer open lets through.
    fn probe(&self) -> Result<bool> {
        let mut state = self.lock();
        match *state {
            State::Closed => return Ok(false),
            State::Open { until } if self.clock.now() >= until => *state = State::HalfOpen,
            State::Open { .. } | State::HalfOpen => {
                return Err(error::circuit_open().with("node", &self.node));
            }
        }
        drop(state);
        self.tell(CircuitState::HalfOpen);
        Ok(true)
    }

    fn open(&self) {
        let until = self.clock.now().after(self.policy.open_for);
        self.change(State::Open { until });
    }

    fn change(&self, to: State) {
        let mut state = self.lock();
        let failures = match to {
            State::Closed => 0,
            State::Open { .. } | State::HalfOpen => NOT_CLOSED,
        };
        let is_news = std::mem::discriminant(&*state) != std::mem::discriminant(&to);
        *state = to;
        self.failures.store(failures, Ordering::Relaxed);
        drop(state);
        if is_news {
            self.tell(self.state());
        }
    }

    fn tell(&self, state: CircuitState) {
        tracing::info!(node = %self.node, ?state, "circuit");
        let node = &self.node;
        self.observers.emit(&Event::CircuitChanged { node, state });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// The server answered.
    pub(super) fn succeeded(&self) {
        let circuit = self.circuit;
        if self.ends_probe() {
            circuit.close();
        } else if !matches!(circuit.failures.load(Ordering::Relaxed), 0 | NOT_CLOSED) {
            circuit.forget_failures();
        }
    }

    /// The call failed: `true` if that opened the circuit.
    pub(super) fn failed(&self, why: &Error) -> bool {
        if !counts(why) {
            self.succeeded();
            return false;
        }
        let circuit = self.circuit;
        if self.ends_probe() {
            circuit.open();
            return false;
        }
        circuit.count_failure()
    }

    /// Whether the call is a probe whose outcome is not known yet.
    fn ends_probe(&self) -> bool {
        self.is_probe.load(Ordering::Relaxed) && self.is_probe.swap(false, Ordering::Relaxed)
    }
}

impl Circuit {
    fn forget_failures(&self) {
        let forget = |failures| (failures != NOT_CLOSED).then_some(0);
        // Where it is not closed there is nothing to forget.
        let _ = self
            .failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, forget);
    }

    fn count_failure(&self) -> bool {
        let count = |failures| (failures != NOT_CLOSED).then(|| failures + 1);
        let counted = self
            .failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
        let opens = counted.is_ok_and(|before| before + 1 == self.policy.failures);
        if opens {
            self.open();
        }
        opens
    }
}

impl Drop for Leave<'_> {
    /// A probe that was dropped proves nothing: the next call is the probe.
    fn drop(&mut self) {
        if self.ends_probe() {
            let until = self.circuit.clock.now();
            *self.circuit.lock() = State::Open { until };
        }
    }
}

/// What makes callers wait in vain. A refusal comes at once, and may be about writes alone.
fn counts(why: &Error) -> bool {
    matches!(why.kind(), ErrorKind::Timeout | ErrorKind::Connection)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use larder_cache_core::Observer;
    use larder_testkit::ManualClock;

    use super::*;

    #[derive(Debug, Default)]
    struct Seen(Mutex<Vec<CircuitState>>);

    impl Observer for Seen {
        fn observe(&self, event: &Event<'_>) {
            if let Event::CircuitChanged { state, .. } = event {
                self.0.lock().unwrap().push(*state);
            }
        }
    }

    struct Scene {
        circuit: Circuit,
        clock: Arc<ManualClock>,
        seen: Arc<Seen>,
    }

    const OPEN_FOR: Duration = Duration::from_secs(1);

    fn scene() -> Scene {
        let clock = ManualClock::new();
        let seen = Arc::new(Seen::default());
        let policy = CircuitPolicy {
            failures: 5,
            open_for: OPEN_FOR,
        };
        let observers = Observers::new([seen.clone() as Arc<dyn Observer>]);
        let circuit = Circuit::new("node".into(), clock.clone(), observers, policy);
        Scene {
            circuit,
            clock,
            seen,
        }
    }

    fn timeout() -> Error {
        Error::new(ErrorKind::Timeout, "no answer")
    }

    impl Scene {
        fn fail(&self, times: usize) {
            for _ in 0..times {
                self.circuit.admit().unwrap().failed(&timeout());
            }
        }

        fn turned_away(&self) {
            let error = self.circuit.admit().map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::CircuitOpen);
        }
    }

    #[test]
    fn five_failures_in_a_row_open_it() {
        let scene = scene();
        scene.fail(4);
        scene.circuit.admit().unwrap().succeeded();
        scene.fail(4);
        assert_eq!(scene.circuit.state(), CircuitState::Closed);
        scene.fail(1);
        assert_eq!(scene.circuit.state(), CircuitState::Open);
        scene.turned_away();
    }

    #[test]
    fn what_is_answered_at_once_does_not_count() {
        let scene = scene();
        scene.fail(4);
        let refused = Error::new(ErrorKind::Server, "too few replicas").transient();
        assert!(!scene.circuit.admit().unwrap().failed(&refused));
        scene.fail(4);
        assert_eq!(scene.circuit.state(), CircuitState::Closed);
        let full = Error::new(ErrorKind::Backpressure, "full");
        scene.circuit.admit().unwrap().failed(&full);
        assert_eq!(scene.circuit.state(), CircuitState::Closed);
    }

    #[test]
    fn half_open_it_lets_one_probe_through() {
        let scene = scene();
        scene.fail(5);
        scene.clock.advance(OPEN_FOR);
        let probe = scene.circuit.admit().unwrap();
        assert_eq!(scene.circuit.state(), CircuitState::HalfOpen);
        scene.turned_away();
        probe.failed(&timeout());
        assert_eq!(scene.circuit.state(), CircuitState::Open);
        scene.turned_away();
        scene.clock.advance(OPEN_FOR);
        scene.circuit.admit().unwrap().succeeded();
        assert_eq!(scene.circuit.state(), CircuitState::Closed);
        scene.circuit.admit().unwrap().succeeded();
        use CircuitState::{Closed, HalfOpen, Open};
        let seen = scene.seen.0.lock().unwrap().clone();
        assert_eq!(seen, [Open, HalfOpen, Open, HalfOpen, Closed]);
    }

    #[test]
    fn a_probe_that_is_dropped_leaves_room_for_another() {
        let scene = scene();
        scene.fail(5);
        scene.clock.advance(OPEN_FOR);
        drop(scene.circuit.admit().unwrap());
        scene.circuit.admit().unwrap().succeeded();
        assert_eq!(scene.circuit.state(), CircuitState::Closed);
    }

    #[test]
    fn late_outcomes_of_calls_from_before_change_nothing() {
        let scene = scene();
        let early = scene.circuit.admit().unwrap();
        let late = scene.circuit.admit().unwrap();
        scene.fail(5);
        early.succeeded();
        late.failed(&timeout());
        assert_eq!(scene.circuit.state(), CircuitState::Open);
    }

    #[test]
    fn a_new_connection_closes_it() {
        let scene = scene();
        scene.fail(5);
        scene.circuit.close();
        scene.circuit.admit().unwrap().succeeded();
        assert_eq!(scene.circuit.state(), CircuitState::Closed);
    }
}
