//! A backend that is a server's, as it says, and that tells of changes what a test wants.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Call, Capabilities, Connections, Cursor, EpochChange, EpochRequest, Expiry,
    Fill, Glob, Head, Key, LeaseRequest, Leased, Lifetime, Operation, Reply, Result, ScanPage,
    Timestamp, Watch, Watcher, Write, async_trait,
};
use larder_testkit::ChaosBackend;

/// Whether a backend tells of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Never.
    Nothing,
    /// What the test tells.
    ByHand,
}

/// One process's way to a server.
#[derive(Debug)]
pub(crate) struct Watched {
    inner: Arc<ChaosBackend>,
    telling: Telling,
    watch: Mutex<Option<Watch>>,
}

impl Watched {
    pub(crate) fn new(inner: Arc<ChaosBackend>, telling: Telling) -> Arc<Self> {
        Arc::new(Self {
            inner,
            telling,
            watch: Mutex::default(),
        })
    }

    pub(crate) fn watcher(&self) -> Arc<dyn Watcher> {
        let watch = self.watch.lock().unwrap();
        watch.as_ref().unwrap().watcher.upgrade().unwrap()
    }

    /// What is watched.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        let watch = self.watch.lock().unwrap();
        watch.as_ref().unwrap().prefixes.clone()
    }
}

#[async_trait]
impl Backend for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::shared_server()
    }

    async fn now(&self, key: &Key, call: Call) -> Result<Timestamp> {
        self.inner.now(key, call).await
    }

    async fn get(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Bytes>>> {
        self.inner.get(keys, call).await
    }

    async fn head(&self, keys: &[Key], bytes: usize, call: Call) -> Result<Vec<Option<Head>>> {
        self.inner.head(keys, bytes, call).await
    }

    async fn set(&self, writes: &[Write], call: Call) -> Result<Vec<bool>> {
        self.inner.set(writes, call).await
    }

    async fn delete(&self, keys: &[Key], call: Call) -> Result<u64> {
        self.inner.delete(keys, call).await
    }

    async fn exists(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        self.inner.exists(keys, call).await
    }

    async fn ttl(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Expiry>>> {
        self.inner.ttl(keys, call).await
    }

    async fn expire(&self, keys: &[Key], lifetime: Lifetime, call: Call) -> Result<Vec<bool>> {
        self.inner.expire(keys, lifetime, call).await
    }

    async fn lease(&self, requests: &[LeaseRequest], call: Call) -> Result<Vec<Leased>> {
        self.inner.lease(requests, call).await
    }

    async fn fill(&self, fills: &[Fill], call: Call) -> Result<Vec<bool>> {
        self.inner.fill(fills, call).await
    }

    async fn mark_stale(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        self.inner.mark_stale(keys, call).await
    }

    async fn epochs(
        &self,
        requests: &[EpochRequest],
        ttl: Duration,
        call: Call,
    ) -> Result<Vec<Option<Bytes>>> {
        self.inner.epochs(requests, ttl, call).await
    }

    async fn renew(&self, changes: &[EpochChange], call: Call) -> Result<()> {
        self.inner.renew(changes, call).await
    }

    fn watch(&self, watch: Watch) -> bool {
        *self.watch.lock().unwrap() = Some(watch);
        self.telling == Telling::ByHand
    }

    async fn scan(
        &self,
        cursor: Cursor,
        pattern: &Glob,
        limit: usize,
        call: Call,
    ) -> Result<ScanPage> {
        self.inner.scan(cursor, pattern, limit, call).await
    }

    async fn pipeline(&self, operations: &[Operation], call: Call) -> Result<Vec<Result<Reply>>> {
        self.inner.pipeline(operations, call).await
    }

    fn connections(&self) -> Connections {
        self.inner.connections()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
