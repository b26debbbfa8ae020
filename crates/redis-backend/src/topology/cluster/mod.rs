//! A cluster: keys are divided into slots, and slots among nodes.
//!
//! ```text
//! call --steps--> Delivery --by slot--> Map --> Member --> Lane --> node
//!                    |                   ^                            |
//!                    +---- MOVED, ASK ---+-- refresh <-- CLUSTER SLOTS +
//! ```

mod delivery;
mod directory;
mod errand;
mod map;
mod member;
mod operations;
mod redirect;
mod refresh;
mod scan;
mod slot;
mod view;

use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::future::join_all;
use larder_cache_core::{Call, Connections, ErrorKind, Key, Node, Result, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

pub(super) use self::refresh::jittered;
#[cfg(feature = "fuzzing")]
pub(crate) use self::scan::read_and_write;

use self::directory::Directory;
use self::errand::deadline;
use self::member::Member;
use self::slot::Slot;
use super::lanes::Lanes;
use crate::address::Endpoint;
use crate::config::{AtStart, ReadFrom};
use crate::info::{self, Facts};
use crate::lane::Start;
use crate::tracking::Reach;

/// All nodes of a cluster, each with a lane of its own as soon as it is needed.
#[derive(Debug)]
pub(crate) struct Cluster {
    directory: Arc<Directory>,
    read_from: ReadFrom,
    refresher: Mutex<Option<JoinHandle<()>>>,
}

impl Cluster {
    /// Where the node is that takes the writes of a key now, and the connection to it.
    pub(crate) async fn owner_of(&self, key: &Key, call: Call) -> Result<(Arc<Endpoint>, u64)> {
        let primary = self.primary(Slot::of(key.as_bytes()), call).await?;
        let turn = primary.lane().turn(call).await;
        if turn.is_err() {
            self.directory.request();
        }
        let turn = turn?;
        let link = turn.link();
        Ok((Arc::clone(link.endpoint()), link.connection()))
    }

    /// Who knows until when all masters have told a watcher everything.
    pub(crate) fn reach(&self) -> Weak<dyn Reach> {
        let directory: Weak<Directory> = Arc::downgrade(&self.directory);
        directory
    }

    /// A watcher was registered.
    pub(crate) fn watched(&self) {
        self.directory.open_all();
    }

    /// Asks for the map to be made anew.
    pub(crate) fn look_again(&self) {
        self.directory.request();
    }

    /// Finds the cluster, as far as the start asks for it.
    pub(super) async fn connect(
        seeds: Vec<Endpoint>,
        lanes: Lanes,
        read_from: ReadFrom,
        start: Start,
    ) -> Result<Self> {
        let pause = lanes.pace.retry_delay / 16;
        let directory = Arc::new(Directory::new(seeds, lanes));
        let mut retries = 0;
        while let Err(error) = refresh::refresh(&directory).await {
            match error.kind() {
                ErrorKind::Auth | ErrorKind::Config => return Err(error),
                _ if retries < start.max_retries => {
                    sleep(refresh::jittered(pause * (1 << retries.min(4)))).await;
                    retries += 1;
                }
                _ if start.at_start == AtStart::Required => return Err(error),
                _ => {
                    tracing::warn!(%error, "starting without the cluster, will go on trying");
                    directory.attempted(Some(error));
                    break;
                }
            }
        }
        for shard in &directory.map().shards {
            shard.primary.lane();
        }
        let refresher = tokio::spawn(refresh::keep(Arc::clone(&directory)));
        Ok(Self {
            directory,
            read_from,
            refresher: Mutex::new(Some(refresher)),
        })
    }

    /// The time of the node that holds a key.
    pub(crate) async fn now(&self, key: &Key, call: Call) -> Result<Timestamp> {
        let began = Instant::now();
        let primary = self.primary(Slot::of(key.as_bytes()), call).await?;
        let left = call.budget.saturating_sub(began.elapsed());
        let now = primary.lane().now(Call::within(left)).await;
        if now.is_err() {
            self.directory.request();
        }
        now
    }

    /// The node that takes the writes of a slot. Waits for it within the budget where none is
    /// known.
    async fn primary(&self, slot: Slot, call: Call) -> Result<Arc<Member>> {
        if let Some(primary) = self.directory.primary(slot) {
            return Ok(primary);
        }
        if !self.directory.is_closed() && !self.directory.map().shards.is_empty() {
            let until = deadline(call);
            let _tried = timeout_at(until, self.directory.refreshed()).await;
        }
        let primary = self.directory.primary(slot);
        primary.ok_or_else(|| self.directory.no_owner())
    }

    pub(crate) fn connections(&self) -> Connections {
        self.directory.connections()
    }

    /// Facts about all nodes. One that does not answer has address and role alone.
    pub(crate) async fn nodes(&self, call: Call) -> Result<Vec<Node>> {
        let map = self.directory.map();
        let asked = map.members().map(|member| self.inspect(member, call));
        let nodes = join_all(asked).await;
        let failure = nodes.iter().find_map(|(_, failure)| failure.clone());
        let is_any_answered = nodes.iter().any(|(_, failure)| failure.is_none());
        match failure {
            Some(error) if !is_any_answered => Err(error),
            None if nodes.is_empty() => Err(self.directory.no_owner()),
            _ => Ok(nodes.into_iter().map(|(node, _)| node).collect()),
        }
    }

    /// What the node says of itself that takes the writes of a key.
    pub(crate) async fn facts_of(&self, key: &Key, call: Call) -> Result<Facts> {
        let primary = self.primary(Slot::of(key.as_bytes()), call).await?;
        facts_of(&primary, call).await
    }

    /// What all nodes say of themselves that take writes.
    pub(crate) async fn facts(&self, call: Call) -> Result<Vec<Facts>> {
        let map = self.directory.map();
        if map.shards.is_empty() {
            return Err(self.directory.no_owner());
        }
        let primaries = map.shards.iter().map(|shard| &*shard.primary);
        let asked = join_all(primaries.map(|primary| facts_of(primary, call))).await;
        asked.into_iter().collect()
    }

    async fn inspect(
        &self,
        member: &Member,
        call: Call,
    ) -> (Node, Option<larder_cache_core::Error>) {
        let address = member.endpoint().address.to_string();
        let asked = async {
            if member.is_replica() && member.opened().is_none() {
                let lane = self.directory.lanes.once(member.endpoint().clone()).await?;
                return info::inspect(&lane.turn(call).await?, &address).await;
            }
            info::inspect(&member.lane().turn(call).await?, &address).await
        };
        let until = deadline(call);
        let error = match timeout_at(until, asked).await {
            Ok(Ok(node)) => return (node, None),
            Ok(Err(error)) => error,
            Err(_) => crate::error::no_connection(call.budget).with("node", &address),
        };
        let role = if member.is_replica() {
            "replica"
        } else {
            "master"
        };
        (Node::new(address, role), Some(error))
    }

    /// Ends all connections and tasks, and waits until they have ended.
    pub(crate) async fn close(&self) {
        let last = self.directory.close();
        let refresher = self.take_refresher();
        if let Some(refresher) = refresher {
            refresher.abort();
            // It ends by being aborted: that is no news.
            let _aborted = refresher.await;
        }
        let lanes = last.members().filter_map(|member| member.opened());
        join_all(lanes.map(|lane| lane.close())).await;
    }

    fn take_refresher(&self) -> Option<JoinHandle<()>> {
        self.refresher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

async fn facts_of(member: &Member, call: Call) -> Result<Facts> {
    info::facts(&member.lane().turn(call).await?).await
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(refresher) = self.take_refresher() {
            refresher.abort();
        }
    }
}
