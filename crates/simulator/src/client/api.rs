//! The cache as the simulation uses it: all of its public interface that is named here is
//! named nowhere else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use larder_cache::{
    Cache, CacheBuilder, LoadError, Loaded, SetOptions, TypedCache, WriteError, Written,
};
use larder_cache_core::{Backend, Clock, Error, Invalidation, Observer, Random, Result, Tags, Ttl};

use crate::checker::{ChangeOutcome, Effect};
use crate::database::{Id, Row, names_of};
use crate::plan::{PREFIX, Plan, space_name};
use crate::rule::{Rule, leave_out};

/// How long a caller waits for a loader.
const LOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The cache of one process.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    cache: Cache,
    spaces: Vec<TypedCache<Row>>,
}

/// What a cache is built from.
pub(crate) struct Parts {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) without: Option<Rule>,
}

/// What a loader found: a version and its tags, or that there is no row.
pub(crate) type Found = Option<(Id, u8)>;

/// Why a loader failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoaderFailed;

/// What became of a load.
#[derive(Debug)]
pub(crate) enum LoadOutcome<T> {
    Answered(T),
    /// The loader failed, or took too long.
    Failed(String),
    Panicked,
}

impl Api {
    pub(crate) fn build(plan: &Plan, parts: Parts) -> Result<Self> {
        let mut builder = CacheBuilder::new()
            .key_prefix(PREFIX)
            .l1_bytes(1 << 16)
            .budget(plan.budget)
            .load_timeout(LOAD_TIMEOUT)
            .lease(plan.lease)
            .clock(parts.clock)
            .random(parts.random)
            .observer(parts.observer);
        for settings in plan.settings() {
            builder = builder.namespace(settings);
        }
        let cache = leave_out(builder, parts.without).build(parts.backend)?;
        let space = |space| Ok(cache.namespace(&space_name(space))?.typed::<Row>());
        let spaces = (0..plan.namespaces).map(space).collect::<Result<_>>()?;
        Ok(Self { cache, spaces })
    }

    pub(crate) async fn get(&self, space: usize, key: &str) -> Result<Option<Id>> {
        let row = self.spaces[space].get(key).await?;
        Ok(row.map(|row| row.id))
    }

    pub(crate) async fn exists(&self, space: usize, key: &str) -> Result<bool> {
        self.spaces[space].exists(key).await
    }

    /// Loads a row whose values carry no tags of their own.
    pub(crate) async fn get_or_load<F, Fut>(
        &self,
        space: usize,
        key: &str,
        loader: F,
    ) -> LoadOutcome<Option<Id>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Found, LoaderFailed>> + Send + 'static,
    {
        let loader = move || async move {
            let found = loader().await?;
            found.map(|(id, _)| Row { id }).ok_or(LoaderFailed)
        };
        let loaded = self.spaces[space].get_or_load(key, loader).await;
        outcome(loaded.map(|row| Some(row.id)))
    }

    /// Loads a row with its tags; the call names some of them as well.
    pub(crate) async fn load<F, Fut>(
        &self,
        space: usize,
        key: &str,
        tags: u8,
        loader: F,
    ) -> LoadOutcome<Option<Id>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Found, LoaderFailed>> + Send + 'static,
    {
        let loader = move || async move { Ok::<_, LoaderFailed>(loaded(loader().await?)) };
        let request = self.spaces[space].load(key).tags(names_of(tags));
        outcome(request.with(loader).await.map(|row| row.map(|row| row.id)))
    }

    /// Loads many rows at once.
    pub(crate) async fn load_many<F, Fut>(
        &self,
        space: usize,
        keys: Vec<String>,
        loader: F,
    ) -> LoadOutcome<Vec<(String, Id)>>
    where
        F: FnOnce(Vec<String>) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<Vec<(String, Found)>, LoaderFailed>> + Send + 'static,
    {
        let loader = move |missing| async move {
            let found = loader(missing).await?.into_iter();
            let found = found.map(|(key, found)| (key, loaded(found)));
            Ok::<Vec<(String, Loaded<Row>)>, LoaderFailed>(found.collect())
        };
        let rows = self.spaces[space].get_or_load_many(keys, loader).await;
        outcome(rows.map(sorted))
    }

    pub(crate) async fn set(&self, space: usize, key: &str, id: Id, tags: u8) -> ChangeOutcome {
        let options = SetOptions::new().tags(names_of(tags));
        change(self.spaces[space].set_with(key, Row { id }, options).await)
    }

    /// Stores a value where there is none; says whether it did.
    pub(crate) async fn set_if_absent(&self, space: usize, key: &str, id: Id) -> Result<bool> {
        self.spaces[space].set_if_absent(key, Row { id }).await
    }

    pub(crate) async fn delete(&self, space: usize, key: &str) -> ChangeOutcome {
        change(self.spaces[space].delete(key).await)
    }

    pub(crate) async fn mark_stale(&self, space: usize, key: &str) -> ChangeOutcome {
        change(self.spaces[space].mark_stale(key).await)
    }

    pub(crate) async fn expire(&self, space: usize, key: &str, ttl: Duration) -> Result<bool> {
        self.spaces[space].expire(key, Ttl::Exact(ttl)).await
    }

    pub(crate) async fn invalidate_any(&self, tags: u8, effect: Effect) -> ChangeOutcome {
        self.invalidate(Tags::any(names_of(tags)), effect).await
    }

    pub(crate) async fn invalidate_all(&self, tags: u8, effect: Effect) -> ChangeOutcome {
        self.invalidate(Tags::all(names_of(tags)), effect).await
    }

    async fn invalidate(&self, tags: Tags, effect: Effect) -> ChangeOutcome {
        // Tags are the same in all namespaces.
        let space = &self.spaces[0];
        change(match effect {
            Effect::Gone => space.invalidate_tags(tags).await,
            Effect::Stale => space.invalidate_tags_with(tags, Invalidation::Soft).await,
        })
    }

    pub(crate) async fn clear(&self, space: usize, effect: Effect) -> ChangeOutcome {
        let space = &self.spaces[space];
        change(match effect {
            Effect::Gone => space.clear().await,
            Effect::Stale => space.clear_with(Invalidation::Soft).await,
        })
    }

    /// Writes the database, then the cache. `None`: the writer failed, and nothing changed.
    pub(crate) async fn write_through<Fut>(
        &self,
        space: usize,
        key: &str,
        id: Id,
        writer: impl FnOnce() -> Fut + Send + 'static,
    ) -> Option<ChangeOutcome>
    where
        Fut: Future<Output = Result<(), LoaderFailed>> + Send + 'static,
    {
        let written = self.spaces[space]
            .write_through(key, Row { id }, writer)
            .await;
        match written {
            Ok(Written::Unconfirmed(_)) => Some(ChangeOutcome::Failed),
            Ok(_) => Some(ChangeOutcome::Made),
            Err(WriteError::Writer(_)) => None,
            Err(_) => Some(ChangeOutcome::Failed),
        }
    }

    /// Ends the cache, and names what had to be aborted.
    pub(crate) async fn shutdown(&self) -> Vec<String> {
        let report = self.cache.shutdown(Duration::from_secs(20)).await;
        report.aborted
    }
}

fn loaded(found: Found) -> Loaded<Row> {
    match found {
        Some((id, tags)) => Loaded::value(Row { id }).tags(names_of(tags)),
        None => Loaded::absent(),
    }
}

/// In the order of the keys, whatever that of the map was.
fn sorted(rows: HashMap<String, Arc<Row>>) -> Vec<(String, Id)> {
    let mut rows: Vec<_> = rows.into_iter().map(|(key, row)| (key, row.id)).collect();
    rows.sort();
    rows
}

fn change<T>(result: Result<T>) -> ChangeOutcome {
    result.map_or(ChangeOutcome::Failed, |_| ChangeOutcome::Made)
}

fn outcome<T>(result: Result<T, LoadError<LoaderFailed>>) -> LoadOutcome<T> {
    match result {
        Ok(value) => LoadOutcome::Answered(value),
        Err(LoadError::Panicked) => LoadOutcome::Panicked,
        Err(LoadError::Cache(error)) => LoadOutcome::Failed(Error::to_string(&error)),
        Err(LoadError::Loader(_)) => LoadOutcome::Failed("the loader failed".into()),
        Err(LoadError::Deadline) => LoadOutcome::Failed("the loader took too long".into()),
        Err(_) => LoadOutcome::Failed("failed".into()),
    }
}
