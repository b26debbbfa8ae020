//! What a test has planned, and what has come.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fault::{Fault, Plan};
use super::gate::{Barrier, Gate};
use super::method::Method;

/// The plans of a test. Locked for moments only, never while a call waits.
#[derive(Debug, Default)]
pub(super) struct Control(Mutex<State>);

/// What one call meets.
#[derive(Debug)]
pub(super) struct Meets {
    pub(super) before: Option<Barrier>,
    pub(super) fault: Fault,
    pub(super) after: Option<Barrier>,
}

#[derive(Debug, Default)]
struct State {
    every: Plan,
    methods: HashMap<Method, OfMethod>,
}

#[derive(Debug, Default)]
struct OfMethod {
    calls: u64,
    plan: Plan,
    before: VecDeque<Barrier>,
    after: VecDeque<Barrier>,
}

impl Control {
    /// Counts a call and says what it meets.
    pub(super) fn next(&self, method: Method) -> Meets {
        let mut state = self.lock();
        let of_method = state.methods.entry(method).or_default();
        of_method.calls += 1;
        let (before, after) = (of_method.before.pop_front(), of_method.after.pop_front());
        let fault = match of_method.plan.next() {
            Some(fault) => fault,
            None if method == Method::Now => Fault::None,
            None => state.every.next().unwrap_or_default(),
        };
        Meets {
            before,
            fault,
            after,
        }
    }

    pub(super) fn plan(&self, method: Option<Method>, change: impl FnOnce(&mut Plan)) {
        let mut state = self.lock();
        match method {
            Some(method) => change(&mut state.methods.entry(method).or_default().plan),
            None => change(&mut state.every),
        }
    }

    pub(super) fn heal(&self) {
        let mut state = self.lock();
        state.every = Plan::default();
        for of_method in state.methods.values_mut() {
            of_method.plan = Plan::default();
        }
    }

    pub(super) fn gate(&self, method: Method) -> Gate {
        let (gate, barrier) = Gate::new(method);
        let mut state = self.lock();
        let of_method = state.methods.entry(method).or_default();
        of_method.before.push_back(barrier);
        gate
    }

    pub(super) fn gate_reply(&self, method: Method) -> Gate {
        let (gate, barrier) = Gate::new(method);
        let mut state = self.lock();
        let of_method = state.methods.entry(method).or_default();
        of_method.after.push_back(barrier);
        gate
    }

    pub(super) fn calls(&self, method: Method) -> u64 {
        self.lock().methods.get(&method).map_or(0, |of| of.calls)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
