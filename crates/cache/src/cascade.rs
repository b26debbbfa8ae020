//! Cascades: what is invalidated together with what it depends on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use larder_cache_core::{Event, Invalidation, Key, Result, Tag};
use larder_keyspace::{Cascade, Dependency, Target};

use crate::cache::Cache;
use crate::changes::Change;
use crate::handle::NamespaceHandle;
use crate::hold::Hold;
use crate::invalidation::ChangingEpochs;
use crate::shared::Shared;

/// How many epochs, or keys, are changed with one call.
const BATCH: usize = 512;

/// What depends on what in this cache, as [`Cache::dependencies`] has it.
///
/// Dependencies are declared in code, in each process, as namespaces are: a process knows those
/// that were declared in it, and its cascades follow these.
#[derive(Clone, Debug)]
pub struct CacheDependencies {
    shared: Hold,
}

/// What a cascade has invalidated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cascaded {
    /// What was invalidated, by level and in this order, as [`Cascade::levels`] has it.
    pub levels: Vec<Vec<Target>>,
    /// How many dependencies the longest chain has: the number of the last level.
    pub depth: usize,
    /// The names of the namespaces that are affected, as [`Cascade::namespaces`] has them.
    pub namespaces: Vec<String>,
    /// How many of the single keys had an entry. Those of tags and namespaces are not visited.
    pub entries: u64,
}

impl Cache {
    /// What depends on what: to declare, to look at, and to see what a cascade would do.
    #[must_use]
    pub fn dependencies(&self) -> CacheDependencies {
        CacheDependencies {
            shared: self.hold().clone(),
        }
    }

    /// Invalidates targets and all that depends on them, over however many others. When it has
    /// returned, no load that began before is read as fresh, of any of them.
    ///
    /// Sources go before their dependents: what is loaded anew meanwhile stands on what is new,
    /// or is invalidated in its turn.
    ///
    /// # Cost
    /// A round trip for each 512 tags and namespaces of a level, and one for each 512 keys of a
    /// namespace on it.
    ///
    /// # Cancel safety
    /// Dropped in the middle, it leaves what an error leaves.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`, `InvalidTag` or `InvalidKey` before anything was done. Or when
    /// the backend did not confirm a level, saying how many it had confirmed before: then that
    /// level and all behind it are pending. This process serves nothing of them from the backend
    /// until it has changed them there, which it goes on trying, in any order; so other processes
    /// may load a dependent from an old source meanwhile. Call it again: that puts it right.
    pub async fn invalidate_cascade(
        &self,
        targets: impl IntoIterator<Item = Target>,
    ) -> Result<Cascaded> {
        self.invalidate_cascade_with(targets, Invalidation::Hard)
            .await
    }

    /// Invalidates targets and all that depends on them, softly if so asked: stale values stay
    /// usable for loads, within the grace of their namespaces.
    ///
    /// # Errors
    /// As [`invalidate_cascade`](Cache::invalidate_cascade).
    pub async fn invalidate_cascade_with(
        &self,
        targets: impl IntoIterator<Item = Target>,
        effect: Invalidation,
    ) -> Result<Cascaded> {
        let targets: Vec<Target> = targets.into_iter().collect();
        let cascade = self.dependencies().cascade(&targets)?;
        let levels = cascade.levels.iter().map(|level| self.level(level));
        let mut ahead = Ahead {
            shared: self.hold(),
            levels: levels.collect::<Result<_>>()?,
        };
        let (all, mut entries) = (ahead.levels.len(), 0);
        while let Some(level) = ahead.levels.front() {
            let left = ahead.levels.len();
            let invalidated = level.invalidate(self.hold(), effect).await;
            entries += invalidated.map_err(|error| {
                error
                    .with("levels done", format!("{} of {all}", all - left))
                    .with("targets pending", ahead.targets())
            })?;
            ahead.levels.pop_front();
        }
        Ok(Cascaded {
            depth: cascade.depth(),
            levels: cascade.levels,
            namespaces: cascade.namespaces,
            entries,
        })
    }

    fn level(&self, targets: &[Target]) -> Result<Level> {
        let prefix = self.hold().keyspace.prefix();
        let mut level = Level::default();
        for target in targets {
            match target {
                Target::Tag(tag) => level.tags.push(prefix.tag_epoch(&Tag::new(tag)?)),
                Target::Namespace(name) => level.namespaces.push(self.namespace(name)?),
                Target::Key { namespace, key } => {
                    let keys = level.keys.entry(Arc::clone(namespace));
                    keys.or_default().push(Arc::clone(key));
                }
                other => other.validate()?,
            }
        }
        for name in level.keys.keys() {
            level.handles.push(self.namespace(name)?);
        }
        Ok(level)
    }
}

impl CacheDependencies {
    /// Says that something depends on something else: a
    /// [cascade](Cache::invalidate_cascade) that reaches that reaches it too. What was said
    /// before is fine.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`, naming those that are known; and as
    /// [`Dependencies::add`](larder_keyspace::Dependencies::add): kind `Config` where that closes
    /// a cycle, naming all of it in order.
    pub fn add(&self, dependent: Target, on: Target) -> Result<()> {
        let Shared {
            dependencies,
            keyspace,
            ..
        } = &**self.shared;
        check(&dependent, keyspace)?;
        check(&on, keyspace)?;
        dependencies.add(dependent, on)
    }

    /// Takes a dependency back, and says whether there was one.
    pub fn remove(&self, dependent: &Target, on: &Target) -> bool {
        self.shared.dependencies.remove(dependent, on)
    }

    /// All that were declared, in order.
    #[must_use]
    pub fn list(&self) -> Vec<Dependency> {
        self.shared.dependencies.list()
    }

    /// What an invalidation of these targets would reach. Nothing is invalidated.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`, `InvalidTag` or `InvalidKey`.
    pub fn cascade(&self, targets: &[Target]) -> Result<Cascade> {
        let keyspace = &self.shared.keyspace;
        for target in targets {
            check(target, keyspace)?;
        }
        Ok(self.shared.dependencies.cascade(targets, keyspace))
    }
}

/// Refuses what can't be a target in a cache with these namespaces.
pub(crate) fn check(target: &Target, keyspace: &larder_keyspace::Keyspace) -> Result<()> {
    if let Some(name) = target.namespace_name() {
        keyspace.get(name)?;
    }
    target.validate()
}

/// What of a cascade is invalidated together.
#[derive(Debug, Default)]
struct Level {
    /// The epochs of tags.
    tags: Vec<Key>,
    namespaces: Vec<NamespaceHandle>,
    /// Single keys, by namespace.
    keys: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Those of the keys, in their order.
    handles: Vec<NamespaceHandle>,
}

impl Level {
    async fn invalidate(&self, shared: &Shared, effect: Invalidation) -> Result<u64> {
        let epochs = self.epochs(shared);
        for batch in epochs.chunks(BATCH) {
            let batch = batch.iter().map(|key| (key.clone(), Vec::new()));
            let changing = shared.change_epochs(batch.collect(), effect, self.only_space());
            changing.await?;
        }
        self.tell(shared);
        let mut entries = 0;
        for (namespace, keys) in self.handles.iter().zip(self.keys.values()) {
            let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
            for batch in keys.chunks(BATCH) {
                let mut budget = shared.budget(None);
                // The patterns may be others than when the key was set or declared.
                let physical = shared.stored_keys(&namespace.settings(), batch)?;
                entries += match effect {
                    Invalidation::Hard => {
                        namespace.delete_keys(batch, &physical, &mut budget).await
                    }
                    Invalidation::Soft => {
                        let marking = namespace.mark_keys_stale(batch, &physical, &mut budget);
                        marking.await
                    }
                }?;
            }
        }
        Ok(entries)
    }

    fn epochs(&self, shared: &Shared) -> Vec<Key> {
        let prefix = shared.keyspace.prefix();
        let namespaces = self.namespaces.iter();
        let namespaces = namespaces.map(|of| prefix.namespace_epoch(&of.settings().prefix));
        self.tags.iter().cloned().chain(namespaces).collect()
    }

    /// The namespace that stands on all of the epochs; `None`: any may.
    fn only_space(&self) -> Option<u32> {
        match (&*self.tags, &*self.namespaces) {
            ([], [namespace]) => Some(namespace.space.id()),
            _ => None,
        }
    }

    fn tell(&self, shared: &Shared) {
        if !self.tags.is_empty() {
            let (space, tags) = (None, self.tags.len());
            shared.observers.emit(&Event::Invalidated { space, tags });
        }
        for namespace in &self.namespaces {
            let (space, tags) = (Some(namespace.space()), 0);
            shared.observers.emit(&Event::Invalidated { space, tags });
        }
    }

    /// It may have been invalidated or not: nothing that is known of it counts, and it is
    /// invalidated in the background.
    fn doubt(&self, shared: &Shared) {
        let epochs = self.epochs(shared);
        if !epochs.is_empty() {
            drop(ChangingEpochs::begin(shared, &epochs, self.only_space()));
        }
        for (namespace, keys) in self.handles.iter().zip(self.keys.values()) {
            let keys = keys.iter().map(AsRef::as_ref);
            drop(Change::begin(shared, &namespace.space, keys));
        }
    }
}

/// The levels of a cascade that were not confirmed yet. Dropped before they are, they become
/// pending, so that nothing of the cascade is forgotten.
struct Ahead<'a> {
    shared: &'a Shared,
    levels: VecDeque<Level>,
}

impl Ahead<'_> {
    fn targets(&self) -> usize {
        let of_level = |level: &Level| {
            let keys: usize = level.keys.values().map(Vec::len).sum();
            level.tags.len() + level.namespaces.len() + keys
        };
        self.levels.iter().map(of_level).sum()
    }
}

impl Drop for Ahead<'_> {
    fn drop(&mut self) {
        for level in &self.levels {
            level.doubt(self.shared);
        }
    }
}
