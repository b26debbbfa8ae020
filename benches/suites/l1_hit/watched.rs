//! A shared, watched store without a network: what a hit pays for coherence, and no more.

use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Call, Capabilities, Connections, Cursor, EpochChange, EpochRequest, Expiry,
    Fill, Glob, Head, Key, LeaseRequest, Leased, Lifetime, Moment, Operation, Reply, Result,
    ScanPage, Timestamp, Watch, Write, async_trait,
};
use larder_memory_backend::MemoryBackend;

/// The memory backend, which says that other processes change its values and that it tells of
/// all their changes, of which there are none.
#[derive(Debug)]
pub(crate) struct Watched(pub(crate) MemoryBackend);

#[async_trait]
impl Backend for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::shared_server()
    }

    fn watch(&self, watch: Watch) -> bool {
        let Some(watcher) = watch.watcher.upgrade() else {
            return false;
        };
        watcher.told_until(Moment::FAR_FUTURE);
        true
    }

    async fn now(&self, key: &Key, call: Call) -> Result<Timestamp> {
        self.0.now(key, call).await
    }

    async fn get(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Bytes>>> {
        self.0.get(keys, call).await
    }

    async fn head(&self, keys: &[Key], bytes: usize, call: Call) -> Result<Vec<Option<Head>>> {
        self.0.head(keys, bytes, call).await
    }

    async fn set(&self, writes: &[Write], call: Call) -> Result<Vec<bool>> {
        self.0.set(writes, call).await
    }

    async fn delete(&self, keys: &[Key], call: Call) -> Result<u64> {
        self.0.delete(keys, call).await
    }

    async fn exists(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        self.0.exists(keys, call).await
    }

    async fn ttl(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Expiry>>> {
        self.0.ttl(keys, call).await
    }

    async fn expire(&self, keys: &[Key], lifetime: Lifetime, call: Call) -> Result<Vec<bool>> {
        self.0.expire(keys, lifetime, call).await
    }

    async fn lease(&self, requests: &[LeaseRequest], call: Call) -> Result<Vec<Leased>> {
        self.0.lease(requests, call).await
    }

    async fn fill(&self, fills: &[Fill], call: Call) -> Result<Vec<bool>> {
        self.0.fill(fills, call).await
    }

    async fn mark_stale(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        self.0.mark_stale(keys, call).await
    }

    async fn epochs(
        &self,
        requests: &[EpochRequest],
        ttl: Duration,
        call: Call,
    ) -> Result<Vec<Option<Bytes>>> {
        self.0.epochs(requests, ttl, call).await
    }

    async fn renew(&self, changes: &[EpochChange], call: Call) -> Result<()> {
        self.0.renew(changes, call).await
    }

    async fn scan(
        &self,
        cursor: Cursor,
        pattern: &Glob,
        limit: usize,
        call: Call,
    ) -> Result<ScanPage> {
        self.0.scan(cursor, pattern, limit, call).await
    }

    async fn pipeline(&self, operations: &[Operation], call: Call) -> Result<Vec<Result<Reply>>> {
        self.0.pipeline(operations, call).await
    }

    fn connections(&self) -> Connections {
        self.0.connections()
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
