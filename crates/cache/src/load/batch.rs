//! The load of many keys with one loader.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Error, Event, MissReason, Tier, check_key};

use super::fill::Fill;
use super::flight::{Caller, Follower, Joined, Lead, Waited};
use super::job::{Job, Run};
use super::options::LoadTerms;
use super::{LoadError, Loaded};
use crate::l1::{Generation, Resident};
use crate::reading::Found;
use crate::shared::{Shared, SpaceState};
use crate::value::Value;

/// The load of many keys with one loader.
pub(crate) struct Batch<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) space: &'a Arc<SpaceState>,
    pub(crate) terms: LoadTerms,
}

/// A key that this batch answers for.
struct Led<K, V, E> {
    key: K,
    lead: Lead<V, E>,
    sample: Generation,
    stale: Option<Arc<V>>,
}

type Leading<K, V, E> = Vec<Led<K, V, E>>;
type Waiting<K, V, E> = Vec<(K, Follower<V, E>)>;

impl Batch<'_> {
    pub(crate) async fn run<K, V, E, M, R, F, Fut>(
        self,
        keys: impl IntoIterator<Item = K>,
        loader: F,
    ) -> Result<HashMap<K, Arc<V>>, LoadError<E>>
    where
        K: Display + Clone + Eq + Hash + Send + 'static,
        V: Value,
        E: Send + Sync + 'static,
        M: IntoIterator<Item = (K, R)>,
        R: Into<Loaded<V>>,
        F: FnOnce(Vec<K>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<M, E>> + Send + 'static,
    {
        let until = self.terms.deadline();
        let mut values = HashMap::new();
        let unknown = self.unknown(keys, &mut values)?;
        let (led, waiting) = self.part(unknown);
        self.spawn(led, loader)?;
        for (key, follower) in waiting {
            match follower.wait(until).await {
                Waited::Landed(outcome) => {
                    if let Some(value) = outcome? {
                        values.insert(key, value);
                    }
                }
                Waited::TimedOut => return Err(LoadError::Deadline),
                Waited::Abandoned => return Err(self.shared.abandoned()),
            }
        }
        Ok(values)
    }

    /// Answers what L1 can answer, and returns the rest with their texts. No flight is
    /// joined before all keys have been checked: nobody is to follow a batch that is refused.
    fn unknown<K, V>(
        &self,
        keys: impl IntoIterator<Item = K>,
        values: &mut HashMap<K, Arc<V>>,
    ) -> Result<Vec<(K, String)>, Error>
    where
        K: Display + Clone + Eq + Hash,
        V: Value,
    {
        let mut unknown = Vec::new();
        let mut seen = HashSet::new();
        for key in keys {
            if !seen.insert(key.clone()) {
                continue;
            }
            let text = key.to_string();
            check_key(&text)?;
            match self.shared.l1_answer(self.space, &text)? {
                Some(Some(value)) => drop(values.insert(key, value)),
                Some(None) => {}
                None => unknown.push((key, text)),
            }
        }
        Ok(unknown)
    }

    /// Joins the flights of all keys: those that this batch leads, and those that are to
    /// be waited for, which are all.
    fn part<K: Clone, V: Value, E: Send + Sync + 'static>(
        &self,
        keys: Vec<(K, String)>,
    ) -> (Leading<K, V, E>, Waiting<K, V, E>) {
        let mut led = Vec::new();
        let mut waiting = Vec::with_capacity(keys.len());
        for (key, text) in keys {
            let (lead, follower) = self.join(&text);
            waiting.push((key.clone(), follower));
            led.extend(lead.map(|lead| Led {
                sample: self.shared.l1.sample(self.space.id(), &text),
                key,
                lead,
                stale: None,
            }));
        }
        (led, waiting)
    }

    fn join<V: Value, E: Send + Sync + 'static>(
        &self,
        key: &str,
    ) -> (Option<Lead<V, E>>, Follower<V, E>) {
        let flights = &self.shared.flights;
        match flights.join(self.space.id(), key, Caller::Batch) {
            Joined::Lead(lead) => {
                let follower = lead.follow();
                (Some(lead), follower)
            }
            Joined::Follow(follower) => {
                let space = self.space.registered.space();
                self.shared
                    .emit(self.space, &Event::LoadJoined { space, key });
                (None, follower)
            }
        }
    }

    /// Answers for the led keys in a task of its own: from the backend, then the loader.
    fn spawn<K, V, E, M, R, F, Fut>(
        &self,
        led: Leading<K, V, E>,
        loader: F,
    ) -> Result<(), LoadError<E>>
    where
        K: Display + Clone + Eq + Hash + Send + 'static,
        V: Value,
        E: Send + Sync + 'static,
        M: IntoIterator<Item = (K, R)>,
        R: Into<Loaded<V>>,
        F: FnOnce(Vec<K>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<M, E>> + Send + 'static,
    {
        if led.is_empty() {
            return Ok(());
        }
        let job = Job::new(self.shared, self.space, led.len());
        let terms = self.terms.clone();
        let name = format!(
            "load {} keys of {}",
            led.len(),
            self.space.registered.name()
        );
        self.shared.tasks.spawn(name, async move {
            load(job, led, terms, loader).await;
        })?;
        Ok(())
    }
}

async fn load<K, V, E, M, R, F, Fut>(
    mut job: Job,
    led: Leading<K, V, E>,
    mut terms: LoadTerms,
    loader: F,
) where
    K: Display + Clone + Eq + Hash,
    V: Value,
    E: Send + Sync + 'static,
    M: IntoIterator<Item = (K, R)>,
    R: Into<Loaded<V>>,
    F: FnOnce(Vec<K>) -> Fut,
    Fut: Future<Output = Result<M, E>>,
{
    let Some(shared) = job.shared.upgrade() else {
        return;
    };
    let missing = look_up(&shared, &job.space, led, &mut terms).await;
    drop(shared);
    if missing.is_empty() {
        return;
    }
    job.keys = missing.len();
    let keys: Vec<_> = missing.iter().map(|led| led.key.clone()).collect();
    let loader = || async {
        let loaded = loader(keys).await?;
        let loaded = loaded.into_iter().map(|(key, found)| (key, found.into()));
        Ok(loaded.collect::<HashMap<K, Loaded<V>>>())
    };
    let (run, cost) = job.run(loader).await;
    match run {
        Run::Loaded(loaded) => store(&job, missing, loaded, cost, &mut terms).await,
        Run::Failed(error) => give_up(&job, missing, &LoadError::Loader(Arc::new(error))),
        Run::Panicked => give_up(&job, missing, &LoadError::Panicked),
    }
}

/// Lands what the backend knows and returns the rest. A stale value is kept for the case
/// that the loader fails.
async fn look_up<K, V: Value, E: 'static>(
    shared: &Shared,
    state: &SpaceState,
    led: Leading<K, V, E>,
    terms: &mut LoadTerms,
) -> Leading<K, V, E> {
    let texts: Vec<_> = led.iter().map(|led| led.lead.key()).collect();
    let found = shared
        .fetch_many::<V>(state, &texts, &mut terms.budget)
        .await;
    // Where the backend can't be asked, L1 may still have something stale.
    let (found, stale_because) = match found {
        Ok(found) => (found, MissReason::Expired),
        Err(_) => {
            let from_l1 = |key| match shared.l1.get::<V>(state.id(), key) {
                Ok(Resident::Stale(value) | Resident::Fresh(value)) => Found::Stale(value),
                _ => Found::Missing(MissReason::Backend),
            };
            (
                texts.into_iter().map(from_l1).collect(),
                MissReason::Backend,
            )
        }
    };
    let (space, tier) = (state.registered.space(), Tier::L2);
    let mut missing = Vec::new();
    for (mut led, found) in led.into_iter().zip(found) {
        let key = led.lead.key();
        let miss = |reason| shared.emit(state, &Event::Miss { space, key, reason });
        match found {
            Found::Fresh(value) => {
                shared.emit(state, &Event::Hit { space, key, tier });
                led.lead.land(Ok(Some(value)));
                continue;
            }
            Found::Absent => {
                shared.emit(state, &Event::NegativeHit { space, key, tier });
                led.lead.land(Ok(None));
                continue;
            }
            Found::Stale(value) => {
                miss(stale_because);
                led.stale = Some(value);
            }
            Found::Missing(reason) => miss(reason),
        }
        missing.push(led);
    }
    missing
}

/// Stores what was loaded, and that the rest is absent; then lands it all.
async fn store<K: Eq + Hash, V: Value, E: 'static>(
    job: &Job,
    missing: Leading<K, V, E>,
    mut loaded: HashMap<K, Loaded<V>>,
    cost: Duration,
    terms: &mut LoadTerms,
) {
    let fill = |led: &Led<K, V, E>| {
        let found = loaded.remove(&led.key).unwrap_or_else(Loaded::absent);
        (found, led.sample)
    };
    let found: Vec<_> = missing.iter().map(fill).collect();
    let fills: Vec<_> = missing
        .iter()
        .zip(found)
        .map(|(led, (found, sample))| Fill::new(led.lead.key(), found, sample))
        .collect();
    if let Some(shared) = job.shared.upgrade() {
        let each = cost / u32::try_from(fills.len()).unwrap_or(u32::MAX).max(1);
        let mut budget = terms.budget;
        shared
            .fill(&job.space, &fills, terms, each, &mut budget)
            .await;
    }
    let values: Vec<_> = fills.into_iter().map(|fill| fill.value).collect();
    for (led, value) in missing.into_iter().zip(values) {
        led.lead.land(Ok(value));
    }
}

fn give_up<K, V: Value, E: 'static>(job: &Job, missing: Leading<K, V, E>, failure: &LoadError<E>) {
    for Led { lead, stale, .. } in missing {
        let outcome = job.fall_back(lead.key(), stale, failure.clone());
        lead.land(outcome);
    }
}
