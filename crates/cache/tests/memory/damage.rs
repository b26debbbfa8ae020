//! Bytes in the backend that are not what the cache wrote: each is a miss with its reason,
//! never an error, and the next load puts it right.

use std::sync::Arc;

use futures_util::TryStreamExt;
use larder_cache_core::entry::MUTABLE_PART;
use larder_cache_core::{
    Algorithm, Bytes, Cacheable, Codec, Coding, Compression, Encoded, Entry, Header, Kind, Place,
    Result,
};
use larder_compression::{Optimizer, OptimizerOptions};

use crate::world::{Database, World, physical};

/// A sound entry, and what it consists of.
async fn sound(world: &World) -> (Bytes, Entry) {
    world.users().set("7", "Ada".to_owned()).await.unwrap();
    let stored = world.stored("7").await.unwrap();
    let entry = Entry::decode(&stored).unwrap();
    world.users().delete("7").await.unwrap();
    (stored, entry)
}

fn entry(header: Header, body: &[u8]) -> Bytes {
    let body = Bytes::copy_from_slice(body);
    Entry { header, body }.encode()
}

/// Everything that asks of the key says that there is nothing, and a load repairs it.
async fn check(world: &World, planted: Bytes, reason: &'static str) {
    let users = world.users();
    world.plant("7", planted.clone()).await;
    let before = misses(world, reason);
    assert_eq!(users.get("7").await.unwrap(), None, "{reason}: {planted:?}");
    assert!(users.get_many(["7"]).await.unwrap().is_empty());
    let replies = users.pipeline().get("7").run().await.unwrap();
    let reply = replies.into_iter().next().unwrap();
    assert_eq!(reply.unwrap().into_value(), None);
    assert_eq!(misses(world, reason), before + 3, "{:?}", users.stats());
    let loaded = users.get_or_load("7", Database::new().finds("repaired"));
    assert_eq!(*loaded.await.unwrap(), "repaired", "{reason}");
    assert_eq!(
        *world.elsewhere().get("7").await.unwrap().unwrap(),
        "repaired"
    );
    users.delete("7").await.unwrap();
}

/// What the header tells, `exists`, `ttl`, `expire` and `scan` know as well.
async fn check_unseen(world: &World, planted: Bytes) {
    let users = world.users();
    world.plant("7", planted).await;
    assert!(!users.exists("7").await.unwrap());
    assert_eq!(users.ttl("7").await.unwrap(), None);
    assert!(!users.expire("7", crate::world::TTL).await.unwrap());
    let keys: Vec<Vec<String>> = users.keys_by_pattern("*").try_collect().await.unwrap();
    assert!(keys.is_empty(), "{keys:?}");
}

fn misses(world: &World, reason: &str) -> u64 {
    let reasons = world.users().stats().miss_reasons;
    reasons
        .iter()
        .find(|(r, _)| *r == reason)
        .map_or(0, |r| r.1)
}

#[tokio::test]
async fn foreign_and_garbled_bytes_are_misses() {
    let world = World::new();
    let (stored, _) = sound(&world).await;
    let with = |at: usize, byte: u8| {
        let mut bytes = stored.to_vec();
        bytes[at] = byte;
        Bytes::from(bytes)
    };
    let longer = Bytes::from([&stored[..], b"!"].concat());
    for (planted, reason) in [
        (Bytes::new(), "foreign"),
        (Bytes::from_static(b"\"Ada\""), "foreign"),
        (Bytes::from_static(b"\xC1L"), "foreign"),
        (Bytes::from_static(&[0xA3, b'A', b'd', b'a']), "foreign"),
        (Bytes::from(vec![0xFF; 1 << 20]), "foreign"),
        (with(3, 2), "unknown_version"),
        (with(3, 255), "unknown_version"),
        (stored.slice(..4), "truncated"),
        (stored.slice(..stored.len() - 1), "truncated"),
        (longer, "truncated"),
        (with(36, 9), "unknown_kind"),
        (with(stored.len() - 1, b'!'), "corrupt"),
        (with(96, stored[96] ^ 1), "corrupt"),
    ] {
        check(&world, planted.clone(), reason).await;
        if reason != "corrupt" {
            check_unseen(&world, planted).await;
        }
    }
}

#[tokio::test]
async fn entries_of_other_settings_are_misses() {
    let world = World::new();
    let (_, Entry { header, body }) = sound(&world).await;
    let with = |change: fn(&mut Header)| {
        let mut header = header.clone();
        change(&mut header);
        entry(header, &body)
    };
    for (planted, reason) in [
        (with(|header| header.format = 0), "undecodable"),
        (with(|header| header.format = 9), "undecodable"),
        (with(|header| header.compression = 1), "undecodable"),
        (with(|header| header.compression = 200), "undecodable"),
        (with(|header| header.dictionary = 1), "unknown_dictionary"),
        (
            with(|header| header.encryption_key = 1),
            "unknown_encryption_key",
        ),
        (with(|header| header.kind = Kind::Placeholder), "not_found"),
        (with(|header| header.kind = Kind::Stub), "undecodable"),
    ] {
        check(&world, planted.clone(), reason).await;
        check_unseen(&world, planted).await;
    }
}

#[tokio::test]
async fn bodies_of_other_types_are_misses() {
    let world = World::new();
    let (_, Entry { header, .. }) = sound(&world).await;
    let mut json = header.clone();
    json.format = 2;
    let deep = [b'['; 100_000];
    for (header, body) in [
        (&header, &b""[..]),
        (&header, b"\x2A"),
        (&header, b"\xDB\xFF\xFF\xFF\xFFAda"),
        (&header, b"\xDD\xFF\xFF\xFF\xFF"),
        (&header, &[0x91; 100_000]),
        (&header, b"\xA3\xFF\xFE\xFD"),
        (&json, b"42"),
        (&json, b"\"Ada\" \"Bob\""),
        (&json, b"\"Ada"),
        (&json, &deep),
    ] {
        check(&world, entry(header.clone(), body), "undecodable").await;
    }
}

struct Shape<const N: u64>;

impl<const N: u64> Cacheable for Shape<N> {
    const FINGERPRINT: u64 = N;
}

#[tokio::test]
async fn entries_of_another_schema_are_misses() {
    let world = World::new();
    let (unpinned, Entry { header, body }) = sound(&world).await;
    let pin = |users: larder_cache_core::Namespace| users.schema::<Shape<7>>();
    world.cache.update_namespace("users", pin).unwrap();
    let mut other = header.clone();
    other.schema = 8;
    for planted in [unpinned, entry(other, &body)] {
        check(&world, planted.clone(), "schema").await;
        check_unseen(&world, planted).await;
    }
    let users = world.users();
    users.set("7", "Ada".to_owned()).await.unwrap();
    let stored = Entry::decode(&world.stored("7").await.unwrap()).unwrap();
    assert_eq!(stored.header.schema, 7);
    assert_eq!(*world.elsewhere().get("7").await.unwrap().unwrap(), "Ada");
    let repin = |users: larder_cache_core::Namespace| users.schema::<Shape<9>>();
    world.cache.update_namespace("users", repin).unwrap();
    assert_eq!(
        users.get("7").await.unwrap(),
        None,
        "L1 forgets the old shape too"
    );
}

#[tokio::test]
async fn no_truncation_is_read() {
    let world = World::new();
    let (stored, _) = sound(&world).await;
    let users = world.users();
    for length in 0..stored.len() {
        world.plant("7", stored.slice(..length)).await;
        assert_eq!(users.get("7").await.unwrap(), None, "{length} bytes");
        assert!(!users.exists("7").await.unwrap(), "{length} bytes");
    }
    assert_eq!(users.stats().misses, stored.len() as u64);
}

/// No flipped bit makes another value: within what the checksum covers it is a miss, in the
/// mutable part it can only move the end.
#[tokio::test]
async fn no_flipped_bit_makes_another_value() {
    let world = World::new();
    let (stored, _) = sound(&world).await;
    let (users, mut read) = (world.elsewhere(), 0);
    for bit in 0..stored.len() * 8 {
        let mut damaged = stored.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        world.plant("7", damaged).await;
        if let Some(value) = users.get("7").await.unwrap() {
            assert_eq!(*value, "Ada");
            assert!(
                MUTABLE_PART.contains(&(bit / 8)),
                "bit {bit} is not covered"
            );
            read += 1;
        }
    }
    assert!(read > 0, "the end can be moved further away");
}

/// A header that lies about its lengths costs no memory.
#[tokio::test]
async fn a_compressed_bomb_is_a_miss() {
    let world = World::with(|builder| builder.codec(Arc::new(Optimizer::default())));
    let small = |users: larder_cache_core::Namespace| users.max_value_bytes(1 << 20);
    world.cache.update_namespace("users", small).unwrap();
    let (_, Entry { header, .. }) = sound(&world).await;
    let bomb = pack(&vec![0; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    // A sound text that is larger than the namespace allows.
    let text = vec![b'x'; (2 << 20) - 5];
    let large = [&[0xDB, 0x00, 0x1F, 0xFF, 0xFB][..], &text].concat();
    let large = pack(&large);
    let lz4 = |plain_bytes: u32, body: &[u8]| {
        let mut header = header.clone();
        (header.compression, header.plain_bytes) = (1, plain_bytes);
        entry(header, body)
    };
    for planted in [
        lz4(64 << 20, &bomb),
        lz4(u32::MAX, &bomb),
        lz4(0, &bomb),
        lz4(1 << 20, &bomb),
        lz4(2 << 20, &large),
        lz4(4, &[0xFF, 0xFF, 0xFF, 0xFF, 0]),
        lz4(4, b""),
        lz4(5, &pack(b"\xA3Ada")),
        lz4(3, &pack(b"\xA3Ada")),
    ] {
        check(&world, planted, "undecodable").await;
    }
    world.plant("7", lz4(4, &pack(b"\xA3Ada"))).await;
    assert_eq!(*world.users().get("7").await.unwrap().unwrap(), "Ada");
}

fn pack(plain: &[u8]) -> Bytes {
    let (namespace, key) = ("users", &physical("7"));
    let codec = Optimizer::new(OptimizerOptions::new().threshold_bytes(0)).unwrap();
    let lz4 = Compression::With(Algorithm::Lz4);
    let packed = codec.encode(plain, lz4, &Place { namespace, key });
    packed
        .unwrap()
        .map_or_else(|| literal(plain), |packed| packed.bytes)
}

/// An LZ4 block of one run of literals, for what LZ4 would not make smaller.
fn literal(plain: &[u8]) -> Bytes {
    assert!(plain.len() < 15);
    let length = u8::try_from(plain.len()).unwrap();
    [&[length << 4], plain].concat().into()
}

/// L1 counts what is there: a header that says something else is not believed.
#[tokio::test]
async fn a_lying_header_does_not_cheat_the_byte_budget() {
    let world = World::new();
    let (_, Entry { mut header, .. }) = sound(&world).await;
    let text = "x".repeat(10_000);
    let body = [&[0xDA, 0x27, 0x10][..], text.as_bytes()].concat();
    for lie in [1, 10_002, 10_004, u32::MAX] {
        header.plain_bytes = lie;
        check(&world, entry(header.clone(), &body), "undecodable").await;
    }
    header.plain_bytes = 10_003;
    world.plant("7", entry(header, &body)).await;
    assert_eq!(world.users().get("7").await.unwrap().unwrap().len(), 10_000);
    assert_eq!(world.cache.stats().l1.bytes, 160 + 1 + 10_003);
}

/// What follows a value is not overlooked.
#[tokio::test]
async fn trailing_bytes_make_a_body_undecodable() {
    let world = World::new();
    let (_, Entry { mut header, body }) = sound(&world).await;
    for trailing in [&b"\xC0"[..], b"\xDA", b"\xA3Eve", b"\x92\x01", b"\x82\x01"] {
        let longer = [&body[..], trailing].concat();
        header.plain_bytes = u32::try_from(longer.len()).unwrap();
        check(&world, entry(header.clone(), &longer), "undecodable").await;
    }
}

/// An entry whose body alone is damaged is there for those who do not read bodies.
#[tokio::test]
async fn damaged_bodies_are_found_by_get_alone() {
    let world = World::new();
    let (stored, _) = sound(&world).await;
    let mut damaged = stored.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    world.plant("7", damaged).await;
    let users = world.users();
    assert!(
        users.exists("7").await.unwrap(),
        "as its documentation says"
    );
    assert_eq!(users.get("7").await.unwrap(), None);
}

/// A codec that always fails, and reads "Eve" in whatever says that it wrote it.
#[derive(Debug)]
struct Broken;

impl Codec for Broken {
    fn encode(&self, _: &[u8], _: Compression, _: &Place<'_>) -> Result<Option<Encoded>> {
        Err(larder_cache_core::Error::new(
            larder_cache_core::ErrorKind::Codec,
            "out of order",
        ))
    }

    fn can_decode(&self, coding: Coding) -> bool {
        coding.algorithm == 77
    }

    fn decode(&self, _: &[u8], _: Coding, _: usize) -> Result<Bytes> {
        Ok(Bytes::from_static(b"\xA3Eve"))
    }

    fn check(&self, _: Compression) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_codec_that_fails_costs_the_fill_alone() {
    let world = World::with(|b| b.codec(Arc::new(Broken)));
    let users = world.users();
    let loaded = users.get_or_load("7", Database::new().finds("Ada")).await;
    assert_eq!(*loaded.unwrap(), "Ada");
    assert_eq!(world.stored("7").await, None);
    assert!(
        world
            .events
            .take()
            .contains(&"refused Unserializable 7".to_owned())
    );
    let set = users.set("7", "Ada".to_owned()).await.unwrap_err();
    assert_eq!(set.kind(), larder_cache_core::ErrorKind::Codec);
}

/// What a codec gives back is held to the length in the header.
#[tokio::test]
async fn a_codec_that_gives_another_length_is_a_miss() {
    let world = World::with(|builder| builder.codec(Arc::new(Broken)));
    let mut header = world.header(Kind::Value).await;
    (header.format, header.compression, header.plain_bytes) = (1, 77, 5);
    world.plant("7", entry(header.clone(), b"x")).await;
    let users = world.users();
    assert_eq!(users.get("7").await.unwrap(), None);
    header.plain_bytes = 4;
    world.plant("7", entry(header, b"x")).await;
    assert_eq!(*users.get("7").await.unwrap().unwrap(), "Eve");
}
