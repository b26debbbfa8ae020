//! The lease of a key: who of all processes loads it, and how the others wait.

use std::sync::{Arc, Weak};
use std::time::Duration;

use larder_cache_core::{
    Event, Fill, FillOutcome, Grant, Key, LeaseRequest, Leased, RefusalReason, Result,
};
use tokio::time::Instant;

use super::options::{LoadTerms, YEAR};
use crate::epochs::Captured;
use crate::reading::Vacancy;
use crate::shared::{Budget, Shared, SpaceState};

/// How often the backend is asked again where it tells of changes, in case it does not.
const WATCHED_POLL: Duration = Duration::from_millis(250);

/// How often where it does not tell.
const POLL: Duration = Duration::from_millis(20);

/// What a load may do with its result.
#[derive(Debug)]
pub(crate) enum Permission {
    /// Store it.
    Store(Permit),
    /// Return it, and not store it.
    Withhold(RefusalReason),
}

/// The right to store a result, and the epochs it will be stored under.
#[derive(Debug)]
pub(crate) struct Permit {
    pub(crate) grant: Grant,
    pub(crate) captured: Arc<Captured>,
}

/// How an attempt to get the lease ended.
#[derive(Debug)]
pub(crate) enum Attempt {
    Permission(Permission),
    /// Somebody else holds it, for so long yet.
    Held(Duration),
    /// There is a fresh value by now.
    Fresh,
}

/// For how long a load waits for those of other processes, in all its attempts together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    until: Instant,
    attempts: u32,
}

impl Patience {
    /// So many times a value may come and go while one looks, between two waits.
    const ATTEMPTS: u32 = 100;

    pub(crate) fn new(shared: &Shared) -> Self {
        Self {
            until: Instant::now() + shared.lease.min(YEAR),
            attempts: 0,
        }
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        self.attempts += 1;
        self.attempts > Self::ATTEMPTS || Instant::now() >= self.until
    }

    /// Waits until a key is changed, or it is time to look again.
    pub(crate) async fn wait(
        &mut self,
        shared: &Shared,
        space: &SpaceState,
        key: &str,
        vacancy: &Vacancy,
        held: Duration,
    ) {
        self.attempts = 0;
        let poll = if shared.is_watched() && !shared.l1.is_off() {
            WATCHED_POLL
        } else {
            POLL
        };
        // A millisecond more than the lease has left, which has ended then by any rounding.
        let most = held.saturating_add(Duration::from_millis(1)).min(poll);
        let most = most.min(self.until.saturating_duration_since(Instant::now()));
        let id = space.id();
        shared.l1.changed(id, key, vacancy.sample, most).await;
    }
}

impl Shared {
    /// Asks for the leases of some keys, after capturing the epochs that what is loaded then
    /// will stand on.
    pub(crate) async fn ask_for_leases(
        &self,
        space: &SpaceState,
        keys: &[(&str, Vacancy)],
        terms: &LoadTerms,
        budget: &mut Budget,
    ) -> Vec<Attempt> {
        match self.leases(space, keys, terms, budget).await {
            Ok(attempts) => attempts,
            Err(error) => {
                tracing::debug!(%error, namespace = space.registered.name(), "no lease");
                let withheld = |_: &_| Permission::Withhold(RefusalReason::Backend);
                keys.iter().map(withheld).map(Attempt::Permission).collect()
            }
        }
    }

    async fn leases(
        &self,
        space: &SpaceState,
        keys: &[(&str, Vacancy)],
        terms: &LoadTerms,
        budget: &mut Budget,
    ) -> Result<Vec<Attempt>> {
        let settings = space.settings();
        let mut requests = Vec::with_capacity(keys.len());
        for (key, vacancy) in keys {
            requests.push(LeaseRequest {
                key: self.physical_key(&settings, key)?,
                token: self.fresh(),
                lasts: self.lease,
                claim: vacancy.claim,
            });
        }
        let captured = self.capture(&settings, &terms.tags, budget).await?;
        let captured = Arc::new(captured);
        let backend = &self.backend;
        let leased = self.call("lease", budget, |call| backend.lease(&requests, call));
        let leased = match leased.await {
            Ok(leased) => leased,
            Err(error) => {
                if !error.is_replay_safe() {
                    self.give_back(requests);
                }
                return Err(error);
            }
        };
        let attempt = |leased| match leased {
            Leased::Granted(grant) => {
                let captured = Arc::clone(&captured);
                Attempt::Permission(Permission::Store(Permit { grant, captured }))
            }
            Leased::Held(left) => Attempt::Held(left),
            Leased::Fresh => Attempt::Fresh,
        };
        Ok(leased.into_iter().map(attempt).collect())
    }

    /// Gives back leases that may have been granted though nobody heard of it, so that others
    /// need not wait for their end.
    fn give_back(&self, requests: Vec<LeaseRequest>) {
        let me = Weak::clone(&self.me);
        let given_back = self.tasks.spawn("give leases back".to_owned(), async move {
            let Some(shared) = me.upgrade() else {
                return;
            };
            let end = |request: LeaseRequest| {
                let grant = Grant::unheard_of(request.token);
                (request.key, grant, FillOutcome::Release)
            };
            let ends = requests.into_iter().map(end);
            shared.end_leases(ends, &mut shared.budget(None)).await;
        });
        if given_back.is_err() {
            tracing::debug!("the cache is shut down: leases are left to run out");
        }
    }

    /// Ends the leases of loads that failed. Nobody asks the loader again for the time of the
    /// throttle where there is a stale value to be served meanwhile.
    pub(crate) async fn give_up<'k>(
        &self,
        space: &SpaceState,
        failed: impl IntoIterator<Item = (&'k str, Permission)>,
        throttle: Duration,
        budget: &mut Budget,
    ) {
        let settings = space.settings();
        let end = |(key, permission): (&str, Permission)| {
            let Permission::Store(permit) = permission else {
                return None;
            };
            let outcome = match throttle {
                Duration::ZERO => FillOutcome::Release,
                throttle => FillOutcome::Hold(throttle),
            };
            let key = self.stored_key(&settings, key).ok()?;
            Some((key, permit.grant, outcome))
        };
        let ends: Vec<_> = failed.into_iter().filter_map(end).collect();
        self.end_leases(ends, budget).await;
    }

    /// Gives leases back after loads that brought nothing.
    pub(crate) async fn end_leases(
        &self,
        ends: impl IntoIterator<Item = (Key, Grant, FillOutcome)>,
        budget: &mut Budget,
    ) {
        let fill = |(key, grant, outcome)| Fill {
            key,
            grant,
            outcome,
        };
        let fills: Vec<Fill> = ends.into_iter().map(fill).collect();
        if fills.is_empty() {
            return;
        }
        let backend = &self.backend;
        let ended = self.call("fill", budget, |call| backend.fill(&fills, call));
        if let Err(error) = ended.await {
            tracing::debug!(%error, "leases are left to run out");
        }
    }

    pub(crate) fn tell_of_waiting(&self, space: &SpaceState, key: &str) {
        let event = Event::LeaseAwaited {
            space: space.registered.space(),
            key,
        };
        self.emit(space, &event);
    }
}
