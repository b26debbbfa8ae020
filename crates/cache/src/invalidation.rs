//! Invalidation of many entries at once, and of single ones softly.

use larder_cache_core::{EpochChange, Event, Invalidation, Key, Result, Tag, Tags};

use crate::changes::Change;
use crate::guards::Guard;
use crate::handle::NamespaceHandle;
use crate::shared::{Budget, Shared};

/// How many entries an invalidation met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Affected {
    /// So many.
    Exact(u64),
    /// Nobody knows: they were not visited, whatever their number.
    Unknown,
}

impl NamespaceHandle {
    /// Invalidates the entries with these tags: no load that began before is read as fresh
    /// after it. Tags are shared by all namespaces of a cache, so that one tag, `user:7`
    /// say, reaches what is known of a user everywhere.
    ///
    /// Invalidate after the database has committed.
    ///
    /// # Cost
    /// One round trip, whatever the number of entries: a number is changed for each tag (for
    /// [`Tags::all`], one number), and entries that were stored under another count for
    /// nothing. They are not visited and leave when their time comes.
    ///
    /// # Errors
    /// Kind `InvalidTag`, or when the backend did not confirm it. The cache goes on trying,
    /// and until then serves no entry with these tags from the backend; other processes may.
    pub async fn invalidate_tags(&self, tags: Tags) -> Result<Affected> {
        self.invalidate_tags_with(tags, Invalidation::Hard).await
    }

    /// Invalidates the entries with these tags, softly if so asked: stale values stay usable
    /// for loads, within the namespace's grace.
    ///
    /// # Errors
    /// As [`invalidate_tags`](NamespaceHandle::invalidate_tags).
    pub async fn invalidate_tags_with(&self, tags: Tags, effect: Invalidation) -> Result<Affected> {
        self.shared.invalidate_tags(&tags, effect).await
    }

    /// Invalidates all entries of this namespace.
    ///
    /// # Cost
    /// One round trip, whatever the number of entries. Their memory is free when they
    /// expire or are evicted; [`delete_by_pattern`](NamespaceHandle::delete_by_pattern)
    /// frees it at once.
    ///
    /// # Errors
    /// As [`invalidate_tags`](NamespaceHandle::invalidate_tags).
    pub async fn clear(&self) -> Result<Affected> {
        self.clear_with(Invalidation::Hard).await
    }

    /// Invalidates all entries of this namespace, softly if so asked.
    ///
    /// # Errors
    /// As [`clear`](NamespaceHandle::clear).
    pub async fn clear_with(&self, effect: Invalidation) -> Result<Affected> {
        let shared = &self.shared;
        let prefix = shared.keyspace.prefix();
        let key = prefix.namespace_epoch(&self.settings().prefix);
        let (space, id) = (self.space.registered.space(), self.space.id());
        let epochs = vec![(key, Vec::new())];
        shared.change_epochs(epochs, effect, Some(id)).await?;
        let event = Event::Invalidated {
            space: Some(space),
            tags: 0,
        };
        shared.observers.emit(&event);
        Ok(Affected::Unknown)
    }

    /// Makes a value stale: a load fetches a new one, and meanwhile, or if that fails, serves
    /// the stale one within the namespace's grace. `get` does not find it any more. Says
    /// whether there was one.
    ///
    /// # Cost
    /// One round trip; the value is not sent.
    ///
    /// # Errors
    /// As [`delete`](NamespaceHandle::delete).
    pub async fn mark_stale(&self, key: impl AsRef<str>) -> Result<bool> {
        let mut budget = self.shared.budget(None);
        let keys = [key.as_ref()];
        let physical = self.shared.physical_keys(&self.settings(), &keys)?;
        let marked = self.mark_keys_stale(&keys, &physical, &mut budget).await?;
        Ok(marked > 0)
    }

    /// Makes values stale, and says how many there were.
    pub(crate) async fn mark_keys_stale(
        &self,
        keys: &[&str],
        physical: &[Key],
        budget: &mut Budget,
    ) -> Result<u64> {
        let change = Change::begin(&self.shared, &self.space, keys.iter().copied());
        let backend = &self.shared.backend;
        let marked = self
            .shared
            .call("mark_stale", budget, |call| {
                backend.mark_stale(physical, call)
            })
            .await?;
        change.made_stale();
        Ok(marked.into_iter().map(u64::from).sum())
    }
}

impl Shared {
    pub(crate) async fn invalidate_tags(
        &self,
        tags: &Tags,
        effect: Invalidation,
    ) -> Result<Affected> {
        let prefix = self.keyspace.prefix();
        let changes = tags.changes()?.into_iter();
        let changes: Vec<_> = changes
            .map(|(tag, others)| (prefix.tag_epoch(&tag), others))
            .collect();
        let tags = changes.len();
        if tags == 0 {
            return Ok(Affected::Exact(0));
        }
        self.change_epochs(changes, effect, None).await?;
        self.observers
            .emit(&Event::Invalidated { space: None, tags });
        Ok(Affected::Unknown)
    }

    /// Changes epochs that one namespace or any stands on, and drops what this process knows
    /// of them before and after.
    pub(crate) async fn change_epochs(
        &self,
        epochs: Vec<(Key, Vec<Tag>)>,
        effect: Invalidation,
        space: Option<u32>,
    ) -> Result<()> {
        let keys: Vec<Key> = epochs.iter().map(|(key, _)| key.clone()).collect();
        let changes = epochs.into_iter();
        let changes: Vec<_> = changes
            .map(|(key, others)| self.epoch_change(key, others, effect))
            .collect();
        let changing = ChangingEpochs::begin(self, &keys, space);
        let mut budget = self.budget(None);
        let backend = &self.backend;
        self.call("renew", &mut budget, |call| backend.renew(&changes, call))
            .await?;
        changing.made(&changes);
        Ok(())
    }
}

/// A change of epochs whose outcome is not known. Dropped before it is, it may have
/// happened.
pub(crate) struct ChangingEpochs<'a> {
    shared: &'a Shared,
    keys: &'a [Key],
    /// The namespace that stands on them; `None`: any may.
    space: Option<u32>,
    was_made: bool,
    /// How often what was made had been doubted before.
    doubts: u64,
}

impl<'a> ChangingEpochs<'a> {
    /// From here on a load that is under way can't have known these epochs: the backend may
    /// change them before it says so.
    pub(crate) fn begin(shared: &'a Shared, keys: &'a [Key], space: Option<u32>) -> Self {
        let changing = Self {
            shared,
            keys,
            space,
            was_made: false,
            doubts: shared.pending.doubts(),
        };
        changing.outdate();
        changing
    }

    fn outdate(&self) {
        if self.shared.guards.hold(Guard::OwnChanges) {
            for key in self.keys {
                self.shared.l1.outdate_epoch(key.as_bytes());
            }
        }
    }

    /// Only a change that leaves no entry usable makes up for earlier ones that failed.
    fn made(mut self, changes: &[EpochChange]) {
        let shared = self.shared;
        if shared.pending.doubts() != self.doubts {
            // It was confirmed by what may have forgotten it since.
            return;
        }
        self.was_made = true;
        let is_whole =
            |change: &&EpochChange| change.effect == Invalidation::Hard && change.others.is_empty();
        let whole = changes.iter().filter(is_whole).map(|change| &change.key);
        shared.pending.replaced(whole);
        if shared.is_shared() {
            shared.remember_made(self.keys.iter().cloned());
        }
    }
}

impl Drop for ChangingEpochs<'_> {
    fn drop(&mut self) {
        self.outdate();
        // Which of the loads under way have these tags, nobody knows before they end.
        let is_meant = |of| self.space.is_none_or(|space| space == of);
        self.shared.flights.detach_matching(|of, _| is_meant(of));
        if !self.was_made {
            self.shared.remember_failed(self.keys.iter().cloned());
        }
    }
}
