//! The backend itself: every call runs as planned.

use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Call, Capabilities, Connections, Cursor, EpochChange, EpochRequest, Expiry,
    Fill, Glob, Head, Inspect, Key, LeaseRequest, Leased, Lifetime, Operation, Reply, Result,
    ScanPage, Timestamp, Watch, Write, async_trait,
};

use super::{ChaosBackend, Method};

#[async_trait]
impl Backend for ChaosBackend {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn now(&self, key: &Key, call: Call) -> Result<Timestamp> {
        self.run(Method::Now, call, |call| self.inner.now(key, call))
            .await
    }

    async fn get(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Bytes>>> {
        self.run(Method::Get, call, |call| self.inner.get(keys, call))
            .await
    }

    async fn head(&self, keys: &[Key], bytes: usize, call: Call) -> Result<Vec<Option<Head>>> {
        self.run(Method::Head, call, |call| {
            self.inner.head(keys, bytes, call)
        })
        .await
    }

    async fn set(&self, writes: &[Write], call: Call) -> Result<Vec<bool>> {
        self.run(Method::Set, call, |call| self.inner.set(writes, call))
            .await
    }

    async fn delete(&self, keys: &[Key], call: Call) -> Result<u64> {
        self.run(Method::Delete, call, |call| self.inner.delete(keys, call))
            .await
    }

    async fn exists(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        self.run(Method::Exists, call, |call| self.inner.exists(keys, call))
            .await
    }

    async fn ttl(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Expiry>>> {
        self.run(Method::Ttl, call, |call| self.inner.ttl(keys, call))
            .await
    }

    async fn expire(&self, keys: &[Key], lifetime: Lifetime, call: Call) -> Result<Vec<bool>> {
        self.run(Method::Expire, call, |call| {
            self.inner.expire(keys, lifetime, call)
        })
        .await
    }

    async fn lease(&self, requests: &[LeaseRequest], call: Call) -> Result<Vec<Leased>> {
        self.run(Method::Lease, call, |call| self.inner.lease(requests, call))
            .await
    }

    async fn fill(&self, fills: &[Fill], call: Call) -> Result<Vec<bool>> {
        self.run(Method::Fill, call, |call| self.inner.fill(fills, call))
            .await
    }

    async fn mark_stale(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        self.run(Method::MarkStale, call, |call| {
            self.inner.mark_stale(keys, call)
        })
        .await
    }

    async fn epochs(
        &self,
        requests: &[EpochRequest],
        ttl: Duration,
        call: Call,
    ) -> Result<Vec<Option<Bytes>>> {
        self.run(Method::Epochs, call, |call| {
            self.inner.epochs(requests, ttl, call)
        })
        .await
    }

    async fn renew(&self, changes: &[EpochChange], call: Call) -> Result<()> {
        self.run(Method::Renew, call, |call| self.inner.renew(changes, call))
            .await
    }

    fn watch(&self, watch: Watch) -> bool {
        self.inner.watch(watch)
    }

    async fn scan(
        &self,
        cursor: Cursor,
        pattern: &Glob,
        limit: usize,
        call: Call,
    ) -> Result<ScanPage> {
        self.run(Method::Scan, call, |call| {
            self.inner.scan(cursor, pattern, limit, call)
        })
        .await
    }

    async fn pipeline(&self, operations: &[Operation], call: Call) -> Result<Vec<Result<Reply>>> {
        self.run(Method::Pipeline, call, |call| {
            self.inner.pipeline(operations, call)
        })
        .await
    }

    fn connections(&self) -> Connections {
        self.inner.connections()
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        self.inner.inspect()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
