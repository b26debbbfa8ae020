//! What all handles of one cache share.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use larder_cache_core::{
    Backend, Call, Clock, Error, ErrorKind, Event, Glob, KeptFrom, Key, Namespace, Observers,
    Random, Result, Timestamp, TtlClasses,
};
use larder_keyspace::{Dependencies, Keyspace};
use tokio::sync::Semaphore;

use crate::epochs::{Epochs, staleness};
use crate::guards::Guards;
use crate::l1::Memory;
use crate::load::{Flights, Refreshing};
use crate::payload::Payload;
use crate::pending::Pending;
use crate::spaces::Spaces;
use crate::tasks::Tasks;

pub(crate) use crate::spaces::SpaceState;

/// How long the backend may take to close.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// What all handles of one cache share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) keyspace: Keyspace,
    pub(crate) dependencies: Dependencies,
    pub(crate) l1: Memory,
    pub(crate) flights: Arc<Flights>,
    pub(crate) refreshing: Arc<Refreshing>,
    pub(crate) load_permits: Arc<Semaphore>,
    pub(crate) refresh_permits: Arc<Semaphore>,
    pub(crate) epochs: Epochs,
    pub(crate) payload: Payload,
    pub(crate) ttl_classes: TtlClasses,
    pub(crate) budget: Duration,
    pub(crate) load_timeout: Duration,
    /// How long a load may keep others from loading the same key.
    pub(crate) lease: Duration,
    pub(crate) guards: Guards,
    /// Whether the backend tells of changes.
    pub(crate) watched: AtomicBool,
    /// Whether other processes change what the backend holds.
    pub(crate) shared: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) observers: Observers,
    pub(crate) spaces: Spaces,
    pub(crate) tasks: Tasks,
    pub(crate) pending: Arc<Pending>,
    /// Itself, for tasks that must not keep it alive.
    pub(crate) me: Weak<Self>,
}

/// What is left of a call's time budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    left: Duration,
}

impl Budget {
    pub(crate) fn new(total: Duration) -> Self {
        Self { left: total }
    }

    /// The terms of a call on the time that is left.
    pub(crate) fn call(&self) -> Call {
        Call::within(self.left)
    }

    /// A budget of half the time that is left.
    pub(crate) fn half(&self) -> Self {
        Self::new(self.left / 2)
    }

    /// Spends what was spent of a [half](Budget::half).
    pub(crate) fn spend_like(&mut self, half: Self) {
        self.left = self.left - self.left / 2 + half.left;
    }

    fn spend(&mut self, elapsed: Duration) {
        self.left = self.left.saturating_sub(elapsed);
    }
}

/// The times of the servers that hold keys, at one moment: asked once where they have one
/// clock.
pub(crate) struct ServerTimes<'a> {
    shared: &'a Shared,
    of_all: Option<Timestamp>,
}

impl ServerTimes<'_> {
    pub(crate) async fn of(&mut self, key: &Key, budget: &mut Budget) -> Result<Timestamp> {
        if let Some(known) = self.of_all {
            return Ok(known);
        }
        let now = self.shared.server_time(key, budget).await?;
        if self.shared.backend.capabilities().one_clock {
            self.of_all = Some(now);
        }
        Ok(now)
    }
}

impl Shared {
    /// Counts an event and tells the observers.
    #[inline]
    pub(crate) fn emit(&self, space: &SpaceState, event: &Event<'_>) {
        space.counters.record(event);
        self.observers.emit(event);
    }

    /// Tells of what L1 took in, if it did.
    pub(crate) fn tell_kept(
        &self,
        space: &SpaceState,
        key: &str,
        weight: Option<u64>,
        from: KeptFrom,
    ) {
        if let Some(bytes) = weight {
            let space_of = space.registered.space();
            let kept = Event::Kept {
                space: space_of,
                key,
                bytes,
                from,
            };
            self.emit(space, &kept);
        }
    }

    /// Whether other processes change what the backend holds.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether the backend tells of changes.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// How old a load may be for a caller to join it, in a namespace: where others make
    /// changes, what it brings is as old as itself. With the backend gone nobody knows of
    /// their changes, and one load at a time is enough.
    pub(crate) fn joins_at_most(&self, settings: &Namespace) -> Option<Duration> {
        let staleness = staleness(settings);
        let is_gone = self.is_watched() && !self.l1.is_told_within(staleness);
        (self.shared && !is_gone).then_some(staleness)
    }

    /// What a load has just brought in place of another value that could not be used.
    pub(crate) fn repaired<V: 'static>(
        &self,
        space: &SpaceState,
        key: &str,
    ) -> Option<Option<Arc<V>>> {
        let at_most = staleness(&space.settings());
        let found = self.flights.repaired(space.id(), key, at_most)?;
        let space_of = space.registered.space();
        let joined = Event::LoadJoined {
            space: space_of,
            key,
        };
        self.emit(space, &joined);
        Some(found)
    }

    pub(crate) fn budget(&self, asked: Option<Duration>) -> Budget {
        Budget::new(asked.unwrap_or(self.budget))
    }

    /// Calls the backend, on the time that is left.
    pub(crate) async fn call<T, F>(
        &self,
        operation: &'static str,
        budget: &mut Budget,
        run: impl FnOnce(Call) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        if budget.left.is_zero() {
            return Err(out_of_budget(operation));
        }
        let began = self.clock.now();
        let result = run(budget.call()).await;
        let elapsed = self.clock.now().since(began);
        budget.spend(elapsed);
        self.observers.emit(&Event::BackendCall {
            operation,
            elapsed,
            error: result.as_ref().err(),
        });
        result
    }

    /// The time of the server that holds a key.
    pub(crate) async fn server_time(&self, key: &Key, budget: &mut Budget) -> Result<Timestamp> {
        let mut now = pin!(self.backend.now(key, budget.call()));
        if let Some(known) = now.as_mut().now_or_never() {
            return known;
        }
        let began = self.clock.now();
        let now = now.await;
        budget.spend(self.clock.now().since(began));
        now
    }

    /// The times of the servers that hold keys, at one moment.
    pub(crate) fn server_times(&self) -> ServerTimes<'_> {
        ServerTimes {
            shared: self,
            of_all: None,
        }
    }

    /// Outdates what L1 and loads under way know of the keys that match.
    pub(crate) fn outdate_matching(&self, space: u32, pattern: &Glob) {
        self.l1.invalidate_matching(space, pattern);
        self.flights
            .detach_matching(|of, key| of == space && pattern.matches(key));
    }

    /// Changes the settings of a namespace, and drops what L1 holds of it and is being loaded.
    pub(crate) fn update_namespace(
        &self,
        name: &str,
        change: impl FnOnce(Namespace) -> Namespace,
    ) -> Result<()> {
        let mut checked = Ok(());
        self.keyspace.update(name, |current| {
            let changed = change(current.clone());
            checked = self.payload.check(&changed);
            if checked.is_ok() { changed } else { current }
        })?;
        checked?;
        self.outdate_space(self.keyspace.get(name)?.id());
        Ok(())
    }

    pub(crate) fn outdate_space(&self, space: u32) {
        self.outdate_matching(space, &Glob::new("*"));
    }

    /// Ends the backend's connections; one that takes long is left to itself.
    pub(crate) async fn close_backend(&self) {
        let closed = tokio::time::timeout(CLOSE_TIME, self.backend.close()).await;
        if closed.is_err() {
            tracing::warn!(
                backend = self.backend.name(),
                "the backend did not close in time"
            );
        }
    }
}

fn out_of_budget(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Timeout,
        "the call's time budget was used up before the backend was asked",
    )
    .with("operation", operation)
    .replay_safe()
}
