//! Dictionaries: trained by one process, known to all, and never more than a saving.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_cache::{Cache, CacheBuilder, TypedCache};
use larder_cache_core::{
    Backend, Bytes, Codec, Coding, Compression, Cursor, Dictionaries, Dictionary, Encoded,
    Encryption, Entry, Error, ErrorKind, Glob, KeyPrefix, Place, Result,
};

use crate::world::{CALL, Database, World, process};

const ALGORITHM: u8 = 77;

/// A codec that leaves out what its dictionary begins with, which is its first sample.
#[derive(Debug, Default)]
struct Toy(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    sample: Option<Bytes>,
    known: HashMap<u32, Dictionary>,
    current: Option<u32>,
    trained: usize,
}

impl Codec for Toy {
    fn encode(&self, plain: &[u8], wanted: Compression, _: &Place<'_>) -> Result<Option<Encoded>> {
        let mut state = self.0.lock().unwrap();
        if wanted != Compression::Trained {
            return Ok(None);
        }
        let State { sample, .. } = &mut *state;
        sample.get_or_insert_with(|| Bytes::copy_from_slice(plain));
        let Some(current) = state.current.and_then(|id| state.known.get(&id)) else {
            return Ok(None);
        };
        let rest = plain.strip_prefix(&current.bytes()[..10]);
        Ok(rest.map(|rest| Encoded {
            bytes: Bytes::copy_from_slice(rest),
            coding: Coding {
                algorithm: ALGORITHM,
                dictionary: current.id(),
            },
        }))
    }

    fn can_decode(&self, coding: Coding) -> bool {
        let known = &self.0.lock().unwrap().known;
        let is_known = coding.dictionary == 0 || known.contains_key(&coding.dictionary);
        coding.algorithm == ALGORITHM && is_known
    }

    fn decode(&self, stored: &[u8], coding: Coding, _: usize) -> Result<Bytes> {
        let known = &self.0.lock().unwrap().known;
        let unknown = || Error::new(ErrorKind::Codec, "an unknown dictionary");
        let dictionary = known.get(&coding.dictionary).ok_or_else(unknown)?;
        Ok([&dictionary.bytes()[..10], stored].concat().into())
    }

    fn check(&self, _: Compression) -> Result<()> {
        Ok(())
    }

    fn dictionaries(&self) -> Option<&dyn Dictionaries> {
        Some(self)
    }
}

impl Dictionaries for Toy {
    fn train(&self, _: &str) -> Result<Option<Dictionary>> {
        let mut state = self.0.lock().unwrap();
        let sample = state.sample.clone();
        if sample.is_some() && state.current.is_none() {
            state.trained += 1;
            return Ok(sample.map(Dictionary::new));
        }
        Ok(None)
    }

    fn install(&self, _: &str, dictionary: &Dictionary) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        state.known.insert(dictionary.id(), dictionary.clone());
        Ok(())
    }

    fn adopt(&self, _: &str, id: Option<u32>) {
        self.0.lock().unwrap().current = id;
    }

    fn current(&self, _: &str) -> Option<Dictionary> {
        let state = self.0.lock().unwrap();
        state.known.get(&state.current?).cloned()
    }
}

/// A process with a codec of its own, over the backend of the world.
struct Process {
    cache: Cache,
    codec: Arc<Toy>,
    users: TypedCache<String>,
}

impl Process {
    fn of(world: &World) -> Self {
        Self::with(world, |builder| builder)
    }

    fn with(world: &World, configure: impl FnOnce(CacheBuilder) -> CacheBuilder) -> Self {
        let codec = Arc::new(Toy::default());
        let builder = process(&world.clock)
            .codec(codec.clone())
            .compression(Compression::Trained)
            .l1_bytes(0);
        let cache = configure(builder).build(world.backend.clone()).unwrap();
        let users = cache.namespace("users").unwrap().typed();
        Self {
            cache,
            codec,
            users,
        }
    }

    async fn set(&self, key: &str) {
        self.users.set(key, text(key)).await.unwrap();
        self.idle().await;
    }

    /// Until all that was begun in the background has ended.
    async fn idle(&self) {
        while self.cache.stats().background_tasks > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn get(&self, key: &str) -> Option<String> {
        let found = self.users.get(key).await.unwrap();
        found.map(|value| (*value).clone())
    }

    fn misses(&self, reason: &str) -> u64 {
        let reasons = self.users.stats().miss_reasons;
        let found = reasons.iter().find(|(of, _)| *of == reason);
        found.map_or(0, |(_, count)| *count)
    }

    fn current(&self) -> Option<u32> {
        self.codec.current("users").map(|current| current.id())
    }
}

/// All texts begin alike, and are of one length.
fn text(key: &str) -> String {
    format!("what all texts begin with {key:>5}")
}

async fn dictionary_of(world: &World, key: &str) -> u32 {
    let stored = world.stored(key).await.unwrap();
    Entry::decode(&stored).unwrap().header.dictionary
}

/// All keys of the backend that belong to dictionaries.
async fn published(world: &World) -> Vec<String> {
    let (all, start) = (Glob::new("app~dict:*"), Cursor::start());
    let page = world.backend.scan(start, &all, 1000, CALL).await.unwrap();
    page.keys
}

#[tokio::test]
async fn what_one_process_trains_all_can_read() {
    let world = World::new();
    let (one, other) = (Process::of(&world), Process::of(&world));
    one.set("1").await;
    assert_eq!(
        dictionary_of(&world, "1").await,
        0,
        "nothing was known of it"
    );
    one.set("2").await;
    let id = dictionary_of(&world, "2").await;
    assert_eq!(Some(id), one.current());
    assert_eq!(published(&world).await.len(), 2);
    assert_eq!(other.get("2").await, Some(text("2")), "it was fetched");
    assert_eq!(other.current(), None, "reading adopts nothing");
    assert!(other.users.exists("2").await.unwrap());
    other.set("3").await;
    assert_eq!(other.current(), Some(id), "the published one is adopted");
    let trained = |process: &Process| process.codec.0.lock().unwrap().trained;
    assert_eq!((trained(&one), trained(&other)), (1, 0));
}

#[tokio::test]
async fn existence_is_known_before_the_dictionary_is() {
    let world = World::new();
    let (one, other) = (Process::of(&world), Process::of(&world));
    one.set("1").await;
    one.set("2").await;
    assert!(other.users.exists("2").await.unwrap());
    assert_eq!(
        other.users.ttl("2").await.unwrap().unwrap().duration(),
        Some(crate::world::TTL)
    );
}

#[tokio::test]
async fn a_lost_dictionary_is_a_miss_and_the_next_load_repairs() {
    let world = World::new();
    let (one, other) = (Process::of(&world), Process::of(&world));
    one.set("1").await;
    one.set("2").await;
    lose_dictionaries(&world).await;
    assert_eq!(other.get("2").await, None);
    assert_eq!(other.misses("unknown_dictionary"), 1);
    let loaded = other.users.get_or_load("2", Database::new().finds("again"));
    assert_eq!(*loaded.await.unwrap(), "again");
    assert_eq!(other.get("2").await, Some("again".to_owned()));
}

/// Who writes with a dictionary puts it back in time.
#[tokio::test]
async fn a_lost_dictionary_is_published_again() {
    let world = World::new();
    let one = Process::of(&world);
    one.set("1").await;
    lose_dictionaries(&world).await;
    one.set("2").await;
    assert_eq!(Process::of(&world).get("2").await, None);
    world.clock.advance(Duration::from_secs(3601));
    one.set("3").await;
    assert_ne!(dictionary_of(&world, "3").await, 0);
    assert_eq!(Process::of(&world).get("3").await, Some(text("3")));
}

async fn lose_dictionaries(world: &World) {
    let keys = published(world).await;
    assert_eq!(keys.len(), 2);
    for key in keys {
        let prefix = KeyPrefix::new("app").unwrap();
        let name = key.rsplit(':').next().unwrap();
        let key = prefix.internal_in_slot("dict", "users", name).unwrap();
        assert_eq!(world.backend.delete(&[key], CALL).await.unwrap(), 1);
    }
}

/// A flood of unknown ids is not a flood of questions.
#[tokio::test]
async fn what_is_not_there_is_asked_for_once_a_second() {
    let world = World::new();
    let one = Process::of(&world);
    one.set("1").await;
    one.set("2").await;
    let reader = Arc::new(Toy::default());
    let other = World::with(|b| b.codec(reader).compression(Compression::Trained));
    let mut entry = Entry::decode(&world.stored("2").await.unwrap()).unwrap();
    entry.header.namespace_epoch = other
        .header(larder_cache_core::Kind::Value)
        .await
        .namespace_epoch;
    entry.header.dictionary = 12345;
    other.plant("2", entry.encode()).await;
    let asked = || other.events.count("call get");
    for _ in 0..10 {
        assert_eq!(other.users().get("2").await.unwrap(), None);
    }
    assert_eq!(asked(), 10, "as its head says that it is not there");
    other.clock.advance(Duration::from_secs(2));
    assert_eq!(other.users().get("2").await.unwrap(), None);
    assert_eq!(asked(), 11);
    assert_eq!(other.events.count("call head"), 2);
}

/// A dictionary consists of values: those of an encrypted namespace stay out of it.
#[tokio::test]
async fn encrypted_namespaces_train_nothing() {
    let world = World::new();
    let one = Process::of(&world);
    let encrypt = |n: larder_cache_core::Namespace| n.encryption(Encryption::On);
    one.cache.update_namespace("users", encrypt).unwrap();
    one.set("1").await;
    one.set("2").await;
    assert_eq!(one.current(), None);
    assert!(published(&world).await.is_empty());
}

/// What goes to other places than the cache can be read without asking the backend.
#[tokio::test]
async fn transported_values_need_no_dictionary() {
    let world = World::new();
    let one = Process::of(&world);
    one.set("1").await;
    one.set("2").await;
    assert!(one.current().is_some());
    let bytes = one.users.to_bytes("2", &text("2")).unwrap();
    let elsewhere = Process::of(&world);
    assert_eq!(elsewhere.users.from_bytes("2", &bytes).unwrap(), text("2"));
}

/// Damage in the backend is a dictionary that is not there.
#[tokio::test]
async fn a_damaged_dictionary_is_not_installed() {
    let world = World::new();
    let (one, other) = (Process::of(&world), Process::of(&world));
    one.set("1").await;
    one.set("2").await;
    let id = one.current().unwrap();
    let prefix = KeyPrefix::new("app").unwrap();
    let key = prefix
        .internal_in_slot("dict", "users", &format!("{id:08x}"))
        .unwrap();
    let stored = world
        .backend
        .get(std::slice::from_ref(&key), CALL)
        .await
        .unwrap()
        .pop()
        .unwrap();
    let mut entry = Entry::decode(&stored.unwrap()).unwrap();
    entry.body = Bytes::from_static(b"another dictionary, of another id");
    let write = larder_cache_core::Write {
        key,
        value: entry.encode(),
        ttl: None,
        condition: larder_cache_core::Condition::Always,
    };
    world.backend.set(&[write], CALL).await.unwrap();
    assert_eq!(other.get("2").await, None);
    assert_eq!(other.misses("unknown_dictionary"), 1);
}
