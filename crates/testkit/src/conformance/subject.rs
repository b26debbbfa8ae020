//! A backend under test, and what the cases ask of it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Call, Clock, Condition, Cursor, Expiry, Glob, Head, Key, KeyPrefix, Lifetime,
    Moment, SystemClock, Write,
};
use tokio::time::sleep;

use crate::ManualClock;

/// Long enough that only a backend that hangs meets its end.
const CALL: Call = Call::within(Duration::from_secs(30));

/// How long a case waits for what must come to pass.
const PATIENCE: Duration = Duration::from_secs(10);

const STEP: Duration = Duration::from_millis(1);

/// A fresh backend under test.
pub struct Subject {
    backend: Arc<dyn Backend>,
    time: Time,
    prefix: KeyPrefix,
    namespace: String,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

#[derive(Debug)]
enum Time {
    Real(SystemClock),
    Manual(Arc<ManualClock>),
}

impl Subject {
    /// A backend in real time.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            time: Time::Real(SystemClock::new()),
            prefix: KeyPrefix::new("conformance").expect("a good prefix"),
            namespace: format!("case-{:016x}", fastrand::u64(..)),
            kept: Vec::new(),
        }
    }

    /// The clock that the backend goes by. Default: real time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<ManualClock>) -> Self {
        self.time = Time::Manual(clock);
        self
    }

    /// Something that must live as long as the test, such as the server. Default: nothing.
    #[must_use]
    pub fn keep(mut self, kept: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(kept));
        self
    }

    pub(super) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    pub(super) const fn call(&self) -> Call {
        CALL
    }

    pub(super) fn key(&self, name: &str) -> Key {
        self.key_in(&self.namespace, name)
    }

    pub(super) fn keys(&self, names: &[&str]) -> Vec<Key> {
        names.iter().map(|name| self.key(name)).collect()
    }

    /// A key of a namespace whose name begins with the name of the case's own.
    pub(super) fn neighbour(&self, name: &str) -> Key {
        self.key_in(&format!("{}s", self.namespace), name)
    }

    /// A pattern for keys of the case's namespace.
    pub(super) fn pattern(&self, pattern: &str) -> Glob {
        let start = self.prefix.namespace_start(&self.namespace);
        Glob::new(pattern).behind(&start)
    }

    pub(super) fn now(&self) -> Moment {
        self.clock_face().now()
    }

    pub(super) fn clock_face(&self) -> &dyn Clock {
        match &self.time {
            Time::Real(clock) => clock,
            Time::Manual(clock) => &**clock,
        }
    }

    pub(super) async fn wait_a_moment(&self) {
        match &self.time {
            Time::Real(_) => sleep(STEP).await,
            Time::Manual(clock) => clock.advance(STEP),
        }
    }

    /// Waits until something has come to pass.
    pub(super) async fn eventually(&self, what: &str, mut condition: impl AsyncFnMut() -> bool) {
        let began = self.now();
        while !condition().await {
            let waited = self.now().since(began);
            assert!(waited < PATIENCE, "waited {waited:?} for: {what}");
            self.wait_a_moment().await;
        }
    }

    pub(super) async fn set(&self, write: Write) -> bool {
        let stored = self.backend.set(&[write], CALL).await.expect("set");
        assert_eq!(stored.len(), 1);
        stored[0]
    }

    /// Stores a value without end.
    pub(super) async fn put(&self, key: &Key, value: impl Into<Bytes>) {
        assert!(self.set(write(key, value)).await, "{key} was not stored");
    }

    /// Stores a value for some time.
    pub(super) async fn put_for(&self, key: &Key, value: &'static str, ttl: Duration) {
        let stored = self.set(write_for(key, value, ttl)).await;
        assert!(stored, "{key} was not stored");
    }

    /// Stores and deletes other keys: some backends remove what expired when they write.
    pub(super) async fn stir(&self) {
        let keys: Vec<_> = (0..500).map(|n| self.key(&format!("stir {n}"))).collect();
        let writes: Vec<_> = keys.iter().map(|key| write(key, "x")).collect();
        let stored = self.backend.set(&writes, CALL).await;
        assert_eq!(stored.expect("set"), [true; 500]);
        assert_eq!(self.delete(&keys).await, 500);
    }

    pub(super) async fn get(&self, key: &Key) -> Option<Bytes> {
        let mut values = self.get_all(std::slice::from_ref(key)).await;
        assert_eq!(values.len(), 1);
        values.remove(0)
    }

    pub(super) async fn get_all(&self, keys: &[Key]) -> Vec<Option<Bytes>> {
        self.backend.get(keys, CALL).await.expect("get")
    }

    pub(super) async fn head(&self, keys: &[Key], bytes: usize) -> Vec<Option<Head>> {
        self.backend.head(keys, bytes, CALL).await.expect("head")
    }

    pub(super) async fn delete(&self, keys: &[Key]) -> u64 {
        self.backend.delete(keys, CALL).await.expect("delete")
    }

    pub(super) async fn exists(&self, keys: &[Key]) -> Vec<bool> {
        self.backend.exists(keys, CALL).await.expect("exists")
    }

    pub(super) async fn ttl(&self, key: &Key) -> Option<Expiry> {
        let keys = std::slice::from_ref(key);
        let mut ttls = self.backend.ttl(keys, CALL).await.expect("ttl");
        assert_eq!(ttls.len(), 1);
        ttls.remove(0)
    }

    pub(super) async fn expire(&self, keys: &[Key], lifetime: Lifetime) -> Vec<bool> {
        let moved = self.backend.expire(keys, lifetime, CALL).await;
        moved.expect("expire")
    }

    /// All pages of a scan, sorted; a key found twice is there twice.
    pub(super) async fn scan(&self, pattern: &Glob, limit: usize) -> Vec<String> {
        let (mut cursor, mut keys) = (Cursor::start(), Vec::new());
        for _ in 0..100_000 {
            let page = self.backend.scan(cursor, pattern, limit, CALL).await;
            let page = page.expect("scan");
            keys.extend(page.keys);
            let Some(next) = page.next else {
                keys.sort();
                return keys;
            };
            cursor = next;
        }
        panic!("a scan of {pattern} did not end within 100000 pages");
    }

    fn key_in(&self, namespace: &str, name: &str) -> Key {
        self.prefix.value(namespace, name).expect("a good key")
    }
}

/// A write without condition or end.
pub(super) fn write(key: &Key, value: impl Into<Bytes>) -> Write {
    Write {
        key: key.clone(),
        value: value.into(),
        ttl: None,
        condition: Condition::Always,
    }
}

/// A write for some time.
pub(super) fn write_for(key: &Key, value: impl Into<Bytes>, ttl: Duration) -> Write {
    Write {
        ttl: Some(ttl),
        ..write(key, value)
    }
}

/// A write under a condition.
pub(super) fn write_if(key: &Key, value: impl Into<Bytes>, condition: Condition) -> Write {
    Write {
        condition,
        ..write(key, value)
    }
}

/// A value as it is read.
pub(super) fn some(value: &'static str) -> Option<Bytes> {
    Some(Bytes::from_static(value.as_bytes()))
}

/// Asserts that a value ends, within this time but hardly earlier.
pub(super) fn assert_ends_in(found: Option<Expiry>, at_most: Duration, since: Duration) {
    // A server may cut off a fraction of a millisecond twice.
    let at_least = at_most.saturating_sub(since + 2 * STEP);
    let Some(Expiry::In(left)) = found else {
        panic!("{found:?} instead of an end in {at_most:?}");
    };
    assert!(left <= at_most, "{left:?} is over {at_most:?}");
    assert!(left >= at_least, "{left:?} is under {at_least:?}");
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("backend", &self.backend)
            .field("time", &self.time)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}
