//! Dictionaries: trained by one process, kept in the backend for all.
//!
//! A dictionary stands under the id of its content and never changes; one more key names the
//! one that new values are compressed with. Both are entries, so that damage is seen. A
//! dictionary that is gone makes the values that need it misses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use larder_cache_core::{
    Bytes, Codec, Coding, Condition, Dictionary, Encryption, Entry, ErrorKind, Event, Freshness,
    Head, Header, Key, Kind, Moment, Namespace, Result, Write, entry::MAX_HEADER_BYTES,
};

use crate::shared::{Budget, Shared, SpaceState};

/// How long the backend keeps a dictionary that nobody writes with any more.
const DICTIONARY_TTL: Duration = Duration::from_secs(30 * 86_400);

/// How often a process that writes looks for what others have published, and trains.
const TEND_EVERY: Duration = Duration::from_secs(2);

/// How often a process that writes puts its dictionary into the backend again.
const RENEW_EVERY: Duration = Duration::from_secs(3600);

/// For how long a dictionary that was not there is not asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The most bytes that are read as a dictionary, header included. Trained ones have 16 KiB.
const MOST_BYTES: usize = 1 << 20;

/// The most dictionaries that are remembered not to be there.
const MOST_MISSING: usize = 1000;

/// What a process knows of the dictionaries of a namespace.
#[derive(Debug, Default)]
pub(crate) struct Tended(Mutex<Knowledge>);

#[derive(Debug, Default)]
struct Knowledge {
    tend_at: Option<Moment>,
    renew_at: Option<Moment>,
    /// The one that was last seen to be published.
    published: Option<u32>,
    /// Those that were not there, and when to ask again.
    missing: HashMap<u32, Moment>,
}

impl Tended {
    /// Whether it is time, which it is then for one caller alone.
    fn is_due(&self, now: Moment) -> bool {
        let tend_at = &mut self.lock().tend_at;
        let is_due = tend_at.is_none_or(|at| at <= now);
        if is_due {
            *tend_at = Some(now.after(TEND_EVERY));
        }
        is_due
    }

    fn is_renewal_due(&self, now: Moment) -> bool {
        self.lock().renew_at.is_none_or(|at| at <= now)
    }

    fn note_published(&self, id: u32, now: Moment) {
        let mut known = self.lock();
        known.published = Some(id);
        known.renew_at = Some(now.after(RENEW_EVERY));
    }

    fn may_ask(&self, id: u32, now: Moment) -> bool {
        self.lock().missing.get(&id).is_none_or(|at| *at <= now)
    }

    fn note_missing(&self, id: u32, now: Moment) {
        let missing = &mut self.lock().missing;
        if missing.len() >= MOST_MISSING {
            missing.clear();
        }
        missing.insert(id, now.after(ASK_AGAIN));
    }

    fn lock(&self) -> MutexGuard<'_, Knowledge> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Gets the dictionaries that entries were compressed with and that are not known here.
    pub(crate) async fn learn_dictionaries(
        &self,
        space: &SpaceState,
        settings: &Namespace,
        headers: impl Iterator<Item = &Header>,
        budget: &mut Budget,
    ) {
        let Some(codec) = &self.payload.codec else {
            return;
        };
        let now = self.clock.coarse();
        let unknown = headers.filter(|header| is_unknown(header, &**codec));
        let mut ids: Vec<u32> = unknown.map(|header| header.dictionary).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| space.dictionaries.may_ask(*id, now));
        if ids.is_empty() {
            return;
        }
        // What is in the way of a dictionary must not take the time of what needs none.
        let mut share = budget.half();
        let learned = Box::pin(self.learn(space, settings, &ids, &mut share)).await;
        budget.spend_like(share);
        let learned = learned.unwrap_or_else(|error| {
            tracing::debug!(%error, namespace = settings.name, "no dictionaries");
            Vec::new()
        });
        for id in ids {
            if !learned.contains(&id) {
                space.dictionaries.note_missing(id, now);
            }
        }
    }

    /// Installs those of these dictionaries that are there and sound, and says which.
    async fn learn(
        &self,
        space: &SpaceState,
        settings: &Namespace,
        ids: &[u32],
        budget: &mut Budget,
    ) -> Result<Vec<u32>> {
        let mut keys = Vec::with_capacity(ids.len());
        for id in ids {
            keys.push(self.dictionary_key(settings, &id_text(*id))?);
        }
        let backend = &self.backend;
        let heads = self.call("head", budget, |call| {
            backend.head(&keys, MAX_HEADER_BYTES, call)
        });
        let heads = heads.await?.into_iter();
        let fits = |head: Option<Head>| head.is_some_and(|head| head.total_bytes <= MOST_BYTES);
        let mut fit = heads.map(fits);
        keys.retain(|_| fit.next().unwrap_or(false));
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let stored = self.call("get", budget, |call| backend.get(&keys, call));
        let mut learned = Vec::new();
        for stored in stored.await?.into_iter().flatten() {
            let entry = Entry::decode(&stored).ok();
            let dictionary = entry.map(|entry| Dictionary::new(entry.body));
            let wanted = dictionary.filter(|found| ids.contains(&found.id()));
            if let Some(dictionary) = wanted
                && self.install(settings, &dictionary).is_ok()
            {
                learned.push(dictionary.id());
            }
        }
        let namespace = space.registered.name();
        tracing::debug!(namespace, ?learned, "dictionaries of other processes");
        Ok(learned)
    }

    /// Looks after the dictionary of a namespace that values are written to, in the background,
    /// where that is due.
    pub(crate) fn tend_dictionaries(&self, space: &SpaceState, settings: &Namespace) {
        let is_trained = self.payload.is_trained(settings);
        if !is_trained || !space.dictionaries.is_due(self.clock.coarse()) {
            return;
        }
        let me = Weak::clone(&self.me);
        let registered = Arc::clone(&space.registered);
        let name = format!("dictionary {}", settings.name);
        let spawned = self.tasks.spawn(name, async move {
            if let Some(shared) = me.upgrade() {
                let space = shared.spaces.of(registered);
                if let Err(error) = shared.tend(&space).await {
                    let namespace = space.registered.name();
                    tracing::debug!(%error, namespace, "its dictionary waits");
                }
            }
        });
        if spawned.is_err() {
            tracing::debug!("the cache is shut down: dictionaries stay as they are");
        }
    }

    async fn tend(&self, space: &SpaceState) -> Result<()> {
        let settings = space.settings();
        self.follow_published(space, &settings).await?;
        let Some(codec) = self.payload.codec.clone() else {
            return Ok(());
        };
        let name = settings.name.clone();
        let training = tokio::task::spawn_blocking(move || train(&*codec, &name));
        let trained = training.await.unwrap_or(Ok(None))?;
        if let Some(dictionary) = trained {
            self.publish(space, &settings, &dictionary).await?;
            return self.adopt(space, &settings, &dictionary);
        }
        let Some(current) = self.payload.current_dictionary(&settings.name) else {
            return Ok(());
        };
        let is_due = space.dictionaries.is_renewal_due(self.clock.coarse());
        if is_due || !self.is_published(&settings, current.id()).await? {
            self.publish(space, &settings, &current).await?;
        }
        Ok(())
    }

    /// Whether a dictionary is there, and named as the current one.
    async fn is_published(&self, settings: &Namespace, id: u32) -> Result<bool> {
        let mut budget = self.budget(None);
        let key = [self.dictionary_key(settings, &id_text(id))?];
        let backend = &self.backend;
        let there = self.call("exists", &mut budget, |call| backend.exists(&key, call));
        let there = there.await?.contains(&true);
        Ok(there && self.published(settings, &mut budget).await? == Some(id))
    }

    /// The id of the dictionary that is named as the current one.
    async fn published(&self, settings: &Namespace, budget: &mut Budget) -> Result<Option<u32>> {
        let named = self.dictionary_key(settings, CURRENT)?;
        let named = self.read_internal(named, budget).await?;
        let id = named.and_then(|id| id.first_chunk().copied());
        Ok(id.map(u32::from_le_bytes))
    }

    /// Writes with the dictionary that others have published since the last time.
    async fn follow_published(&self, space: &SpaceState, settings: &Namespace) -> Result<()> {
        let mut budget = self.budget(None);
        let Some(id) = self.published(settings, &mut budget).await? else {
            return Ok(());
        };
        if space.dictionaries.lock().published == Some(id) {
            return Ok(());
        }
        match self.read_dictionary(settings, id, &mut budget).await? {
            Some(dictionary) => {
                let now = self.clock.coarse();
                space.dictionaries.note_published(id, now);
                self.adopt(space, settings, &dictionary)
            }
            None => Ok(()),
        }
    }

    fn adopt(
        &self,
        space: &SpaceState,
        settings: &Namespace,
        dictionary: &Dictionary,
    ) -> Result<()> {
        self.install(settings, dictionary)?;
        if let Some(dictionaries) = self.payload.dictionaries() {
            dictionaries.adopt(&settings.name, Some(dictionary.id()));
        }
        let adopted = Event::DictionaryAdopted {
            space: space.registered.space(),
            dictionary: dictionary.id(),
            bytes: dictionary.bytes().len(),
        };
        self.emit(space, &adopted);
        Ok(())
    }

    fn install(&self, settings: &Namespace, dictionary: &Dictionary) -> Result<()> {
        match self.payload.dictionaries() {
            Some(dictionaries) => dictionaries.install(&settings.name, dictionary),
            None => Ok(()),
        }
    }

    /// Stores a dictionary, then the key that names it.
    async fn publish(
        &self,
        space: &SpaceState,
        settings: &Namespace,
        dictionary: &Dictionary,
    ) -> Result<()> {
        let id = Bytes::copy_from_slice(&dictionary.id().to_le_bytes());
        let content = (id_text(dictionary.id()), dictionary.bytes().clone());
        for (name, body) in [content, (CURRENT.to_owned(), id)] {
            let mut budget = self.budget(None);
            let key = self.dictionary_key(settings, &name)?;
            let write = self.internal_write(key, body, &mut budget).await?;
            let backend = &self.backend;
            let writes = std::slice::from_ref(&write);
            self.call("set", &mut budget, |call| backend.set(writes, call))
                .await?;
        }
        let now = self.clock.coarse();
        space.dictionaries.note_published(dictionary.id(), now);
        Ok(())
    }

    /// The write of something internal, to be kept for 30 days.
    pub(crate) async fn internal_write(
        &self,
        key: Key,
        body: Bytes,
        budget: &mut Budget,
    ) -> Result<Write> {
        let now = self.server_time(&key, budget).await?;
        let mut header = Header::new(Kind::Value, now);
        header.freshness = Freshness::from(now, None, Some(DICTIONARY_TTL));
        Ok(Write {
            value: Entry { header, body }.encode(),
            key,
            ttl: Some(DICTIONARY_TTL),
            condition: Condition::Always,
        })
    }

    async fn read_dictionary(
        &self,
        settings: &Namespace,
        id: u32,
        budget: &mut Budget,
    ) -> Result<Option<Dictionary>> {
        let key = self.dictionary_key(settings, &id_text(id))?;
        let found = self.read_internal(key, budget).await?.map(Dictionary::new);
        Ok(found.filter(|dictionary| dictionary.id() == id))
    }

    /// Reads something internal.
    pub(crate) async fn read_internal(
        &self,
        key: Key,
        budget: &mut Budget,
    ) -> Result<Option<Bytes>> {
        let (backend, keys) = (&self.backend, [key]);
        let found = self.call("get", budget, |call| backend.get(&keys, call));
        let stored = match found.await {
            // Something else stands there, and is overwritten when there is a dictionary.
            Err(error) if error.kind() == ErrorKind::WrongType => None,
            found => found?.pop().flatten(),
        };
        let entry = stored.and_then(|stored| Entry::decode(&stored).ok());
        Ok(entry.map(|entry| entry.body))
    }

    fn dictionary_key(&self, settings: &Namespace, name: &str) -> Result<Key> {
        let prefix = self.keyspace.prefix();
        prefix.internal_in_slot("dict", &settings.prefix, name)
    }
}

/// The key that names the dictionary that new values are compressed with.
const CURRENT: &str = "current";

fn id_text(id: u32) -> String {
    format!("{id:08x}")
}

fn train(codec: &dyn Codec, namespace: &str) -> Result<Option<Dictionary>> {
    match codec.dictionaries() {
        Some(dictionaries) => dictionaries.train(namespace),
        None => Ok(None),
    }
}

/// Whether only the dictionary is missing to read an entry.
fn is_unknown(header: &Header, codec: &dyn Codec) -> bool {
    let coding = |dictionary| Coding {
        algorithm: header.compression,
        dictionary,
    };
    header.dictionary != 0
        && codec.dictionaries().is_some()
        && codec.can_decode(coding(0))
        && !codec.can_decode(coding(header.dictionary))
}

/// Whether values of a namespace may leave traces in a dictionary, which is stored readable.
pub(crate) fn may_train(settings: &Namespace) -> bool {
    settings.encryption == Encryption::Off
}
