//! Calls in which there are large values: what is ordinary about them goes the ordinary way.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder_cache_core::{
    Call, Fill, FillOutcome, Grant, Head, Key, Operation, Reply, Result, Write,
};
use tokio::time::{Instant, sleep, timeout_at};

use super::Bulk;
use super::stub::{Body, Stub};
use crate::address::Endpoint;
use crate::commands::all_done;
use crate::error;
use crate::servers::Servers;

/// One call with large values in it, until its deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Large<'a> {
    servers: &'a Servers,
    bulk: &'a Bulk,
    deadline: Instant,
}

/// Before the next attempt, where a key may be moving to another server.
const PAUSE: Duration = Duration::from_millis(20);

/// The head of a value for which there is a stub, and of any other as it is.
pub(crate) fn shown_head(mut head: Head, bytes: usize) -> Head {
    if let Some(stub) = Stub::read(&head.bytes) {
        head.total_bytes = stub.total_bytes;
        head.bytes = stub.beginning().clone();
    }
    head.bytes.truncate(bytes);
    head
}

impl<'a> Large<'a> {
    pub(crate) fn new(servers: &'a Servers, bulk: &'a Bulk, deadline: Instant) -> Self {
        Self {
            servers,
            bulk,
            deadline,
        }
    }

    /// Puts values in the place of their stubs.
    pub(crate) async fn fetch(&self, keys: &[Key], found: &mut [Option<Bytes>]) -> Result<()> {
        let fetches = keys.iter().zip(found).filter_map(|(key, found)| {
            let stub = Stub::read(found.as_ref()?)?;
            Some(async move {
                *found = self.value(key, &stub).await?;
                Ok(())
            })
        });
        let fetches: Vec<_> = fetches.collect();
        let mut fetched = stream::iter(fetches).buffer_unordered(self.bulk.connections);
        while let Some(outcome) = fetched.next().await {
            outcome?;
        }
        Ok(())
    }

    /// Puts values in the place of their stubs, among the replies to operations.
    pub(crate) async fn fetch_replies(
        &self,
        operations: &[Operation],
        replies: &mut [Result<Reply>],
    ) {
        for (operation, reply) in operations.iter().zip(replies) {
            if let (Operation::Get(key), Ok(Reply::Value(Some(stored)))) = (operation, &*reply)
                && let Some(stub) = Stub::read(stored)
            {
                *reply = self.value(key, &stub).await.map(Reply::Value);
            }
        }
    }

    /// Stores values, large ones and others, in their order.
    pub(crate) async fn set(&self, writes: &[Write]) -> Result<Vec<bool>> {
        let mut results: Vec<Result<bool>> = Vec::with_capacity(writes.len());
        let is_large = |write: &Write| self.bulk.is_for(&write.value);
        for some in writes.chunk_by(|a, b| !is_large(a) && !is_large(b)) {
            let stored = match some {
                [write] if is_large(write) => self.store(write).await.map(|stored| vec![stored]),
                others => self.servers.set(others, self.call()).await,
            };
            match stored {
                Ok(stored) => results.extend(stored.into_iter().map(Ok)),
                Err(error) => {
                    results.push(Err(error));
                    break;
                }
            }
        }
        all_done(results, 0)
    }

    /// Ends leases, with large values among those to be stored.
    pub(crate) async fn fill(&self, fills: &[Fill]) -> Result<Vec<bool>> {
        let mut results: Vec<Result<bool>> = Vec::with_capacity(fills.len());
        for some in fills.chunk_by(|a, b| !self.is_large(a) && !self.is_large(b)) {
            let filled = match some {
                [
                    Fill {
                        key,
                        grant,
                        outcome: FillOutcome::Store(value, ttl),
                    },
                ] if self.bulk.is_for(value) => {
                    let filled = self.fill_one((key, *grant), (value, *ttl)).await;
                    filled.map(|filled| vec![filled])
                }
                others => self.servers.fill(others, self.call()).await,
            };
            match filled {
                Ok(filled) => results.extend(filled.into_iter().map(Ok)),
                Err(error) => {
                    results.push(Err(error));
                    break;
                }
            }
        }
        all_done(results, 0)
    }

    fn is_large(&self, fill: &Fill) -> bool {
        matches!(&fill.outcome, FillOutcome::Store(value, _) if self.bulk.is_for(value))
    }

    /// Uploads a value, and puts it in place on the connection that granted the lease.
    async fn fill_one(
        &self,
        lease: (&Key, Grant),
        stored: (&Bytes, Option<Duration>),
    ) -> Result<bool> {
        let (key, grant) = lease;
        let (endpoint, connection) = self.servers.owner_of(key, self.call()).await?;
        if connection != grant.connection {
            return Ok(false);
        }
        let (bulk, deadline) = (self.bulk, self.deadline);
        let upload = bulk.upload(&endpoint, lease, stored, deadline);
        let upload = timeout_at(deadline, upload).await;
        let upload = match upload.unwrap_or_else(|_| Err(error::large_value_late())) {
            Ok(upload) => upload,
            // With the key the lease has gone.
            Err(refusal) if self.servers.may_have_moved(&refusal) => return Ok(false),
            Err(error) => return Err(error.with("node", &endpoint.address)),
        };
        let filled = self.servers.fill_large(&upload, self.call()).await;
        if !matches!(filled, Ok(true)) {
            // It expires by itself.
            let forgotten = bulk.forget(&endpoint, &upload, deadline);
            let _failed = timeout_at(deadline, forgotten).await;
        }
        filled
    }

    /// Runs operations in their order, with large values among those to be stored.
    pub(crate) async fn pipeline(&self, operations: &[Operation]) -> Result<Vec<Result<Reply>>> {
        let mut replies: Vec<Result<Reply>> = Vec::with_capacity(operations.len());
        let large = |operation: &Operation| match operation {
            Operation::Set(write) if self.bulk.is_for(&write.value) => Some(write.clone()),
            _ => None,
        };
        let groups = operations.chunk_by(|a, b| large(a).is_none() && large(b).is_none());
        for some in groups {
            if let [operation] = some
                && let Some(write) = large(operation)
            {
                replies.push(self.store(&write).await.map(Reply::Done));
                continue;
            }
            match self.servers.pipeline(some, self.call()).await {
                Ok(mut answered) => {
                    self.fetch_replies(some, &mut answered).await;
                    replies.append(&mut answered);
                }
                Err(error) => replies.extend(some.iter().map(|_| Err(error.clone()))),
            }
        }
        match replies.iter().find(|reply| reply.is_ok()) {
            Some(_) => Ok(replies),
            None => replies
                .into_iter()
                .next()
                .map_or(Ok(Vec::new()), |reply| match reply {
                    Ok(reply) => Ok(vec![Ok(reply)]),
                    Err(error) => Err(error),
                }),
        }
    }

    async fn store(&self, write: &Write) -> Result<bool> {
        let (bulk, deadline) = (self.bulk, self.deadline);
        let set =
            |endpoint: Arc<Endpoint>| async move { bulk.set(&endpoint, write, deadline).await };
        self.at_owner(&write.key, set).await
    }

    /// The value of a stub. Where it was replaced after the stub had been read, the stub is
    /// read again, and the value only if it was replaced once more.
    async fn value(&self, key: &Key, stub: &Stub) -> Result<Option<Bytes>> {
        const ATTEMPTS: usize = 8;
        let mut stub = stub.clone();
        for _ in 0..ATTEMPTS {
            let body = self.body(key).await?;
            let body = match body {
                Some(body) if stub.is_of(&body) => return Ok(Some(stub.value(body))),
                other => other,
            };
            let keys = std::slice::from_ref(key);
            let again = self.servers.get(keys, self.call()).await?;
            let Some(stored) = again.into_iter().next().flatten() else {
                return Ok(None);
            };
            match Stub::read(&stored) {
                Some(same) if same.id == stub.id => return Ok(None),
                Some(other) => stub = other,
                None => return Ok(Some(stored)),
            }
            if let Some(body) = body.filter(|body| stub.is_of(body)) {
                return Ok(Some(stub.value(body)));
            }
        }
        Ok(None)
    }

    async fn body(&self, key: &Key) -> Result<Option<Body>> {
        let (bulk, deadline) = (self.bulk, self.deadline);
        let get = |endpoint: Arc<Endpoint>| async move { bulk.get(&endpoint, key, deadline).await };
        self.at_owner(key, get).await
    }

    /// Asks the server that holds a key, and asks again where it does so no more.
    async fn at_owner<T, F: Future<Output = Result<T>>>(
        &self,
        key: &Key,
        ask: impl Fn(Arc<Endpoint>) -> F,
    ) -> Result<T> {
        loop {
            let (endpoint, _) = self.servers.owner_of(key, self.call()).await?;
            let answer = match timeout_at(self.deadline, ask(Arc::clone(&endpoint))).await {
                Ok(answer) => answer,
                Err(_) => Err(error::large_value_late()),
            };
            match answer {
                Err(refusal)
                    if self.servers.may_have_moved(&refusal)
                        && Instant::now() + PAUSE < self.deadline =>
                {
                    sleep(PAUSE).await;
                }
                answer => return answer.map_err(|error| error.with("node", &endpoint.address)),
            }
        }
    }

    fn call(&self) -> Call {
        Call::within(self.deadline.saturating_duration_since(Instant::now()))
    }
}
