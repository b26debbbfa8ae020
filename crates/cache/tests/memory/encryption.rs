//! Encrypted namespaces: what is stored can be read by those who have the key, in its own place.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_cache::{Cache, ReencryptOptions, SetOptions, TypedCache};
use larder_cache_core::{
    Backend, Bytes, Cipher, Claim, Encryption, Entry, EntryId, ErrorKind, Header, Key, KeyPrefix,
    Kind, LeaseRequest, Namespace, Tags,
};
use larder_encryption::{EncryptionKey, KeyRing};

use crate::world::{CALL, Database, TTL, World, physical, process};

fn key(id: u32) -> EncryptionKey {
    EncryptionKey::new(id, [u8::try_from(id).unwrap(); 32]).unwrap()
}

fn ring(ids: &[u32]) -> Arc<KeyRing> {
    let ring = KeyRing::new(key(ids[0]));
    for id in &ids[1..] {
        ring.add(key(*id)).unwrap();
    }
    Arc::new(ring)
}

/// A process with these keys, of which the first encrypts, over the backend of the world.
struct Process {
    cache: Cache,
    users: TypedCache<String>,
}

impl Process {
    fn of(world: &World, ring: Arc<KeyRing>) -> Self {
        let builder = process(&world.clock).l1_bytes(0).cipher(ring);
        let cache = builder.build(world.backend.clone()).unwrap();
        for name in ["users", "remote"] {
            let encrypt = |n: Namespace| n.encryption(Encryption::On);
            cache.update_namespace(name, encrypt).unwrap();
        }
        let users = cache.namespace("users").unwrap().typed();
        Self { cache, users }
    }

    async fn get(&self, key: &str) -> Option<String> {
        let found = self.users.get(key).await.unwrap();
        found.map(|value| (*value).clone())
    }

    /// The planted bytes are a miss for this reason, and the next load repairs them.
    async fn check_miss(&self, world: &World, planted: Bytes, reason: &str) {
        world.plant("7", planted).await;
        let before = self.misses(reason);
        assert_eq!(self.get("7").await, None, "{reason}");
        assert_eq!(self.misses(reason), before + 1, "{:?}", self.users.stats());
        let loaded = self
            .users
            .get_or_load("7", Database::new().finds("repaired"));
        assert_eq!(*loaded.await.unwrap(), "repaired");
        assert_eq!(self.get("7").await.unwrap(), "repaired");
        self.users.delete("7").await.unwrap();
    }

    fn misses(&self, reason: &str) -> u64 {
        let reasons = self.users.stats().miss_reasons;
        let found = reasons.iter().find(|(of, _)| *of == reason);
        found.map_or(0, |(_, count)| *count)
    }
}

async fn stored(world: &World, key: &str) -> Entry {
    Entry::decode(&world.stored(key).await.unwrap()).unwrap()
}

fn entry(header: Header, body: impl Into<Bytes>) -> Bytes {
    let body = body.into();
    Entry { header, body }.encode()
}

const SECRET: &str = "the secret of the seventh user";

#[tokio::test]
async fn what_is_stored_is_unreadable_without_the_key() {
    let world = World::new();
    let one = Process::of(&world, ring(&[1]));
    one.users.set("7", SECRET.to_owned()).await.unwrap();
    let bytes = world.stored("7").await.unwrap();
    let part = &SECRET.as_bytes()[..8];
    assert!(!bytes.windows(part.len()).any(|window| window == part));
    assert_eq!(stored(&world, "7").await.header.encryption_key, 1);
    assert_eq!(one.get("7").await.unwrap(), SECRET);
    assert_eq!(
        Process::of(&world, ring(&[1])).get("7").await.unwrap(),
        SECRET
    );
    let other = Process::of(&world, ring(&[2]));
    assert_eq!(other.get("7").await, None);
    assert_eq!(other.misses("unknown_encryption_key"), 1);
    assert!(!other.users.exists("7").await.unwrap(), "as `get` has it");
    // Without a cipher it is a miss as well.
    assert_eq!(world.elsewhere().get("7").await.unwrap(), None);
}

#[tokio::test]
async fn values_are_useless_in_another_place_or_under_another_header() {
    let world = World::new();
    let one = Process::of(&world, ring(&[1]));
    one.users.set("8", SECRET.to_owned()).await.unwrap();
    let Entry { header, body } = stored(&world, "8").await;
    one.check_miss(&world, entry(header.clone(), body.clone()), "unauthentic")
        .await;
    one.users.set("7", SECRET.to_owned()).await.unwrap();
    let Entry { header, body } = stored(&world, "7").await;
    assert_eq!(one.get("7").await.unwrap(), SECRET);
    let changed: [fn(&mut Header); 6] = [
        |header| header.format = 2,
        |header| header.compression = 1,
        |header| header.schema = 8,
        |header| header.created = header.created.after(Duration::from_millis(1)),
        |header| header.plain_bytes += 1,
        |header| header.load_cost = Duration::from_secs(1),
    ];
    for (number, change) in changed.into_iter().enumerate() {
        let mut header = header.clone();
        change(&mut header);
        // Compression that nobody knows is seen before.
        let reason = if number == 1 {
            "undecodable"
        } else {
            "unauthentic"
        };
        one.check_miss(&world, entry(header, body.clone()), reason)
            .await;
    }
    for length in [0, 1, 12, 27, body.len() - 1] {
        let truncated = entry(header.clone(), body.slice(..length));
        one.check_miss(&world, truncated, "unauthentic").await;
    }
    for bit in 0..body.len() * 8 {
        let mut flipped = body.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        world.plant("7", entry(header.clone(), flipped)).await;
        assert_eq!(one.get("7").await, None, "bit {bit}");
    }
}

/// The same key in another namespace is another place.
#[tokio::test]
async fn values_do_not_move_between_namespaces() {
    let world = World::new();
    let one = Process::of(&world, ring(&[1]));
    let remote: TypedCache<String> = one.cache.namespace("remote").unwrap().typed();
    remote.set("7", SECRET.to_owned()).await.unwrap();
    let there = KeyPrefix::new("app").unwrap().value("remote", "7").unwrap();
    let bytes = world
        .backend
        .get(&[there], CALL)
        .await
        .unwrap()
        .pop()
        .unwrap();
    let mut moved = Entry::decode(&bytes.unwrap()).unwrap();
    moved.header.namespace_epoch = world.header(Kind::Value).await.namespace_epoch;
    one.check_miss(&world, moved.encode(), "unauthentic").await;
}

#[tokio::test]
async fn another_key_under_the_same_id_reads_nothing() {
    let world = World::new();
    let one = Process::of(&world, ring(&[1]));
    one.users.set("7", SECRET.to_owned()).await.unwrap();
    let same_id = EncryptionKey::new(1, [9; 32]).unwrap();
    let other = Process::of(&world, Arc::new(KeyRing::new(same_id)));
    assert_eq!(other.get("7").await, None);
    assert_eq!(other.misses("unauthentic"), 1);
}

/// Neither a readable value nor a readable "there is none" is believed.
#[tokio::test]
async fn plain_entries_are_misses_where_encryption_is_on() {
    let world = World::new();
    let one = Process::of(&world, ring(&[1]));
    let mut header = world.header(Kind::Value).await;
    (header.format, header.plain_bytes) = (1, 4);
    one.check_miss(&world, entry(header, &b"\xA3Eve"[..]), "unencrypted")
        .await;
    let absent = world.header(Kind::Absent).await;
    world.plant("7", entry(absent.clone(), Bytes::new())).await;
    let loaded = one.users.get_or_load("7", Database::new().finds("there"));
    assert_eq!(*loaded.await.unwrap(), "there");
    one.users.delete("7").await.unwrap();
    let mut forged = absent;
    forged.encryption_key = 1;
    one.check_miss(&world, entry(forged, Bytes::new()), "unauthentic")
        .await;
}

#[tokio::test]
async fn absence_is_remembered_under_encryption_too() {
    let world = World::new();
    let one = Process::of(&world, ring(&[1]));
    let database = Database::new();
    for _ in 0..3 {
        let request = one.users.load("7");
        let database = database.clone();
        let found = request.with(move || async move {
            Ok::<_, crate::world::DbError>(database.query(None::<String>).await)
        });
        assert_eq!(found.await.unwrap(), None);
    }
    assert_eq!(database.queries(), 1);
    assert_ne!(stored(&world, "7").await.header.encryption_key, 0);
}

/// What was invalidated stays so, whoever puts its bytes back.
#[tokio::test]
async fn a_replayed_value_is_as_invalid_as_it_was() {
    let world = World::new();
    let one = Process::of(&world, ring(&[1]));
    let tagged = SetOptions::new().tags(["team"]);
    one.users
        .set_with("7", SECRET.to_owned(), tagged)
        .await
        .unwrap();
    let bytes = world.stored("7").await.unwrap();
    one.users
        .invalidate_tags(Tags::any(["team"]))
        .await
        .unwrap();
    world.plant("7", bytes).await;
    assert_eq!(one.get("7").await, None);
    assert_eq!(one.misses("invalidated"), 1);
}

#[tokio::test]
async fn rotation_leaves_nothing_unreadable() {
    let world = World::new();
    let keys = ring(&[1]);
    let one = Process::of(&world, keys.clone());
    let tagged = SetOptions::new().tags(["team"]);
    for number in 0..150 {
        let (key, value) = (number.to_string(), format!("{SECRET} {number}"));
        one.users
            .set_with(&key, value, tagged.clone())
            .await
            .unwrap();
    }
    keys.add(key(2)).unwrap();
    keys.use_key(2).unwrap();
    one.users.set("new", SECRET.to_owned()).await.unwrap();
    world.clock.advance(Duration::from_secs(20));
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let options = ReencryptOptions::new()
        .entries_per_second(0)
        .on_progress(move |report| tell.lock().unwrap().push(report.reencrypted));
    let report = one.users.reencrypt(options.clone()).await.unwrap();
    assert_eq!(
        (report.reencrypted, report.up_to_date),
        (150, 1),
        "{report:?}"
    );
    assert_eq!((report.unreadable, report.contended), (0, 0));
    assert!(report.is_complete());
    assert_eq!(*told.lock().unwrap(), [64, 128, 150]);
    keys.retire(1).unwrap();
    for number in 0..150 {
        let key = number.to_string();
        assert_eq!(one.get(&key).await.unwrap(), format!("{SECRET} {number}"));
        let ttl = one.users.ttl(&key).await.unwrap().unwrap().duration();
        assert_eq!(ttl, Some(TTL - Duration::from_secs(20)), "{key}");
    }
    let again = one.users.reencrypt(options).await.unwrap();
    assert_eq!((again.reencrypted, again.up_to_date), (0, 151));
    one.users
        .invalidate_tags(Tags::any(["team"]))
        .await
        .unwrap();
    assert_eq!(one.get("7").await, None, "its tags went with it");
    assert!(one.get("new").await.is_some());
}

/// What somebody else is loading is left to him, and what nobody can read to the next load.
#[tokio::test]
async fn reencryption_says_what_it_left() {
    let world = World::new();
    let keys = ring(&[1, 2]);
    let one = Process::of(&world, keys.clone());
    for key in ["7", "8", "9"] {
        one.users.set(key, SECRET.to_owned()).await.unwrap();
    }
    let Entry { mut header, body } = stored(&world, "9").await;
    world
        .plant(
            "plain",
            entry(world.header(Kind::Value).await, Bytes::new()),
        )
        .await;
    header.load_cost = Duration::from_secs(1);
    world.plant("9", entry(header, body)).await;
    lease(&world, physical("8")).await;
    keys.use_key(2).unwrap();
    let report = one.users.reencrypt(ReencryptOptions::new()).await.unwrap();
    assert_eq!((report.examined, report.reencrypted), (4, 1), "{report:?}");
    assert_eq!((report.unreadable, report.contended), (2, 1));
    assert!(!report.is_complete());
    assert_eq!(one.get("8").await.unwrap(), SECRET);
    assert_eq!(stored(&world, "7").await.header.encryption_key, 2);
    assert_eq!(stored(&world, "8").await.header.encryption_key, 1);
}

async fn lease(world: &World, key: Key) {
    let id = EntryId::of(&world.stored("8").await.unwrap());
    let request = LeaseRequest {
        key,
        token: 99,
        lasts: Duration::from_secs(5),
        claim: Claim::Renew(id),
    };
    world.backend.lease(&[request], CALL).await.unwrap();
}

#[tokio::test]
async fn only_encrypted_namespaces_can_be_reencrypted() {
    let world = World::new();
    let refused = world.users().reencrypt(ReencryptOptions::new()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.to_string().contains("users"), "{refused}");
}

/// Readers and writers never notice a rotation. (Fault test 41.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_under_load_fails_nobody() {
    let world = World::new();
    let keys = ring(&[1]);
    let one = Arc::new(Process::of(&world, keys.clone()));
    for number in 0..50 {
        one.users
            .set(number.to_string(), SECRET.to_owned())
            .await
            .unwrap();
    }
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let busy = Arc::new(tokio::sync::RwLock::new(()));
    let load = |seed: u64| {
        let (one, stop, busy) = (one.clone(), stop.clone(), busy.clone());
        tokio::spawn(async move {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut reads = 0_u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let key = rng.u32(..50).to_string();
                let _busy = busy.read().await;
                if rng.bool() {
                    one.users.set(&key, SECRET.to_owned()).await.unwrap();
                } else {
                    assert_eq!(one.get(&key).await.as_deref(), Some(SECRET), "{key}");
                    reads += 1;
                }
                tokio::task::yield_now().await;
            }
            reads
        })
    };
    let loads: Vec<_> = (0..4).map(load).collect();
    for id in 2..12 {
        keys.add(key(id)).unwrap();
        keys.use_key(id).unwrap();
        // No write that chose its key before is on its way any more.
        drop(busy.write().await);
        loop {
            let report = one
                .users
                .reencrypt(ReencryptOptions::new().entries_per_second(0));
            let report = report.await.unwrap();
            assert_eq!(report.unreadable, 0);
            if report.reencrypted + report.contended == 0 {
                break;
            }
        }
        // Nobody has read before what he will decrypt after.
        drop(busy.write().await);
        keys.retire(id - 1).unwrap();
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for load in loads {
        assert!(load.await.unwrap() > 0);
    }
    assert_eq!(
        one.misses("unknown_encryption_key") + one.misses("unauthentic"),
        0
    );
}

/// A journal that outlives the process needs a key that does so too.
#[tokio::test]
async fn values_travel_encrypted_or_not_at_all() {
    use larder_cache_core::Durability;

    let world = World::new();
    let one = Process::of(&world, ring(&[1]));
    let bytes = one.users.to_bytes("7", &SECRET.to_owned()).unwrap();
    assert_eq!(one.users.from_bytes("7", &bytes).unwrap(), SECRET);
    assert!(
        one.users.from_bytes("8", &bytes).is_err(),
        "it is bound to its key"
    );
    one.users.check_transport(Durability::PowerLoss).unwrap();
    let own = Process::of(&world, Arc::new(KeyRing::ephemeral().unwrap()));
    own.users.check_transport(Durability::Process).unwrap();
    let refused = own.users.check_transport(Durability::Crash).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(
        refused.to_string().contains("ends with the process"),
        "{refused}"
    );
    assert!(!KeyRing::ephemeral().unwrap().is_lasting());
}
