//! The operations of a backend on values as they are stored, wherever their servers are.

use std::sync::Arc;

use bytes::Bytes;
use larder_cache_core::{
    Call, Clock, Connections, Cursor, EpochChange, Error, Expiry, Fill, Glob, Head, Key,
    LeaseRequest, Leased, Lifetime, Node, Observers, Operation, Reply, Result, ScanPage, Timestamp,
    Watch, Write,
};

use crate::address::Endpoint;
use crate::bulk::LargeFill;
use crate::commands::{self, Answer, Naming, Replies, Step, all_done, only};
use crate::config::{ReadFrom, RedisConfig};
use crate::info::{self, Facts};
use crate::lane::Turn;
use crate::topology::{Topology, Way};
use crate::tracking::Tracking;

/// The servers of a backend.
///
/// What a cluster does is boxed: every call is allocated at the size of its largest way, and
/// the way to one server is small.
#[derive(Debug)]
pub(crate) struct Servers {
    topology: Topology,
    scan_page_limit: usize,
    tracking: Arc<Tracking>,
    reads_replicas: bool,
}

impl Servers {
    pub(crate) async fn connect(
        config: &RedisConfig,
        observers: Observers,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let tracking = Arc::default();
        Ok(Self {
            topology: Topology::connect(config, observers, clock, &tracking).await?,
            scan_page_limit: config.scan_page_limit,
            tracking,
            reads_replicas: config.read_from == ReadFrom::Replica,
        })
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.topology.way(), Way::Many(_))
    }

    /// Where the server is that takes the writes of a key now, and the connection to it.
    pub(crate) async fn owner_of(&self, key: &Key, call: Call) -> Result<(Arc<Endpoint>, u64)> {
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                let link = turn.link();
                Ok((Arc::clone(link.endpoint()), link.connection()))
            }
            Way::Many(cluster) => Box::pin(cluster.owner_of(key, call)).await,
        }
    }

    /// Whether another server may take the writes of a key by now, after a refusal by the
    /// one that did; where it may, it is looked for.
    pub(crate) fn may_have_moved(&self, refusal: &Error) -> bool {
        match self.topology.way() {
            Way::Many(cluster) if refusal.is_replay_safe() => {
                cluster.look_again();
                true
            }
            _ => false,
        }
    }

    pub(crate) async fn now(&self, key: &Key, call: Call) -> Result<Timestamp> {
        match self.topology.way() {
            Way::One(lane) => lane.now(call).await,
            Way::Many(cluster) => Box::pin(cluster.now(key, call)).await,
        }
    }

    pub(crate) async fn get(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Bytes>>> {
        if let Some(lane) = self.topology.replica()
            && let Ok(turn) = Box::pin(lane.turn(half(call))).await
            && let Ok(found) = Box::pin(read(&turn, keys)).await
        {
            return Ok(found);
        }
        match self.topology.way() {
            Way::One(lane) => read(&lane.turn(call).await?, keys).await,
            Way::Many(cluster) => Box::pin(cluster.get(keys, call)).await,
        }
    }

    pub(crate) async fn head(
        &self,
        keys: &[Key],
        bytes: usize,
        call: Call,
    ) -> Result<Vec<Option<Head>>> {
        if let Some(lane) = self.topology.replica()
            && let Ok(turn) = lane.turn(half(call)).await
            && let Ok(found) = turn.run(commands::head(turn.link(), keys, bytes)).await
        {
            return Ok(found);
        }
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::head(turn.link(), keys, bytes)).await
            }
            Way::Many(cluster) => Box::pin(cluster.head(keys, bytes, call)).await,
        }
    }

    pub(crate) async fn set(&self, writes: &[Write], call: Call) -> Result<Vec<bool>> {
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                match writes {
                    [write] => Ok(vec![turn.set(write).await?]),
                    _ => Box::pin(turn.run(commands::set(turn.link(), writes))).await,
                }
            }
            Way::Many(cluster) => Box::pin(cluster.set(writes, call)).await,
        }
    }

    pub(crate) async fn delete(&self, keys: &[Key], call: Call) -> Result<u64> {
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::delete(turn.link(), keys)).await
            }
            Way::Many(cluster) => Box::pin(cluster.delete(keys, call)).await,
        }
    }

    pub(crate) async fn exists(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        if let Some(lane) = self.topology.replica()
            && let Ok(turn) = lane.turn(half(call)).await
            && let Ok(found) = turn.run(commands::exists(turn.link(), keys)).await
        {
            return Ok(found);
        }
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::exists(turn.link(), keys)).await
            }
            Way::Many(cluster) => Box::pin(cluster.exists(keys, call)).await,
        }
    }

    pub(crate) async fn ttl(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Expiry>>> {
        if let Some(lane) = self.topology.replica()
            && let Ok(turn) = lane.turn(half(call)).await
            && let Ok(found) = turn.run(commands::ttl(turn.link(), keys)).await
        {
            return Ok(found);
        }
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::ttl(turn.link(), keys)).await
            }
            Way::Many(cluster) => Box::pin(cluster.ttl(keys, call)).await,
        }
    }

    pub(crate) async fn expire(
        &self,
        keys: &[Key],
        lifetime: Lifetime,
        call: Call,
    ) -> Result<Vec<bool>> {
        let step = |key| Step::Expire(key, lifetime, Naming::Digest);
        let steps: Vec<Step<'_>> = keys.iter().map(step).collect();
        let moved = |answer: Answer| commands::moved_or_not(&only(answer?.replies)?);
        let answers = self.run(&steps, call).await?;
        all_done(answers.into_iter().map(moved).collect(), 0)
    }

    pub(crate) async fn lease(&self, requests: &[LeaseRequest], call: Call) -> Result<Vec<Leased>> {
        let step = |request| Step::Lease(request, Naming::Digest);
        let steps: Vec<Step<'_>> = requests.iter().map(step).collect();
        let answers = self.run(&steps, call).await?;
        let leased = |(request, answer): (_, Answer)| {
            let Replies {
                replies,
                connection,
            } = answer?;
            commands::leased(request, &only(replies)?, connection)
        };
        all_done(requests.iter().zip(answers).map(leased).collect(), 0)
    }

    pub(crate) async fn fill(&self, fills: &[Fill], call: Call) -> Result<Vec<bool>> {
        let step = |fill| Step::Fill(fill, Naming::Digest);
        let steps: Vec<Step<'_>> = fills.iter().map(step).collect();
        self.fill_by(&steps, call).await
    }

    /// Puts a large value in place, which the server has already.
    pub(crate) async fn fill_large(&self, fill: &LargeFill, call: Call) -> Result<bool> {
        let step = Step::FillLarge(fill, Naming::Digest);
        Ok(self.fill_by(&[step], call).await?.contains(&true))
    }

    async fn fill_by(&self, steps: &[Step<'_>], call: Call) -> Result<Vec<bool>> {
        let answers = self.run(steps, call).await?;
        let filled = |answer: Answer| commands::filled(&answer?.replies);
        all_done(answers.into_iter().map(filled).collect(), 0)
    }

    pub(crate) async fn mark_stale(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        let step = |key| Step::MarkStale(key, Naming::Digest);
        let steps: Vec<Step<'_>> = keys.iter().map(step).collect();
        let marked = |answer: Answer| commands::moved_or_not(&only(answer?.replies)?);
        let answers = self.run(&steps, call).await?;
        all_done(answers.into_iter().map(marked).collect(), 0)
    }

    pub(crate) async fn renew(&self, changes: &[EpochChange], call: Call) -> Result<()> {
        let step = |change| Step::Renew(change, Naming::Digest);
        let steps: Vec<Step<'_>> = changes.iter().map(step).collect();
        let renewed = |answer: Answer| commands::renewed(&only(answer?.replies)?);
        let answers = self.run(&steps, call).await?;
        all_done(answers.into_iter().map(renewed).collect(), 0).map(drop)
    }

    /// What a server says of itself that takes writes: the one of a key, or all of them.
    pub(crate) async fn facts(&self, key: Option<&Key>, call: Call) -> Result<Vec<Facts>> {
        match (self.topology.way(), key) {
            (Way::One(lane), _) => Ok(vec![info::facts(&lane.turn(call).await?).await?]),
            (Way::Many(cluster), Some(key)) => Ok(vec![cluster.facts_of(key, call).await?]),
            (Way::Many(cluster), None) => cluster.facts(call).await,
        }
    }

    /// Runs steps that are scripts: an answer to each.
    pub(crate) async fn run(&self, steps: &[Step<'_>], call: Call) -> Result<Vec<Answer>> {
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                let link = turn.link();
                if !steps.iter().any(|step| step.may_go_on(link)) {
                    // Nothing is sent, which says nothing of the server's health.
                    return commands::run(link, steps).await;
                }
                turn.run(commands::run(link, steps)).await
            }
            Way::Many(cluster) => Ok(Box::pin(cluster.deliver(steps, call)).await),
        }
    }

    /// Has changes told from now on; `false` where a replica, which lags behind, may answer
    /// after they were told.
    pub(crate) fn watch(&self, watch: Watch) -> bool {
        if self.reads_replicas {
            return false;
        }
        self.tracking.register(watch);
        self.topology.watched();
        true
    }

    pub(crate) async fn scan(
        &self,
        cursor: Cursor,
        pattern: &Glob,
        limit: usize,
        call: Call,
    ) -> Result<ScanPage> {
        let limit = limit.clamp(1, self.scan_page_limit);
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::scan(turn.link(), &cursor, pattern, limit))
                    .await
            }
            Way::Many(cluster) => Box::pin(cluster.scan(cursor, pattern, limit, call)).await,
        }
    }

    pub(crate) async fn pipeline(
        &self,
        operations: &[Operation],
        call: Call,
    ) -> Result<Vec<Result<Reply>>> {
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::pipeline(turn.link(), operations)).await
            }
            Way::Many(cluster) => Box::pin(cluster.pipeline(operations, call)).await,
        }
    }

    pub(crate) fn connections(&self) -> Connections {
        self.topology.connections()
    }

    pub(crate) async fn nodes(&self, call: Call) -> Result<Vec<Node>> {
        self.topology.nodes(call).await
    }

    pub(crate) async fn close(&self) {
        self.topology.close().await;
    }
}

async fn read(turn: &Turn<'_>, keys: &[Key]) -> Result<Vec<Option<Bytes>>> {
    match keys {
        [key] => Ok(vec![turn.get(key).await?]),
        _ => Box::pin(turn.run(commands::get(turn.link(), keys))).await,
    }
}

/// For a replica, so that the primary has its turn when it does not answer.
fn half(call: Call) -> Call {
    Call::within(call.budget / 2)
}
