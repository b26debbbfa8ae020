//! The handle of a namespace: what needs no type.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{
    Cursor, Event, Glob, Head, Header, Key, Lifetime, Namespace, Result, Space, Standing, Tag, Ttl,
    entry::MAX_HEADER_BYTES,
};

use crate::changes::{Change, SweepingChange};
use crate::hold::Hold;
use crate::l1::Outlook;
use crate::lifetime;
use crate::reading::Fresh;
use crate::shared::{Budget, Shared, SpaceState};
use crate::stats::NamespaceStats;
use crate::typed::TypedCache;
use crate::value::Value;

/// A namespace of a cache. Cheap to clone; all clones share one cache.
///
/// What needs no type is here; [`typed`](NamespaceHandle::typed) fixes the type of the
/// values for the rest.
#[derive(Clone, Debug)]
pub struct NamespaceHandle {
    pub(crate) shared: Hold,
    pub(crate) space: Arc<SpaceState>,
}

impl NamespaceHandle {
    /// The namespace with the type of its values fixed.
    #[must_use]
    pub fn typed<V: Value>(&self) -> TypedCache<V> {
        TypedCache::new(self.clone())
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.space.registered.name()
    }

    /// The settings as of now.
    #[must_use]
    pub fn settings(&self) -> Arc<Namespace> {
        self.space.settings()
    }

    /// Changes the settings, as
    /// [`Cache::update_namespace`](crate::Cache::update_namespace) does.
    ///
    /// # Errors
    /// Kind `Config` when the new settings can't work.
    pub fn update(&self, change: impl FnOnce(Namespace) -> Namespace) -> Result<()> {
        self.shared.update_namespace(self.name(), change)
    }

    /// What names it in events.
    #[must_use]
    pub fn space(&self) -> Space<'_> {
        self.space.registered.space()
    }

    /// Tells the cache's observers of something that happened in what is built on it.
    pub fn emit(&self, event: &Event<'_>) {
        self.shared.emit(&self.space, event);
    }

    /// What was done in this namespace, by this process.
    #[must_use]
    pub fn stats(&self) -> NamespaceStats {
        self.space.counters.snapshot(self.name())
    }

    /// Deletes a value, and says whether there was something under the key. No load that
    /// began before, in whichever process, puts an older value back.
    ///
    /// # Cost
    /// One round trip.
    ///
    /// # Errors
    /// When the backend did not confirm it. The cache goes on trying, and does not read the
    /// key from the backend until it has been deleted there: this process serves no value
    /// from before. Others may, until then; and so may all if this process ends before.
    pub async fn delete(&self, key: impl AsRef<str>) -> Result<bool> {
        self.delete_many([key]).await.map(|deleted| deleted > 0)
    }

    /// Deletes values, and says how many there were.
    ///
    /// # Cost
    /// One round trip for some hundred keys.
    ///
    /// # Errors
    /// When the backend did not confirm it; what [`delete`](NamespaceHandle::delete) says of
    /// that holds for each key.
    pub async fn delete_many<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<u64> {
        let keys: Vec<K> = keys.into_iter().collect();
        let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        let physical = self.shared.physical_keys(&self.settings(), &keys)?;
        let mut budget = self.shared.budget(None);
        self.delete_keys(&keys, &physical, &mut budget).await
    }

    pub(crate) async fn delete_keys(
        &self,
        keys: &[&str],
        physical: &[Key],
        budget: &mut Budget,
    ) -> Result<u64> {
        if keys.is_empty() {
            return Ok(0);
        }
        let named = keys.iter().copied();
        let change = Change::begin(&self.shared, &self.space, named);
        let backend = &self.shared.backend;
        let deleted = self
            .shared
            .call("delete", budget, |call| backend.delete(physical, call))
            .await?;
        change.made_away();
        let space = self.space.registered.space();
        self.shared
            .emit(&self.space, &Event::Deleted { space, keys });
        Ok(deleted)
    }

    /// Deletes the values whose keys match a Redis glob pattern, and says how many. No load
    /// that began before puts an older value back.
    ///
    /// # Cost
    /// A scan of the whole backend, in pages, and a deletion per page. The budget is per
    /// page.
    ///
    /// # Errors
    /// When a page could not be read or deleted; values of earlier pages are gone then.
    pub async fn delete_by_pattern(&self, pattern: &str) -> Result<u64> {
        let pattern = Glob::new(pattern);
        let mut budget = self.shared.budget(None);
        let _change = SweepingChange::begin(&self.shared, &self.space, &pattern);
        let mut cursor = Some(Cursor::start());
        let mut deleted = 0;
        while let Some(at) = cursor {
            let (keys, next) = self.scan_page(at, &pattern, &mut budget).await?;
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let physical = self.shared.stored_keys(&self.settings(), &keys)?;
            deleted += self.delete_keys(&keys, &physical, &mut budget).await?;
            cursor = next;
            budget = self.shared.budget(None);
        }
        Ok(deleted)
    }

    /// Says whether `get` would find a value.
    ///
    /// # Cost
    /// None where L1 knows; else one round trip and 4 KiB at most, not the value; one more where
    /// what is remembered says that it was invalidated, as `get` takes it. A value whose body is
    /// damaged is found by `get` alone.
    ///
    /// # Errors
    /// When the backend did not answer.
    pub async fn exists(&self, key: impl AsRef<str>) -> Result<bool> {
        let key = key.as_ref();
        match self.outlook(key) {
            Outlook::Fresh(_) => Ok(true),
            Outlook::Absent => Ok(false),
            Outlook::Unknown => Ok(self.stored_ttl(key).await?.is_some()),
        }
    }

    /// How long `get` will find the value; `None`: it does not now.
    ///
    /// # Cost
    /// One round trip and 4 KiB at most, not the value; one more where what is remembered says
    /// that it was invalidated.
    ///
    /// # Errors
    /// When the backend did not answer.
    pub async fn ttl(&self, key: impl AsRef<str>) -> Result<Option<Remaining>> {
        let key = key.as_ref();
        let known = match self.outlook(key) {
            Outlook::Fresh(fresh) => fresh,
            Outlook::Absent => return Ok(None),
            Outlook::Unknown => return Ok(self.stored_ttl(key).await?.map(Remaining::from)),
        };
        // L1 may hold it for less time than the backend does, or longer than it is there.
        let stored = self.stored_ttl(key).await.unwrap_or_default();
        Ok(Some(stored.unwrap_or(known).into()))
    }

    fn outlook(&self, key: &str) -> Outlook {
        self.shared.l1.outlook(self.space.id(), key)
    }

    async fn stored_ttl(&self, key: &str) -> Result<Option<Fresh>> {
        let physical = [self.shared.physical_key(&self.settings(), key)?];
        let mut budget = self.shared.budget(None);
        let mut fresh = self.fresh_among(&physical, &mut budget).await?;
        Ok(fresh.pop().flatten())
    }

    /// Moves the expiry of a value: it stays fresh for `ttl` from now, and usable for the
    /// namespace's grace behind that. Says whether there was a value.
    ///
    /// # Cost
    /// Two round trips; the value is not sent.
    ///
    /// # Errors
    /// Kind `InvalidTtl`, or when the backend did not confirm it.
    pub async fn expire(&self, key: impl AsRef<str>, ttl: impl Into<Ttl>) -> Result<bool> {
        let key = key.as_ref();
        let lifetime = self.lifetime(ttl.into())?;
        let physical = [self.shared.physical_key(&self.settings(), key)?];
        let mut budget = self.shared.budget(None);
        let fresh = self.fresh_among(&physical, &mut budget).await?;
        if fresh.iter().all(Option::is_none) {
            return Ok(false);
        }
        let change = Change::begin(&self.shared, &self.space, [key]);
        let _change = change.of_lifetimes();
        let backend = &self.shared.backend;
        let moved = self
            .shared
            .call("expire", &mut budget, |call| {
                backend.expire(&physical, lifetime, call)
            })
            .await?;
        Ok(moved.into_iter().any(|moved| moved))
    }

    pub(crate) fn lifetime(&self, ttl: Ttl) -> Result<Lifetime> {
        let Shared {
            ttl_classes,
            random,
            ..
        } = &**self.shared;
        lifetime::of_value(ttl, &self.settings(), ttl_classes, &**random)
    }

    /// For each key, how long the backend will answer `get` with a value.
    async fn fresh_among(&self, keys: &[Key], budget: &mut Budget) -> Result<Vec<Option<Fresh>>> {
        self.fresh_with(None, keys, budget).await
    }

    /// The same for values that carry a tag; `None` for all others.
    pub(crate) async fn fresh_with(
        &self,
        tag: Option<&Tag>,
        keys: &[Key],
        budget: &mut Budget,
    ) -> Result<Vec<Option<Fresh>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let settings = self.settings();
        let backend = &self.shared.backend;
        let heads = self
            .shared
            .call("head", budget, |call| {
                backend.head(keys, MAX_HEADER_BYTES, call)
            })
            .await?;
        let read = |head: Head| Some((Header::read(&head.bytes, head.total_bytes).ok()?, head));
        let known = keys.iter().zip(heads).map(|(key, head)| {
            let head = head.filter(|_| !self.shared.pending.holds(key));
            head.and_then(read)
                .filter(|(header, _)| carries(header, tag))
        });
        let known: Vec<_> = known.collect();
        let headers = || known.iter().flatten().map(|(header, _)| header);
        if headers().next().is_none() {
            return Ok(vec![None; keys.len()]);
        }
        self.shared
            .learn_dictionaries(&self.space, &settings, headers(), budget)
            .await;
        let headers: Vec<_> = headers().collect();
        let judge = self.shared.judge_of(&settings, &headers, budget).await?;
        let mut times = self.shared.server_times();
        let mut fresh = Vec::with_capacity(keys.len());
        for (key, known) in keys.iter().zip(&known) {
            let Some((header, head)) = known else {
                fresh.push(None);
                continue;
            };
            let now = times.of(key, budget).await?;
            let valid = judge.judge(header, &self.shared.l1).0 == Standing::Valid
                && !self.shared.is_epoch_pending(&settings, header);
            let in_header = self.shared.fresh_for(header, &settings, now);
            let in_header = in_header.filter(|_| valid);
            fresh.push(in_header.map(|fresh| fresh.bounded(head.expiry)));
        }
        Ok(fresh)
    }
}

fn carries(header: &Header, tag: Option<&Tag>) -> bool {
    tag.is_none_or(|tag| header.tags.iter().any(|of| of.tag == *tag))
}

/// How long a value will be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remaining {
    /// This long, if nobody changes it.
    For(Duration),
    /// Until it is deleted or evicted.
    Unbounded,
}

impl Remaining {
    /// The time, where there is an end.
    #[must_use]
    pub fn duration(self) -> Option<Duration> {
        match self {
            Self::For(duration) => Some(duration),
            Self::Unbounded => None,
        }
    }
}

impl From<Fresh> for Remaining {
    fn from(fresh: Fresh) -> Self {
        fresh.left.map_or(Self::Unbounded, Self::For)
    }
}
