//! The refresh of many keys before their time, with one loader.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::Result;

use super::fill::Fill;
use super::job::{Job, Run};
use super::lease::{Attempt, Permission};
use super::options::{LoadOptions, LoadTerms};
use super::{LoadError, Loaded};
use crate::reading::{Found, Vacancy};
use crate::tasks::closed;
use crate::typed::TypedCache;
use crate::value::Value;

/// What became of the keys of a refresh: each is in one of the lists.
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub struct Refreshed<E> {
    /// Those that were loaded and stored.
    pub loaded: Vec<String>,
    /// Those that were left alone: no longer due, or being loaded by others.
    pub left: Vec<String>,
    /// Those that were not refreshed: the loader failed, or what it brought could not be
    /// stored. What was cached stays.
    pub failed: Vec<String>,
    /// Why the loader failed, or was not asked; `None` where it was not for that.
    pub failure: Option<LoadError<E>>,
}

impl<E> Default for Refreshed<E> {
    fn default() -> Self {
        Self {
            loaded: Vec::new(),
            left: Vec::new(),
            failed: Vec::new(),
            failure: None,
        }
    }
}

impl<V: Value> TypedCache<V> {
    /// Loads and stores those of these keys that are due, stale or missing by now, and that
    /// nobody else is loading: the loader runs once for all of them, or not at all. Nobody
    /// waits for other processes. A key that the loader leaves out has no value any more.
    ///
    /// Where it fails, what was cached stays, and no process asks for these keys' leases for
    /// the time of `throttle`.
    ///
    /// # Concurrency
    /// Of all processes that share the backend, one at a time refreshes a key. The loader
    /// runs among the cache's concurrent loads, within its load timeout.
    ///
    /// # Cost
    /// One read, one lease and one write for some hundred keys; a read alone where nothing is
    /// to be done.
    ///
    /// # Cancel safety
    /// Dropped half-way, nothing is stored, and the keys' leases run out.
    pub async fn refresh_many<R, E, M, F, Fut>(
        &self,
        keys: impl IntoIterator<Item = String>,
        throttle: Duration,
        loader: F,
    ) -> Refreshed<E>
    where
        R: Into<Loaded<V>>,
        M: IntoIterator<Item = (String, R)>,
        F: FnOnce(Vec<String>) -> Fut,
        Fut: Future<Output = Result<M, E>>,
    {
        let mut refreshed = Refreshed::default();
        let keys: Vec<String> = keys.into_iter().collect();
        let leased = self.lease_due(keys, &mut refreshed).await;
        let (terms, ours) = match leased {
            Ok((terms, ours)) if !ours.is_empty() => (terms, ours),
            Ok(_) => return refreshed,
            Err((error, keys)) => {
                refreshed.failed.extend(keys);
                refreshed.failure = Some(LoadError::Cache(error));
                return refreshed;
            }
        };
        let job = Job::new(&self.shared, &self.space, ours.len());
        let wanted = ours.iter().map(|(key, _)| key.clone()).collect();
        let run = job.run(|| async { into_map(loader(wanted).await?) });
        let failure = match tokio::time::timeout(terms.timeout, run).await {
            Ok((Run::Loaded(loaded), cost)) => {
                self.store_refreshed(ours, loaded, cost, &terms, &mut refreshed)
                    .await;
                return refreshed;
            }
            Ok((Run::Failed(error), _)) => LoadError::Loader(Arc::new(error)),
            Ok((Run::Panicked, _)) => LoadError::Panicked,
            Err(_) => LoadError::Deadline,
        };
        let (keys, permissions): (Vec<_>, Vec<_>) = ours.into_iter().unzip();
        let given_up = keys.iter().map(String::as_str).zip(permissions);
        let mut budget = self.shared.budget(None);
        self.shared
            .give_up(&self.space, given_up, throttle, &mut budget)
            .await;
        refreshed.failed.extend(keys);
        refreshed.failure = Some(failure);
        refreshed
    }

    /// Gets the leases of the keys that are to be loaded, and sorts out the others. An error
    /// comes with the keys it is about.
    async fn lease_due<E>(
        &self,
        keys: Vec<String>,
        refreshed: &mut Refreshed<E>,
    ) -> Result<(LoadTerms, Leased), (larder_cache_core::Error, Vec<String>)> {
        let (shared, space) = (&self.shared, &self.space);
        let terms = match LoadOptions::default().check(shared, &self.settings()) {
            Ok(_) if shared.tasks.is_closed() => return Err((closed(), keys)),
            Ok(terms) => terms,
            Err(error) => return Err((error, keys)),
        };
        let mut budget = terms.budget;
        let texts: Vec<&str> = keys.iter().map(String::as_str).collect();
        let found = match shared.fetch_many::<V>(space, &texts, &mut budget).await {
            Ok(found) => found,
            Err(error) => return Err((error, keys)),
        };
        let mut due = Vec::new();
        for (key, found) in keys.into_iter().zip(found) {
            match vacancy_of(&found) {
                Some(vacancy) => due.push((key, vacancy)),
                None => refreshed.left.push(key),
            }
        }
        if due.is_empty() {
            return Ok((terms, Vec::new()));
        }
        let wishes: Vec<_> = due
            .iter()
            .map(|(key, free)| (key.as_str(), *free))
            .collect();
        let attempts = shared.ask_for_leases(space, &wishes, &terms, &mut budget);
        let attempts = attempts.await;
        let mut ours = Vec::new();
        for ((key, _), attempt) in due.into_iter().zip(attempts) {
            match attempt {
                Attempt::Permission(permission @ Permission::Store(_)) => {
                    ours.push((key, permission));
                }
                // What could not be stored is not loaded: what is cached will do.
                Attempt::Permission(_) => refreshed.failed.push(key),
                Attempt::Held(_) | Attempt::Fresh => refreshed.left.push(key),
            }
        }
        Ok((terms, ours))
    }

    async fn store_refreshed<E>(
        &self,
        ours: Leased,
        mut loaded: HashMap<String, Loaded<V>>,
        cost: Duration,
        terms: &LoadTerms,
        refreshed: &mut Refreshed<E>,
    ) {
        let (keys, permissions): (Vec<_>, Vec<_>) = ours.into_iter().unzip();
        let each = cost / u32::try_from(keys.len()).unwrap_or(u32::MAX).max(1);
        let fills = keys.iter().zip(permissions).map(|(key, permission)| {
            let found = loaded.remove(key).unwrap_or_else(Loaded::absent);
            Fill::new(key, found, permission)
        });
        let fills: Vec<_> = fills.collect();
        let mut budget = self.shared.budget(None);
        let stored = self
            .shared
            .fill(&self.space, &fills, terms, each, &mut budget)
            .await;
        drop(fills);
        for (key, stored) in keys.into_iter().zip(stored) {
            match stored {
                true => refreshed.loaded.push(key),
                false => refreshed.failed.push(key),
            }
        }
    }
}

/// The keys to be loaded, with the right to store them.
type Leased = Vec<(String, Permission)>;

/// Where a refresh may be stored; `None`: there is nothing to be done, or others do it.
fn vacancy_of<V>(found: &Found<V>) -> Option<Vacancy> {
    let vacancy = match found {
        Found::Fresh(_, vacancy) | Found::Missing(_, vacancy) => *vacancy,
        Found::Stale(_, _, vacancy) => Some(*vacancy),
        Found::Absent(_) => None,
    };
    vacancy.filter(|vacancy| vacancy.held.is_none())
}

fn into_map<V, E, R: Into<Loaded<V>>>(
    loaded: impl IntoIterator<Item = (String, R)>,
) -> Result<HashMap<String, Loaded<V>>, E> {
    let loaded = loaded.into_iter().map(|(key, found)| (key, found.into()));
    Ok(loaded.collect())
}
