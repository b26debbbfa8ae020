//! What the memory backend promises beyond the suite: its bound, its eviction, its time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bounds;
mod eviction;
mod fenced;
mod time;

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Call, Clock, Condition, Cursor, Glob, Key, KeyPrefix, Node, Result, Write,
};
use larder_memory_backend::{ENTRY_OVERHEAD_BYTES, MemoryBackend};

const CALL: Call = Call::within(Duration::from_secs(1));

/// A memory backend, asked one key at a time.
#[derive(Debug)]
struct Memory(MemoryBackend);

impl Memory {
    fn of(max_bytes: u64) -> Self {
        Self(MemoryBackend::new(max_bytes))
    }

    fn by(clock: Arc<dyn Clock>, max_bytes: u64) -> Self {
        Self(MemoryBackend::builder(max_bytes).clock(clock).build())
    }

    async fn try_set(&self, write: Write) -> Result<bool> {
        Ok(self.0.set(&[write], CALL).await?[0])
    }

    async fn put(&self, name: &str, value: impl Into<Bytes>) {
        assert!(self.try_set(write(name, value, None)).await.unwrap());
    }

    async fn put_for(&self, name: &str, value: impl Into<Bytes>, ttl: Duration) {
        let write = write(name, value, Some(ttl));
        assert!(self.try_set(write).await.unwrap());
    }

    async fn get(&self, name: &str) -> Option<Bytes> {
        self.0.get(&[key(name)], CALL).await.unwrap().remove(0)
    }

    async fn has(&self, name: &str) -> bool {
        self.0.exists(&[key(name)], CALL).await.unwrap()[0]
    }

    async fn delete(&self, name: &str) -> bool {
        self.0.delete(&[key(name)], CALL).await.unwrap() == 1
    }

    async fn node(&self) -> Node {
        let inspect = self.0.inspect().unwrap();
        inspect.nodes(CALL).await.unwrap().remove(0)
    }

    async fn used_bytes(&self) -> u64 {
        self.node().await.used_memory_bytes.unwrap()
    }

    async fn evicted(&self) -> u64 {
        self.node().await.evicted_keys.unwrap()
    }

    /// All physical keys, each once.
    async fn scan(&self) -> Vec<String> {
        let (mut cursor, mut keys) = (Cursor::start(), Vec::new());
        loop {
            let page = self.0.scan(cursor, &Glob::new("*"), 100, CALL).await;
            let page = page.unwrap();
            keys.extend(page.keys);
            match page.next {
                Some(next) => cursor = next,
                None => return keys,
            }
        }
    }
}

fn key(name: &str) -> Key {
    KeyPrefix::new("t").unwrap().value("n", name).unwrap()
}

fn write(name: &str, value: impl Into<Bytes>, ttl: Option<Duration>) -> Write {
    Write {
        key: key(name),
        value: value.into(),
        ttl,
        condition: Condition::Always,
    }
}

/// What a value under `t:n:{name}` counts for.
fn counted(name: &str, value_bytes: usize) -> u64 {
    let key_bytes = key(name).as_bytes().len();
    ENTRY_OVERHEAD_BYTES + (key_bytes + value_bytes) as u64
}

fn zeroes(bytes: usize) -> Bytes {
    Bytes::from(vec![0; bytes])
}
