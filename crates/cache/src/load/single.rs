//! The load of one key.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use larder_cache_core::{ErrorKind, Event, MissReason, Tier};
use tokio::time::Instant;

use super::fill::Fill;
use super::flight::{Caller, Follower, Joined, Lead, Outcome, Waited};
use super::job::{Job, Run};
use super::options::{LoadTerms, Wanted};
use super::{LoadError, Loaded};
use crate::l1::{Generation, Resident};
use crate::reading::Found;
use crate::shared::{Shared, SpaceState};
use crate::value::Value;

/// The load of one key, after L1 had no answer.
pub(crate) struct Single<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) space: &'a Arc<SpaceState>,
    pub(crate) key: &'a str,
    pub(crate) terms: LoadTerms,
    pub(crate) wanted: Wanted,
}

/// What the backend's answer calls for.
enum Step<V, E> {
    /// It is the answer.
    Land(Outcome<V, E>),
    /// It is stale: serve it, and load in the background.
    Refresh(Arc<V>),
    /// It is none: load, and fall back to a stale value that L1 may still have.
    Load(Option<Arc<V>>),
}

impl Single<'_> {
    pub(crate) async fn run<V, E, R, F, Fut>(mut self, loader: F) -> Outcome<V, E>
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
                    Some(outcome) => return outcome,
                    None => continue,
                },
            };
            match self.look_up().await {
                Step::Land(outcome) => {
                    lead.land(outcome.clone());
                    return outcome;
                }
                Step::Refresh(stale) => {
                    lead.land(Ok(Some(Arc::clone(&stale))));
                    self.refresh(loader);
                    return Ok(Some(stale));
                }
                Step::Load(stale) => {
                    if let Some(lead) = lead.commit() {
                        return self.load(lead, loader, stale, until).await;
                    }
                }
            }
        }
    }

    fn join<V: Value, E: Send + Sync + 'static>(&self) -> Joined<V, E> {
        let flights = &self.shared.flights;
        flights.join(self.space.id(), self.key, Caller::Single)
    }

    /// Waits for another caller's load; `None` when that caller went away, or takes
    /// "there is none" for an answer where this one does not.
    async fn follow<V: Value, E: Send + Sync + 'static>(
        &self,
        follower: Follower<V, E>,
        until: Instant,
    ) -> Option<Outcome<V, E>> {
        let (space, key) = (self.space.registered.space(), self.key);
        self.shared
            .emit(self.space, &Event::LoadJoined { space, key });
        match follower.wait(until).await {
            Waited::Landed(Ok(None)) if self.wanted == Wanted::Value => None,
            Waited::Landed(outcome) => Some(outcome),
            Waited::TimedOut => Some(Err(LoadError::Deadline)),
            Waited::Abandoned => None,
        }
    }

    async fn look_up<V: Value, E>(&mut self) -> Step<V, E> {
        let (space, key) = (self.space.registered.space(), self.key);
        let mut budget = self.terms.budget;
        let found = self.shared.fetch::<V>(self.space, key, &mut budget).await;
        self.terms.budget = budget;
        let tier = Tier::L2;
        let (event, step) = match found {
            Ok(Found::Fresh(value)) => {
                (Event::Hit { space, key, tier }, Step::Land(Ok(Some(value))))
            }
            Ok(Found::Absent) if self.wanted == Wanted::ValueOrAbsence => (
                Event::NegativeHit { space, key, tier },
                Step::Land(Ok(None)),
            ),
            Ok(Found::Stale(value)) => {
                self.shared
                    .emit(self.space, &self.miss(MissReason::Expired));
                (Event::StaleServed { space, key }, Step::Refresh(value))
            }
            Ok(Found::Absent) => (self.miss(MissReason::NotFound), Step::Load(None)),
            Ok(Found::Missing(reason)) => (self.miss(reason), Step::Load(None)),
            Err(error) if error.kind() == ErrorKind::InvalidKey => {
                return Step::Land(Err(error.into()));
            }
            Err(_) => {
                let stale = match self.shared.l1.get::<V>(space.id, key) {
                    Ok(Resident::Stale(value) | Resident::Fresh(value)) => Some(value),
                    _ => None,
                };
                (self.miss(MissReason::Backend), Step::Load(stale))
            }
        };
        self.shared.emit(self.space, &event);
        step
    }

    fn miss(&self, reason: MissReason) -> Event<'_> {
        Event::Miss {
            space: self.space.registered.space(),
            key: self.key,
            reason,
        }
    }

    /// Runs the loader in a task of its own and waits for it.
    async fn load<V, E, R, F, Fut>(
        &self,
        lead: Lead<V, E>,
        loader: F,
        stale: Option<Arc<V>>,
        until: Instant,
    ) -> Outcome<V, E>
    where
        V: Value,
        E: Send + Sync + 'static,
        R: Into<Loaded<V>>,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        let follower = lead.follow();
        let job = Job::new(self.shared, self.space, 1);
        let terms = self.terms.clone();
        let sample = self.shared.l1.sample(self.space.id(), self.key);
        let name = self.task_name("load");
        self.shared.tasks.spawn(name, async move {
            let (run, cost) = job.run(|| into_loaded(loader)).await;
            let outcome = settle(&job, lead.key(), run, cost, &terms, stale, sample).await;
            lead.land(outcome);
        })?;
        match follower.wait(until).await {
            Waited::Landed(outcome) => outcome,
            Waited::TimedOut => Err(LoadError::Deadline),
            Waited::Abandoned => Err(self.shared.abandoned()),
        }
    }

    /// Loads in the background, unless that is being done or too many loads are running:
    /// the stale value has been served, and the next reader will try again.
    fn refresh<V, E, R, F, Fut>(&self, loader: F)
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
        let Ok(permit) = Arc::clone(&self.shared.load_permits).try_acquire_owned() else {
            return;
        };
        let job = Job::new(self.shared, self.space, 1);
        let terms = self.terms.clone();
        let sample = self.shared.l1.sample(self.space.id(), self.key);
        let key = self.key.to_owned();
        let spawned = self
            .shared
            .tasks
            .spawn(self.task_name("refresh"), async move {
                let (run, cost) = job.run_with(Some(permit), || into_loaded(loader)).await;
                let outcome: Outcome<V, E> =
                    settle(&job, &key, run, cost, &terms, None, sample).await;
                if outcome.is_err() {
                    tracing::debug!(namespace = job.space.registered.name(), "a refresh failed");
                }
                drop(refresh);
            });
        if spawned.is_err() {
            tracing::debug!("the cache is shut down: no refresh");
        }
    }

    fn task_name(&self, what: &str) -> String {
        format!("{what} {}/{}", self.space.registered.name(), self.key)
    }
}

async fn into_loaded<V, E, R: Into<Loaded<V>>, Fut: Future<Output = Result<R, E>>>(
    loader: impl FnOnce() -> Fut,
) -> Result<Loaded<V>, E> {
    loader().await.map(Into::into)
}

/// Turns a loader's run into an outcome, and stores what it brought.
async fn settle<V: Value, E>(
    job: &Job,
    key: &str,
    run: Run<Loaded<V>, E>,
    cost: Duration,
    terms: &LoadTerms,
    stale: Option<Arc<V>>,
    sample: Generation,
) -> Outcome<V, E> {
    let failure = match run {
        Run::Loaded(loaded) => {
            let fill = [Fill::new(key, loaded, sample)];
            if let Some(shared) = Weak::upgrade(&job.shared) {
                let mut budget = terms.budget;
                shared
                    .fill(&job.space, &fill, terms, cost, &mut budget)
                    .await;
            }
            let [Fill { value, .. }] = fill;
            return Ok(value);
        }
        Run::Failed(error) => LoadError::Loader(Arc::new(error)),
        Run::Panicked => LoadError::Panicked,
    };
    job.fall_back(key, stale, failure)
}
