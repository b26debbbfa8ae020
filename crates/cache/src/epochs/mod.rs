//! What is known of epochs, and what entries are worth by them.

mod judge;
mod late;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_cache_core::{
    Epoch, EpochChange, EpochRecord, EpochRequest, Error, ErrorKind, Header, Invalidation, Key, L1,
    Namespace, Result, Standing, Tag, TagEpoch,
};

use crate::guards::Guard;
use crate::l1::{EpochGeneration, EpochMoment, Marks, Memory};
use crate::shared::{Budget, Shared};
use crate::writing::Terms;

pub(crate) use self::judge::Judge;

/// How long the backend keeps an epoch that nobody changes. When it goes, what stands on it
/// is a miss.
const EPOCH_TTL: Duration = Duration::from_secs(30 * 86_400);

/// The most epochs that are remembered: some dozen megabytes.
const MOST: usize = 100_000;

const SHARDS: usize = 16;

/// The epochs that this process has read.
#[derive(Debug)]
pub(crate) struct Epochs {
    namespaces: Table,
    tags: Box<[Table]>,
    /// How many were read until now.
    reads: AtomicU64,
}

/// Epochs by the name of what they are of.
type Table = Mutex<HashMap<Box<str>, Known>>;

/// An epoch's record as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    record: Arc<EpochRecord>,
    /// Of the epoch, before it was asked for.
    generation: EpochGeneration,
    /// Which of all reads it came from.
    read: u64,
}

/// Whose epoch.
#[derive(Clone, Copy, Debug)]
enum Of<'a> {
    Namespace(&'a str),
    Tag(&'a Tag),
}

/// Where epochs come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From memory where that can be trusted, else from the backend.
    Memory,
    /// From memory where it is known. It may be outdated, and what stands on it invalid.
    Held,
    /// From the backend.
    Backend,
}

/// The epochs of a namespace and of some tags.
#[derive(Clone, Debug)]
pub(crate) struct View {
    namespace: Known,
    /// Sorted by tag.
    tags: Vec<(Tag, Known)>,
}

/// The epochs that a load or a write begins with.
#[derive(Debug)]
pub(crate) struct Captured {
    view: View,
    moment: EpochMoment,
    /// How many epochs had been read before.
    reads: u64,
}

/// What an entry stands on.
#[derive(Clone, Debug)]
pub(crate) struct Stand {
    pub(crate) namespace: Epoch,
    pub(crate) tags: Vec<TagEpoch>,
    /// `None`: what stands on it can't be kept in L1.
    pub(crate) marks: Option<Marks>,
}

impl Epochs {
    pub(crate) fn new() -> Self {
        Self {
            namespaces: Mutex::default(),
            tags: (0..SHARDS).map(|_| Mutex::default()).collect(),
            reads: AtomicU64::new(0),
        }
    }

    fn get(&self, of: Of<'_>) -> Option<Known> {
        self.table(of).get(of.name()).cloned()
    }

    fn insert(&self, of: Of<'_>, record: EpochRecord, generation: EpochGeneration) -> Known {
        let known = Known {
            record: Arc::new(record),
            generation,
            read: self.reads.fetch_add(1, Ordering::AcqRel) + 1,
        };
        // What no entry can stand on is looked for again.
        if !is_valid(&known.record) {
            return known;
        }
        let mut table = self.table(of);
        if table.len() >= MOST / SHARDS {
            table.clear();
        }
        table.insert(of.name().into(), known.clone());
        known
    }

    fn table(&self, of: Of<'_>) -> MutexGuard<'_, HashMap<Box<str>, Known>> {
        let table = match of {
            Of::Namespace(_) => &self.namespaces,
            Of::Tag(tag) => {
                let bytes = tag.as_str().bytes();
                let sum = bytes.fold(0_usize, |sum, byte| {
                    sum.wrapping_mul(31) + usize::from(byte)
                });
                &self.tags[sum % SHARDS]
            }
        };
        table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Of<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Namespace(prefix) => prefix,
            Self::Tag(tag) => tag.as_str(),
        }
    }
}

impl View {
    /// What an entry is worth, and what it stands on. A tag that is not in view is never
    /// valid.
    pub(crate) fn judge(&self, header: &Header, l1: &Memory) -> (Standing, Option<Marks>) {
        let has = |tag: &Tag| header.tags.binary_search_by(|of| of.tag.cmp(tag)).is_ok();
        let namespace = self.namespace.record.of_entry(&[]);
        let mut standing = header.namespace_epoch.standing(namespace);
        let mut generations = Vec::with_capacity(1 + header.tags.len());
        generations.push(self.namespace.generation);
        for TagEpoch { tag, epoch } in &header.tags {
            let now = match self.of(tag) {
                Some(known) => {
                    generations.push(known.generation);
                    known.record.of_entry_with(has)
                }
                None => Epoch::UNKNOWN,
            };
            standing = standing.max(epoch.standing(now));
        }
        (standing, l1.marks(&generations))
    }

    /// What an entry with these tags, which are sorted, stands on.
    fn stand(&self, tags: &[Tag], l1: &Memory) -> Stand {
        let mut generations = Vec::with_capacity(1 + tags.len());
        generations.push(self.namespace.generation);
        let mut stored = Vec::with_capacity(tags.len());
        for tag in tags {
            let known = self.of(tag);
            generations.extend(known.map(|known| known.generation));
            let epoch = known.map(|known| known.record.of_entry(tags));
            stored.push(TagEpoch {
                tag: tag.clone(),
                epoch: epoch.unwrap_or(Epoch::UNKNOWN),
            });
        }
        Stand {
            namespace: self.namespace.record.of_entry(&[]),
            tags: stored,
            marks: l1.marks(&generations),
        }
    }

    fn of(&self, tag: &Tag) -> Option<&Known> {
        let at = self.tags.binary_search_by(|(of, _)| of.cmp(tag)).ok()?;
        Some(&self.tags[at].1)
    }

    fn extend(&mut self, tags: impl IntoIterator<Item = (Tag, Known)>) {
        self.tags.extend(tags);
        self.tags
            .sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    }
}

impl Shared {
    /// The epochs that a load or a write with these tags begins with.
    pub(crate) async fn capture(
        &self,
        settings: &Namespace,
        tags: &[Tag],
        budget: &mut Budget,
    ) -> Result<Captured> {
        let moment = self.l1.epoch_moment();
        let reads = self.epochs.reads.load(Ordering::Acquire);
        let view = self.view(settings, tags, Source::Held, budget).await?;
        Ok(Captured {
            view,
            moment,
            reads,
        })
    }

    /// What a write on these terms stands on, as of now.
    pub(crate) async fn stand(
        &self,
        settings: &Namespace,
        terms: &Terms,
        budget: &mut Budget,
    ) -> Result<Stand> {
        let view = self.view(settings, &terms.tags, Source::Held, budget);
        Ok(view.await?.stand(&terms.tags, &self.l1))
    }

    /// The epochs of a namespace and of tags. Those that are not there are made.
    pub(crate) async fn view(
        &self,
        settings: &Namespace,
        tags: &[Tag],
        source: Source,
        budget: &mut Budget,
    ) -> Result<View> {
        let trusted = match source {
            Source::Backend => false,
            Source::Memory => self.trusts_epochs(settings),
            Source::Held => self.holds_epochs(settings),
        };
        let known = |of| {
            let known = self.epochs.get(of).filter(|_| trusted)?;
            let current = self.l1.is_epoch_current(known.generation)
                || !self.guards.hold(Guard::TrackedEpochs);
            current.then_some(known)
        };
        let namespace = Of::Namespace(&settings.prefix);
        let known_namespace = known(namespace);
        let mut unknown: Vec<Of<'_>> = Vec::new();
        if known_namespace.is_none() {
            unknown.push(namespace);
        }
        let mut named: Vec<&Tag> = tags.iter().collect();
        named.sort_unstable();
        named.dedup();
        let known_tags: Vec<_> = named.iter().map(|tag| known(Of::Tag(tag))).collect();
        let unknown_tags = named.iter().zip(&known_tags);
        let unknown_tags = unknown_tags.filter(|(_, known)| known.is_none());
        unknown.extend(unknown_tags.map(|(tag, _)| Of::Tag(tag)));
        let mut read = Vec::new().into_iter();
        if !unknown.is_empty() {
            let reading = Box::pin(self.read_epochs(&unknown, budget));
            read = reading.await?.into_iter();
        }
        let namespace = known_namespace
            .or_else(|| read.next())
            .ok_or_else(unanswered)?;
        let mut view = Vec::with_capacity(named.len());
        for (tag, known) in named.into_iter().zip(known_tags) {
            let known = known.or_else(|| read.next()).ok_or_else(unanswered)?;
            view.push((tag.clone(), known));
        }
        Ok(View {
            namespace,
            tags: view,
        })
    }

    /// Whether epochs that were read before can be relied on.
    fn trusts_epochs(&self, settings: &Namespace) -> bool {
        if !self.is_shared() || !self.guards.hold(Guard::TrackedEpochs) {
            return true;
        }
        self.is_watched() && self.l1.is_told_within(staleness(settings))
    }

    /// Whether epochs that were read before are good enough to store something under: while
    /// one server of several is away, the others go on. Whoever is told of changes will be
    /// told that these were outdated.
    fn holds_epochs(&self, settings: &Namespace) -> bool {
        self.trusts_epochs(settings) || (self.is_watched() && self.l1.behind().is_some())
    }

    async fn read_epochs(&self, of: &[Of<'_>], budget: &mut Budget) -> Result<Vec<Known>> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<Key> = of.iter().map(|of| self.epoch_key(*of)).collect();
        let generations: Vec<_> = keys.iter().map(|key| self.l1.sample_epoch(key)).collect();
        let requests: Vec<_> = keys.iter().map(|key| self.epoch_request(key)).collect();
        let backend = &self.backend;
        let mut stored = self
            .call("epochs", budget, |call| {
                backend.epochs(&requests, EPOCH_TTL, call)
            })
            .await?
            .into_iter();
        let mut known = Vec::with_capacity(of.len());
        for ((of, key), generation) in of.iter().zip(&keys).zip(generations) {
            let record = match stored.next().ok_or_else(unanswered)? {
                Some(stored) => match EpochRecord::decode(&stored).filter(is_valid) {
                    Some(record) => record,
                    None => self.replace_epoch(key, budget).await?,
                },
                None => EpochRecord::new(Epoch::UNKNOWN),
            };
            known.push(self.epochs.insert(*of, record, generation));
        }
        Ok(known)
    }

    fn epoch_request(&self, key: &Key) -> EpochRequest {
        EpochRequest {
            key: key.clone(),
            proposed: Epoch {
                hard: self.fresh(),
                soft: self.fresh(),
            },
        }
    }

    /// Puts an epoch in the place of what is none.
    async fn replace_epoch(&self, key: &Key, budget: &mut Budget) -> Result<EpochRecord> {
        let change = self.epoch_change(key.clone(), Vec::new(), Invalidation::Hard);
        let backend = &self.backend;
        let changes = std::slice::from_ref(&change);
        self.call("renew", budget, |call| backend.renew(changes, call))
            .await?;
        Ok(EpochRecord::new(Epoch::UNKNOWN))
    }

    pub(crate) fn epoch_change(
        &self,
        key: Key,
        others: Vec<Tag>,
        effect: Invalidation,
    ) -> EpochChange {
        EpochChange {
            key,
            others,
            effect,
            fresh: self.fresh(),
        }
    }

    fn epoch_key(&self, of: Of<'_>) -> Key {
        let prefix = self.keyspace.prefix();
        match of {
            Of::Namespace(name) => prefix.namespace_epoch(name),
            Of::Tag(tag) => prefix.tag_epoch(tag),
        }
    }

    /// A number that was never used before, and is not zero.
    pub(crate) fn fresh(&self) -> u64 {
        if !self.guards.hold(Guard::FreshTokens) {
            return 1;
        }
        self.random.next_u64().max(1)
    }

    /// Whether an epoch that an entry stands on was to be changed, and may not have been.
    pub(crate) fn is_epoch_pending(&self, settings: &Namespace, header: &Header) -> bool {
        if self.pending.count() == 0 {
            return false;
        }
        let tags = header.tags.iter().map(|tag| Of::Tag(&tag.tag));
        let mut of = tags.chain([Of::Namespace(&settings.prefix)]);
        of.any(|of| self.pending.holds(&self.epoch_key(of)))
    }
}

/// Whether an entry can stand on a record at all.
fn is_valid(record: &EpochRecord) -> bool {
    record.of_entry(&[]).standing(record.of_entry(&[])) == Standing::Valid
}

/// For how long the changes of others may go unseen in a namespace.
pub(crate) fn staleness(settings: &Namespace) -> Duration {
    match settings.l1 {
        L1::Coherent { max_staleness, .. } => max_staleness,
        _ => L1::MAX_STALENESS,
    }
}

fn unanswered() -> Error {
    Error::new(
        ErrorKind::Server,
        "the backend gave another kind of answer than epochs have",
    )
}
