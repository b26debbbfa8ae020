//! The backend of a simulated process.

use std::sync::Arc;

use larder_cache_core::{
    Backend, Bytes, Call, Capabilities, Connections, Cursor, EpochChange, Error, ErrorKind, Expiry,
    Fill, FillOutcome, Glob, Head, Key, LeaseRequest, Leased, Lifetime, Operation, Random, Reply,
    Result, ScanPage, Timestamp, Watch, Write, async_trait,
};
use tokio::time::{Instant, timeout_at};

use super::Network;
use super::link::Link;
use crate::dice::{Dice, Source};
use crate::rule::Rule;
use crate::server::{Answer, Command};

/// A process's way to the server.
#[derive(Debug)]
pub(crate) struct Connection {
    network: Arc<Network>,
    process: u32,
    dice: Source,
}

impl Connection {
    /// Begins to connect a process.
    pub(crate) fn new(network: &Arc<Network>, process: u32, mut dice: Dice) -> Arc<Self> {
        network.lock().links.insert(process, Link::new());
        let kept = Arc::clone(network).keep_connected(process, dice.fork());
        tokio::spawn(kept);
        Arc::new(Self {
            network: Arc::clone(network),
            process,
            dice: Source::new(dice.next()),
        })
    }

    async fn ask(&self, command: Command, call: Call) -> Result<Answer> {
        let until = Instant::now() + call.budget;
        // Some wait for a connection, as long as they may; others won't.
        let waits = self.dice.next_u64().is_multiple_of(2);
        loop {
            if let Some(answer) = self.network.send(self.process, command.clone()) {
                return match timeout_at(until, answer).await {
                    Ok(Ok(answer)) => Ok(answer),
                    Ok(Err(_)) => Err(lost()),
                    Err(_) => Err(too_late()),
                };
            }
            let ready = self.ready().filter(|_| waits).ok_or_else(unconnected)?;
            if timeout_at(until, ready.notified()).await.is_err() {
                return Err(too_late().replay_safe());
            }
        }
    }

    fn ready(&self) -> Option<Arc<tokio::sync::Notify>> {
        let state = self.network.lock();
        Some(Arc::clone(&state.links.get(&self.process)?.ready))
    }

    fn present(&self) -> Option<u64> {
        self.network.lock().links.get(&self.process)?.current
    }
}

#[async_trait]
impl Backend for Connection {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::shared_server()
    }

    async fn now(&self, _: &Key, _: Call) -> Result<Timestamp> {
        Ok(self.network.timeline.server_time())
    }

    async fn get(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Bytes>>> {
        match self.ask(Command::Get(keys.to_vec()), call).await? {
            Answer::Values(values) => Ok(values),
            _ => Err(confused()),
        }
    }

    async fn head(&self, keys: &[Key], bytes: usize, call: Call) -> Result<Vec<Option<Head>>> {
        match self.ask(Command::Head(keys.to_vec(), bytes), call).await? {
            Answer::Heads(heads) => Ok(heads),
            _ => Err(confused()),
        }
    }

    async fn set(&self, writes: &[Write], call: Call) -> Result<Vec<bool>> {
        flags(self.ask(Command::Set(writes.to_vec()), call).await?)
    }

    async fn delete(&self, keys: &[Key], call: Call) -> Result<u64> {
        // What is replayed may come in any order.
        let mut keys = keys.to_vec();
        keys.sort();
        keys.dedup();
        match self.ask(Command::Delete(keys), call).await? {
            Answer::Count(count) => Ok(count),
            _ => Err(confused()),
        }
    }

    async fn exists(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        flags(self.ask(Command::Exists(keys.to_vec()), call).await?)
    }

    async fn ttl(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Expiry>>> {
        match self.ask(Command::Ttl(keys.to_vec()), call).await? {
            Answer::Expiries(expiries) => Ok(expiries),
            _ => Err(confused()),
        }
    }

    async fn expire(&self, keys: &[Key], lifetime: Lifetime, call: Call) -> Result<Vec<bool>> {
        flags(
            self.ask(Command::Expire(keys.to_vec(), lifetime), call)
                .await?,
        )
    }

    async fn lease(&self, requests: &[LeaseRequest], call: Call) -> Result<Vec<Leased>> {
        match self.ask(Command::Lease(requests.to_vec()), call).await? {
            Answer::Leases(leases) => Ok(leases),
            _ => Err(confused()),
        }
    }

    async fn fill(&self, fills: &[Fill], call: Call) -> Result<Vec<bool>> {
        let present = self.present();
        let anywhere = self.network.without == Some(Rule::Incarnations);
        let counts = |fill: &Fill| {
            let is_given_back = matches!(fill.outcome, FillOutcome::Release);
            anywhere || is_given_back || Some(fill.grant.connection) == present
        };
        let sent: Vec<Fill> = fills.iter().filter(|fill| counts(fill)).cloned().collect();
        if sent.is_empty() {
            return Ok(vec![false; fills.len()]);
        }
        let mut filled = flags(self.ask(Command::Fill(sent), call).await?)?.into_iter();
        let each = fills
            .iter()
            .map(|fill| counts(fill) && filled.next() == Some(true));
        Ok(each.collect())
    }

    async fn mark_stale(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        flags(self.ask(Command::MarkStale(keys.to_vec()), call).await?)
    }

    async fn renew(&self, changes: &[EpochChange], call: Call) -> Result<()> {
        // What is replayed may come in any order.
        let mut changes = changes.to_vec();
        changes.sort_by(|a, b| (&a.key, &a.others).cmp(&(&b.key, &b.others)));
        self.ask(Command::Renew(changes), call).await.map(drop)
    }

    fn watch(&self, watch: Watch) -> bool {
        let mut state = self.network.lock();
        if let Some(link) = state.links.get_mut(&self.process) {
            link.watch = Some(watch);
        }
        true
    }

    async fn scan(
        &self,
        cursor: Cursor,
        pattern: &Glob,
        limit: usize,
        call: Call,
    ) -> Result<ScanPage> {
        let command = Command::Scan(cursor, pattern.clone(), limit);
        match self.ask(command, call).await? {
            Answer::Page(page) => Ok(page),
            _ => Err(confused()),
        }
    }

    async fn pipeline(&self, operations: &[Operation], call: Call) -> Result<Vec<Result<Reply>>> {
        match self
            .ask(Command::Pipeline(operations.to_vec()), call)
            .await?
        {
            Answer::Replies(replies) => Ok(replies),
            _ => Err(confused()),
        }
    }

    fn connections(&self) -> Connections {
        let mut connections = Connections::default();
        connections.active = usize::from(self.present().is_some());
        connections.broken = 1 - connections.active;
        connections
    }

    async fn close(&self) {
        self.network.kill(self.process);
    }
}

fn flags(answer: Answer) -> Result<Vec<bool>> {
    match answer {
        Answer::Flags(flags) => Ok(flags),
        _ => Err(confused()),
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Connection, "the connection broke")
}

fn unconnected() -> Error {
    Error::new(ErrorKind::Connection, "there is no connection").replay_safe()
}

fn too_late() -> Error {
    Error::new(ErrorKind::Timeout, "no answer within the budget")
}

fn confused() -> Error {
    Error::new(ErrorKind::Server, "the server gave another kind of answer")
}
