//! Values, as a cache reads them from a backend.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use larder_cache::{CacheBuilder, TypedCache};
use larder_cache_core::{
    Backend, Bytes, Call, Condition, Entry, Format, KeyPrefix, L1, Namespace, Result, Write,
};
use larder_memory_backend::MemoryBackend;
use serde::{Deserialize, Serialize};

use super::pieces::texts;
use super::ready::{at_once, uncounted};
use crate::target::{Bounds, Target, always};

pub(super) const STORED: Target = Target {
    name: "stored-values",
    parses: "anything that stands under the key of a value",
    run: stored,
    seeds: stored_seeds,
    missing: always,
    bounds: Bounds::new(),
};

pub(super) const MESSAGE_PACK: Target = Target {
    name: "msgpack-values",
    parses: "bodies of entries in MessagePack",
    run: message_pack,
    seeds: message_pack_seeds,
    missing: always,
    // The format says lengths before what has them, and readers take up to 1 MiB on trust.
    bounds: Bounds::new().peak_bytes(4 << 20),
};

pub(super) const JSON: Target = Target {
    name: "json-values",
    parses: "bodies of entries in JSON",
    run: json,
    seeds: json_seeds,
    missing: always,
    bounds: Bounds::new().peak_bytes(4 << 20),
};

/// A type with something of everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Sample {
    text: String,
    number: i64,
    share: Option<f64>,
    flags: (bool, u8),
    parts: Vec<Sample>,
    counts: BTreeMap<String, u32>,
    kind: Sort,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Sort {
    #[default]
    Plain,
    Named(String),
    Sized {
        width: u16,
    },
}

const CALL: Call = Call::within(Duration::from_secs(1));

/// How deep the cache reads.
const DEEPEST: usize = 128;

/// A cache over a backend in which everything can be written.
struct Bench {
    backend: Arc<MemoryBackend>,
    names: TypedCache<String>,
    samples: TypedCache<Sample>,
    any: TypedCache<serde_json::Value>,
    /// An entry that the cache wrote, whose epochs are those of now.
    entry: Entry,
}

thread_local! {
    static BENCH: Bench = uncounted(|| {
        bench().unwrap_or_else(|error| unreachable!("{error}"))
    });
}

fn bench() -> Result<Bench> {
    let backend = Arc::new(MemoryBackend::new(16 << 20));
    let cache = CacheBuilder::new()
        .codec(Arc::new(larder_compression::Optimizer::default()))
        .namespace(Namespace::new("user").l1(L1::Off))
        .build(Arc::clone(&backend) as Arc<dyn Backend>)?;
    let user = cache.namespace("user")?;
    let names = user.typed::<String>();
    at_once(names.set("7", "Ada".to_owned()))?;
    let found = at_once(backend.get(&[key()?], CALL))?;
    let stored = found.into_iter().flatten().next().unwrap_or_default();
    let entry = Entry::decode(&stored).unwrap_or_else(|_| unreachable!("the cache wrote it"));
    Ok(Bench {
        backend,
        names,
        samples: user.typed(),
        any: user.typed(),
        entry,
    })
}

fn key() -> Result<larder_cache_core::Key> {
    KeyPrefix::new("app")?.value("user", "7")
}

impl Bench {
    fn put(&self, value: Bytes) {
        let write = key().map(|key| Write {
            key,
            value,
            ttl: None,
            condition: Condition::Always,
        });
        let stored = write.and_then(|write| at_once(self.backend.set(&[write], CALL)));
        assert!(stored.is_ok());
    }

    /// Stores a body in a sound entry.
    fn put_body(&self, body: &[u8], format: Format) {
        let mut entry = self.entry.clone();
        entry.header.format = format.id();
        entry.header.plain_bytes = u32::try_from(body.len()).unwrap_or(u32::MAX);
        entry.body = Bytes::copy_from_slice(body);
        self.put(entry.encode());
    }
}

/// What is no entry is a miss and no error.
fn stored(input: &[u8]) {
    BENCH.with(|bench| {
        let bytes = Bytes::copy_from_slice(input);
        bench.put(bytes.clone());
        let found = at_once(bench.names.get("7"));
        assert!(found.is_ok(), "{found:?}");
        if let Ok(Some(name)) = found {
            let entry = Entry::decode(&bytes);
            assert!(entry.is_ok(), "{name:?} comes of no entry");
        }
    });
}

fn message_pack(input: &[u8]) {
    body(input, Format::MessagePack, |body| {
        let mut rest = body;
        let mut reader = rmp_serde::Deserializer::new(&mut rest);
        reader.set_max_depth(DEEPEST);
        let sample = Sample::deserialize(&mut reader).ok();
        sample.filter(|_| rest.is_empty())
    });
}

fn json(input: &[u8]) {
    body(input, Format::Json, |body| {
        serde_json::from_slice(body).ok()
    });
}

/// A body is read as the format's own reader reads it, or a miss; and what was read can be
/// written and read again.
fn body(input: &[u8], format: Format, read: fn(&[u8]) -> Option<Sample>) {
    BENCH.with(|bench| {
        bench.put_body(input, format);
        let found = at_once(bench.samples.get("7"));
        let found = found.map(|found| found.map(|found| printed(&found)));
        let expected = read(input).map(|expected| printed(&expected));
        assert_eq!(found.ok(), Some(expected));
        let any = at_once(bench.any.get("7"));
        assert!(any.is_ok());
        if let Ok(Some(any)) = any {
            let set = at_once(bench.any.set("7", (*any).clone()));
            assert!(set.is_ok());
            let again = at_once(bench.any.get("7"));
            assert!(again.is_ok_and(|again| again.as_deref() == Some(&*any)));
        }
    });
}

/// As text, in which a number that is none equals itself.
fn printed(sample: &Sample) -> String {
    format!("{sample:?}")
}

fn sample() -> Sample {
    let part = Sample {
        text: "part".to_owned(),
        kind: Sort::Named("n".to_owned()),
        ..Sample::default()
    };
    Sample {
        text: "Ada".to_owned(),
        number: -7,
        share: Some(0.5),
        flags: (true, 255),
        parts: vec![part, Sample::default()],
        counts: BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), u32::MAX)]),
        kind: Sort::Sized { width: 3 },
    }
}

fn stored_seeds() -> Vec<Vec<u8>> {
    let entry = BENCH.with(|bench| bench.entry.encode().to_vec());
    let mut seeds = vec![entry];
    seeds.extend(texts(&["\"Ada\"", "a foreign writer's raw value"]));
    seeds
}

fn message_pack_seeds() -> Vec<Vec<u8>> {
    let named = rmp_serde::to_vec_named(&sample()).unwrap_or_default();
    let short = rmp_serde::to_vec(&sample()).unwrap_or_default();
    let deep = [0x91; 3000].to_vec();
    let long_text = b"\xDB\xFF\xFF\xFF\xFFabc".to_vec();
    let long_list = b"\xDD\xFF\xFF\xFF\xFF\x01".to_vec();
    let long_map = b"\xDF\xFF\xFF\xFF\xFF\xA1a".to_vec();
    let long_extension = b"\xC9\xFF\xFF\xFF\xFF\x01".to_vec();
    let ends_in_a_second = [&named[..], b"\x9B\x2E\x03"].concat();
    vec![
        named,
        ends_in_a_second,
        short,
        deep,
        long_text,
        long_list,
        long_map,
        long_extension,
    ]
}

fn json_seeds() -> Vec<Vec<u8>> {
    let sample = serde_json::to_vec(&sample()).unwrap_or_default();
    let mut seeds = texts(&[
        "null",
        "1e999",
        "-0.0",
        "\"\\ud800\"",
        "18446744073709551616",
        "[1,2",
    ]);
    seeds.push(b"[".repeat(3000));
    seeds.push(sample);
    seeds
}
