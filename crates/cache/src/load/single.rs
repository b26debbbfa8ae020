//! The load of one key.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use larder_cache_core::{ErrorKind, Event, MissReason, RefusalReason, Tier};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::fill::Fill;
use super::flight::{Caller, Follower, Joined, Lead, Outcome, Waited};
use super::job::{Job, Run};
use super::lease::{Attempt, Patience, Permission};
use super::options::{LoadTerms, Wanted};
use super::{LoadError, Loaded};
use crate::look::Look;
use crate::reading::{Found, Vacancy};
use crate::shared::{Shared, SpaceState};
use crate::value::Value;

/// The load of one key, after L1 had no answer.
pub(crate) struct Single<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) space: &'a Arc<SpaceState>,
    pub(crate) key: &'a str,
    pub(crate) terms: LoadTerms,
    pub(crate) wanted: Wanted,
    pub(crate) renewal: Renewal,
}

/// Who refreshes what is due or stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// A task of this load, with its loader.
    InBackground,
    /// The caller, who is told of it, and waits for nothing where there is a stale value.
    ByCaller,
}

/// What a load answered: how the value stands, or why there is none.
type Answer<V, E> = Result<Look<V>, LoadError<E>>;

/// What the backend's answer calls for.
enum Step<V, E> {
    /// It is the answer.
    Land(Answer<V, E>),
    /// It is the answer, and should be renewed.
    Refresh(Look<V>, Vacancy),
    /// It is none, or stale: load, and fall back to the stale value.
    Load(Option<Arc<V>>, Option<Vacancy>),
    /// It can't be used: load, unless that was done just now.
    Repair(Option<Vacancy>),
}

/// What the task of a load knows of it.
struct Task {
    job: Job,
    terms: LoadTerms,
    wanted: Wanted,
}

/// What a load came to.
enum Settled<V, E> {
    /// It was stored, for long enough to answer for a bad value as well.
    Stored(Option<Arc<V>>),
    /// It is for those who wait for it alone.
    Withheld(Outcome<V, E>),
}

/// How waiting for other processes ended.
enum Waiting<V> {
    /// One of them brought a value, or that there is none.
    Loaded(Option<Arc<V>>),
    /// The loader is to run.
    Load(Permission),
}

impl Single<'_> {
    pub(crate) async fn run<V, E, R, F, Fut>(mut self, loader: F) -> Answer<V, E>
    where
        V: Value,
        E: Send + Sync + 'static,
        R: Into<Loaded<V>>,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        let until = self.terms.deadline();
        loop {
            let lead = match self.join() {
                Joined::Lead(lead) => lead,
                Joined::Follow(follower) => match self.follow(follower, until).await {
                    Some(answer) => return answer,
                    None => continue,
                },
            };
            match self.look_up().await {
                Step::Land(answer) => {
                    lead.land_known(answer.clone().map(Look::into_value));
                    return answer;
                }
                Step::Refresh(look, vacancy) => {
                    lead.land_known(Ok(look.value().cloned()));
                    if self.renewal == Renewal::InBackground {
                        self.refresh(loader, vacancy);
                    }
                    return Ok(look);
                }
                Step::Load(stale, vacancy) => {
                    if let Some(lead) = lead.commit() {
                        return self.load(lead, loader, stale, vacancy, until).await;
                    }
                }
                Step::Repair(vacancy) => {
                    if let Some(found) = self.repaired() {
                        lead.land_known(Ok(found.clone()));
                        return Ok(Look::of(found));
                    }
                    if let Some(mut lead) = lead.commit() {
                        lead.repairs();
                        return self.load(lead, loader, None, vacancy, until).await;
                    }
                }
            }
        }
    }

    /// What took the place of another bad value under this key just now.
    fn repaired<V: Value>(&self) -> Option<Option<Arc<V>>> {
        let found = self.shared.repaired(self.space, self.key)?;
        (found.is_some() || self.wanted == Wanted::ValueOrAbsence).then_some(found)
    }

    fn join<V: Value, E: Send + Sync + 'static>(&self) -> Joined<V, E> {
        let at_most = self.shared.joins_at_most(&self.space.settings());
        let flights = &self.shared.flights;
        flights.join(self.space.id(), self.key, Caller::Single, at_most)
    }

    /// Waits for another caller's load; `None` when that caller went away, or takes
    /// "there is none" for an answer where this one does not.
    async fn follow<V: Value, E: Send + Sync + 'static>(
        &self,
        follower: Follower<V, E>,
        until: Instant,
    ) -> Option<Answer<V, E>> {
        let (space, key) = (self.space.registered.space(), self.key);
        self.shared
            .emit(self.space, &Event::LoadJoined { space, key });
        let soft = match self.renewal {
            Renewal::InBackground => self.terms.soft_deadline(),
            Renewal::ByCaller => Instant::now(),
        };
        match follower.wait(soft, until).await {
            Waited::Landed(Ok(None)) if self.wanted == Wanted::Value => None,
            Waited::Landed(outcome) => Some(outcome.map(Look::of)),
            Waited::Stale(value) => Some(Ok(Look::Refreshing(self.served_stale(value)))),
            Waited::TimedOut => Some(Err(LoadError::Deadline)),
            Waited::Abandoned => None,
        }
    }

    fn served_stale<V>(&self, value: Arc<V>) -> Arc<V> {
        let (space, key) = (self.space.registered.space(), self.key);
        self.shared
            .emit(self.space, &Event::StaleServed { space, key });
        value
    }

    async fn look_up<V: Value, E>(&mut self) -> Step<V, E> {
        let (space, key) = (self.space.registered.space(), self.key);
        let mut budget = self.terms.budget;
        let found = self.shared.fetch::<V>(self.space, key, &mut budget).await;
        self.terms.budget = budget;
        let tier = Tier::L2;
        let hit = Event::Hit { space, key, tier };
        let (event, step) = match found {
            Ok(Found::Fresh(value, None)) => (hit, Step::Land(Ok(Look::Fresh(value)))),
            Ok(Found::Fresh(value, Some(vacancy))) => {
                let look = Look::Due(value, vacancy.load_cost);
                (hit, Step::Refresh(look, vacancy))
            }
            Ok(Found::Absent(_)) if self.wanted == Wanted::ValueOrAbsence => (
                Event::NegativeHit { space, key, tier },
                Step::Land(Ok(Look::Absent)),
            ),
            Ok(Found::Stale(value, reason, vacancy)) => {
                self.shared.emit(self.space, &self.miss(reason));
                return self.with_stale(value, vacancy);
            }
            Ok(Found::Absent(vacancy)) => (
                self.miss(MissReason::NotFound),
                Step::Load(None, Some(vacancy)),
            ),
            Ok(Found::Missing(reason, vacancy)) => {
                let step = match reason.is_defect() {
                    true => Step::Repair(vacancy),
                    false => Step::Load(None, vacancy),
                };
                (self.miss(reason), step)
            }
            Err(error) if error.kind() == ErrorKind::InvalidKey => {
                return Step::Land(Err(error.into()));
            }
            Err(_) => {
                self.shared
                    .emit(self.space, &self.miss(MissReason::Backend));
                return match self.shared.l1_in_outage(self.space, key) {
                    Some(Ok(value)) => Step::Land(Ok(Look::Fresh(value))),
                    Some(Err(stale)) => Step::Load(Some(stale), None),
                    None => Step::Load(None, None),
                };
            }
        };
        self.shared.emit(self.space, &event);
        step
    }

    /// A stale value is served at once where the caller won't wait, or where another process
    /// is loading or has failed to just now.
    fn with_stale<V: Value, E>(&self, value: Arc<V>, vacancy: Vacancy) -> Step<V, E> {
        if vacancy.held.is_some() {
            return Step::Land(Ok(Look::Refreshing(self.served_stale(value))));
        }
        if self.terms.soft_timeout.is_zero() || self.renewal == Renewal::ByCaller {
            let look = Look::Stale(self.served_stale(value), vacancy.load_cost);
            return Step::Refresh(look, vacancy);
        }
        Step::Load(Some(value), Some(vacancy))
    }

    fn miss(&self, reason: MissReason) -> Event<'_> {
        Event::Miss {
            space: self.space.registered.space(),
            key: self.key,
            reason,
        }
    }

    /// Loads in a task of its own, and waits for it.
    async fn load<V, E, R, F, Fut>(
        &self,
        lead: Lead<V, E>,
        loader: F,
        stale: Option<Arc<V>>,
        vacancy: Option<Vacancy>,
        until: Instant,
    ) -> Answer<V, E>
    where
        V: Value,
        E: Send + Sync + 'static,
        R: Into<Loaded<V>>,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        let follower = lead.follow();
        // With no backend, nobody knows how old the value is: it is served if the loader
        // fails, and not before.
        let soft = match (&stale, vacancy) {
            (Some(stale), Some(_)) => {
                lead.offer(Arc::clone(stale));
                self.terms.soft_deadline()
            }
            _ => until,
        };
        let mut task = self.task();
        let name = self.task_name("load");
        self.shared.tasks.spawn(name, async move {
            let settled = match task.lease_or_value::<V>(lead.key(), vacancy).await {
                Waiting::Loaded(value) => return lead.land_known(Ok(value)),
                Waiting::Load(permission) => {
                    let (run, cost) = task.job.run(|| into_loaded(loader)).await;
                    task.settle(lead.key(), run, cost, stale, permission).await
                }
            };
            match settled {
                Settled::Stored(value) => lead.land_stored(Ok(value)),
                Settled::Withheld(outcome) => lead.land(outcome),
            }
        })?;
        match follower.wait(soft, until).await {
            Waited::Landed(outcome) => outcome.map(Look::of),
            Waited::Stale(value) => Ok(Look::Refreshing(self.served_stale(value))),
            Waited::TimedOut => Err(LoadError::Deadline),
            Waited::Abandoned => Err(self.shared.abandoned()),
        }
    }

    /// Loads in the background, unless that is being done, here or elsewhere, or too many
    /// loads are running: a value has been served, and the next reader will try again.
    fn refresh<V, E, R, F, Fut>(&self, loader: F, vacancy: Vacancy)
    where
        V: Value,
        E: Send + Sync + 'static,
        R: Into<Loaded<V>>,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        let Some(refresh) = self.shared.refreshing.begin(self.space.id(), self.key) else {
            return;
        };
        let place = |permits: &Arc<Semaphore>| Arc::clone(permits).try_acquire_owned();
        let (Ok(refreshing), Ok(loading)) = (
            place(&self.shared.refresh_permits),
            place(&self.shared.load_permits),
        ) else {
            return;
        };
        let mut task = self.task();
        let key = self.key.to_owned();
        let spawned = self
            .shared
            .tasks
            .spawn(self.task_name("refresh"), async move {
                if let Some(permission) = task.lease_now(&key, vacancy).await {
                    let (run, cost) = task
                        .job
                        .run_with(Some(loading), || into_loaded(loader))
                        .await;
                    let fallback: Option<Arc<V>> = None;
                    let settled = task.settle(&key, run, cost, fallback, permission).await;
                    if matches!(settled, Settled::Withheld(Err(_))) {
                        tracing::debug!(
                            namespace = task.job.space.registered.name(),
                            "a refresh failed"
                        );
                    }
                }
                drop((refreshing, refresh));
            });
        if spawned.is_err() {
            tracing::debug!("the cache is shut down: no refresh");
        }
    }

    fn task(&self) -> Task {
        Task {
            job: Job::new(self.shared, self.space, 1),
            terms: self.terms.clone(),
            wanted: self.wanted,
        }
    }

    fn task_name(&self, what: &str) -> String {
        format!("{what} {}/{}", self.space.registered.name(), self.key)
    }
}

impl Task {
    /// Gets the lease, or what the holder of the lease brings, or loses patience.
    async fn lease_or_value<V: Value>(
        &mut self,
        key: &str,
        mut vacancy: Option<Vacancy>,
    ) -> Waiting<V> {
        let withheld = |reason| Waiting::Load(Permission::Withhold(reason));
        let Some(shared) = self.job.shared.upgrade() else {
            return withheld(RefusalReason::Backend);
        };
        let space = Arc::clone(&self.job.space);
        let mut patience = Patience::new(&shared);
        let mut waits = false;
        loop {
            let Some(free) = vacancy else {
                return withheld(RefusalReason::Backend);
            };
            let attempt = match free.held {
                Some(left) => Attempt::Held(left),
                None => self.ask(&shared, key, free).await,
            };
            let left = match attempt {
                Attempt::Permission(permission) => return Waiting::Load(permission),
                _ if patience.is_over() => return withheld(RefusalReason::NoLease),
                Attempt::Held(left) => Some(left),
                Attempt::Fresh => None,
            };
            if let Some(left) = left {
                if !std::mem::replace(&mut waits, true) {
                    shared.tell_of_waiting(&space, key);
                }
                patience.wait(&shared, &space, key, &free, left).await;
            }
            // To look while others load costs nothing of the time for the backend, as long as
            // it answers.
            let mut budget = self.terms.budget;
            let found = shared.fetch::<V>(&space, key, &mut budget).await;
            if found.is_err() {
                self.terms.budget = budget;
            }
            vacancy = match found {
                Ok(Found::Fresh(value, _)) => return Waiting::Loaded(Some(value)),
                Ok(Found::Absent(_)) if self.wanted == Wanted::ValueOrAbsence => {
                    return Waiting::Loaded(None);
                }
                // The other process takes its time, or has failed to just now.
                Ok(Found::Stale(value, _, vacancy)) if vacancy.held.is_some() => {
                    let of = space.registered.space();
                    shared.emit(&space, &Event::StaleServed { space: of, key });
                    return Waiting::Loaded(Some(value));
                }
                Ok(Found::Absent(vacancy) | Found::Stale(_, _, vacancy)) => Some(vacancy),
                Ok(Found::Missing(_, vacancy)) => vacancy,
                Err(_) => None,
            };
        }
    }

    /// Gets the lease if it is free.
    async fn lease_now(&mut self, key: &str, vacancy: Vacancy) -> Option<Permission> {
        let shared = self.job.shared.upgrade()?;
        match self.ask(&shared, key, vacancy).await {
            Attempt::Permission(permission @ Permission::Store(_)) => Some(permission),
            _ => None,
        }
    }

    async fn ask(&mut self, shared: &Shared, key: &str, vacancy: Vacancy) -> Attempt {
        let (space, mut budget) = (Arc::clone(&self.job.space), self.terms.budget);
        let keys = [(key, vacancy)];
        let attempts = shared.ask_for_leases(&space, &keys, &self.terms, &mut budget);
        let attempt = attempts.await.pop();
        self.terms.budget = budget;
        let none = Permission::Withhold(RefusalReason::Backend);
        attempt.unwrap_or(Attempt::Permission(none))
    }

    /// Turns a loader's run into an outcome, and stores what it brought.
    async fn settle<V: Value, E>(
        &self,
        key: &str,
        run: Run<Loaded<V>, E>,
        cost: Duration,
        stale: Option<Arc<V>>,
        permission: Permission,
    ) -> Settled<V, E> {
        let Self { job, terms, .. } = self;
        let shared = Weak::upgrade(&job.shared);
        let mut budget = terms.budget;
        let failure = match run {
            Run::Loaded(loaded) => {
                let fill = [Fill::new(key, loaded, permission)];
                let mut stored = false;
                if let Some(shared) = shared {
                    let filled = shared.fill(&job.space, &fill, terms, cost, &mut budget);
                    stored = filled.await == [true]
                        && shared.outlives_repair(&job.space, &fill[0], terms);
                }
                let [Fill { value, .. }] = fill;
                return match stored {
                    true => Settled::Stored(value),
                    false => Settled::Withheld(Ok(value)),
                };
            }
            Run::Failed(error) => LoadError::Loader(Arc::new(error)),
            Run::Panicked => LoadError::Panicked,
        };
        if let Some(shared) = shared {
            let failed = [(key, permission)];
            let throttle = job.space.settings().throttle;
            shared
                .give_up(&job.space, failed, throttle, &mut budget)
                .await;
        }
        Settled::Withheld(job.fall_back(key, stale, failure))
    }
}

async fn into_loaded<V, E, R: Into<Loaded<V>>, Fut: Future<Output = Result<R, E>>>(
    loader: impl FnOnce() -> Fut,
) -> Result<Loaded<V>, E> {
    loader().await.map(Into::into)
}
