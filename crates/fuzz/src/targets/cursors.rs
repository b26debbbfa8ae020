//! Cursors of scans, as a caller hands them back.

use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Call, Condition, Cursor, ErrorKind, Glob, KeyPrefix, Write,
};
use larder_memory_backend::MemoryBackend;

use super::ready::{at_once, uncounted};
use crate::target::{Bounds, Target, always};

pub(super) const MEMORY: Target = Target {
    name: "memory-cursors",
    parses: "cursors of the memory backend",
    run: memory,
    seeds,
    missing: always,
    bounds: Bounds::new().input_bytes(512),
};

const CALL: Call = Call::within(Duration::from_secs(1));

/// Keys that are there.
const KEYS: usize = 40;

/// More than the pages of a scan: a page for each key, and one for each of the shards.
const PAGES: usize = 1000;

thread_local! {
    static BACKEND: MemoryBackend = uncounted(backend);
}

fn backend() -> MemoryBackend {
    let backend = MemoryBackend::new(1 << 20);
    let writes = KeyPrefix::new("app").and_then(|app| {
        let key = |number: usize| app.value("user", &format!("key:{number}"));
        let keys: Result<Vec<_>, _> = (0..KEYS).map(key).collect();
        let write = |key| Write {
            key,
            value: Bytes::from_static(b"value"),
            ttl: None,
            condition: Condition::Always,
        };
        keys.map(|keys| keys.into_iter().map(write).collect::<Vec<_>>())
    });
    let stored = writes.and_then(|writes| at_once(backend.set(&writes, CALL)));
    assert!(stored.is_ok_and(|stored| stored.len() == KEYS));
    backend
}

fn memory(input: &[u8]) {
    BACKEND.with(|backend| at_once(scan(backend, input)));
}

/// A scan from anywhere comes to its end.
async fn scan(backend: &MemoryBackend, place: &[u8]) {
    let mut cursor = Cursor::new(Bytes::copy_from_slice(place));
    let pattern = Glob::new("app:user:*");
    for _ in 0..PAGES {
        let page = match backend.scan(cursor, &pattern, 10, CALL).await {
            Ok(page) => page,
            Err(error) => return assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}"),
        };
        assert!(page.keys.iter().all(|key| pattern.matches(key)));
        let Some(next) = page.next else {
            return;
        };
        cursor = next;
    }
    unreachable!("a scan has no end");
}

fn seeds() -> Vec<Vec<u8>> {
    [
        &b"\0"[..],
        b"\x07app:user:key:7",
        b"\x3Fapp:user:key:9",
        b"\x40",
        b"\0\xFF",
        b"\xFFapp",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}
