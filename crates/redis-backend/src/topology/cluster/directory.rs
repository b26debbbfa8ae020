//! What a backend knows of its cluster, and how that changes.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use larder_cache_core::{Connections, Error, ErrorKind, Moment};
use tokio::sync::{Notify, watch};

use super::map::{Handover, Map};
use super::member::Member;
use super::slot::Slot;
use super::view::{Place, View};
use crate::address::Endpoint;
use crate::error;
use crate::lane::{Lane, Role};
use crate::topology::lanes::Lanes;
use crate::tracking::{Reach, Registered};

/// What a backend knows of its cluster.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) seeds: Vec<Endpoint>,
    pub(super) lanes: Lanes,
    /// Somebody has seen that the map is out of date.
    pub(super) wanted: Notify,
    map: ArcSwap<Map>,
    change: Mutex<()>,
    /// Counts the attempts to make the map anew.
    attempts: watch::Sender<u64>,
    /// Views in a row that were older than the map.
    outdated: AtomicU32,
    failure: Mutex<Option<Error>>,
    next_id: AtomicU64,
    /// Connections that members had made who have left.
    opened_before: AtomicU64,
    closed: AtomicBool,
}

/// So many views in a row that are older than the map show a cluster that was made anew.
const BELIEVED_AT_LAST: u32 = 5;

impl Directory {
    pub(super) fn new(seeds: Vec<Endpoint>, lanes: Lanes) -> Self {
        Self {
            seeds,
            lanes,
            wanted: Notify::new(),
            map: ArcSwap::from_pointee(Map::empty()),
            change: Mutex::new(()),
            attempts: watch::Sender::new(0),
            outdated: AtomicU32::new(0),
            failure: Mutex::new(None),
            next_id: AtomicU64::new(1),
            opened_before: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn map(&self) -> Arc<Map> {
        self.map.load_full()
    }

    /// The node that takes the writes of a slot.
    pub(super) fn primary(&self, slot: Slot) -> Option<Arc<Member>> {
        let map = self.map.load();
        map.owner(slot).map(|shard| Arc::clone(&shard.primary))
    }

    /// Takes a view over, if it is not older than what is known.
    pub(super) fn adopt(&self, view: &View) {
        let _changing = locked(&self.change);
        let before = self.map.load_full();
        if view.epoch < before.epoch
            && self.outdated.fetch_add(1, Ordering::Relaxed) + 1 < BELIEVED_AT_LAST
        {
            return;
        }
        self.outdated.store(0, Ordering::Relaxed);
        self.replace(
            &before,
            before.after(view, |place, role| self.member(place, role)),
        );
    }

    /// A node says that another one holds a slot.
    pub(super) fn moved(&self, slot: Slot, place: &Place) -> Arc<Member> {
        let member = self.node_at(place);
        let _changing = locked(&self.change);
        let before = self.map.load_full();
        let owner = before.owner(slot).map(|shard| &shard.primary);
        if !owner.is_some_and(|owner| Arc::ptr_eq(owner, &member)) {
            self.replace(&before, before.moved(slot, &member));
        }
        member
    }

    /// The node that a redirection leads to.
    pub(super) fn node_at(&self, place: &Place) -> Arc<Member> {
        let _changing = locked(&self.change);
        let before = self.map.load_full();
        let member = before.primary_at(place).cloned().unwrap_or_else(|| {
            let member = Arc::new(self.member(place.clone(), Role::MasterSoon));
            self.replace(&before, before.with(Arc::clone(&member)));
            member
        });
        member.want();
        member
    }

    fn member(&self, place: Place, role: Role) -> Member {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let seed = &self.seeds[0];
        let endpoint = seed.at(&*place.host, place.port);
        let endpoint = endpoint.unwrap_or_else(|| seed.clone());
        Member::new(id, place, role, endpoint, self.lanes.clone())
    }

    fn replace(&self, before: &Map, after: Map) {
        for member in before.members() {
            let stays = after.members().any(|other| other.id == member.id);
            if let (false, Some(lane)) = (stays, member.opened()) {
                let opened = lane.connections().opened;
                self.opened_before.fetch_add(opened, Ordering::Relaxed);
            }
        }
        if self.is_closed() {
            return;
        }
        let tracking = &self.lanes.tracking;
        let handover = before.handover(&after);
        tracking.interrupt(|| {
            if handover == Handover::MayLack {
                tracking.may_have_forgotten();
            }
            self.map.store(Arc::new(after));
            if handover != Handover::None {
                tracking.changed_all();
            }
        });
        if tracking.watcher().is_some() {
            self.open_all();
        }
    }

    /// Opens the lanes of all nodes that have slots: they are to tell what changes.
    pub(super) fn open_all(&self) {
        for shard in &self.map.load().shards {
            shard.primary.lane();
        }
    }

    /// Asks for the map to be made anew.
    pub(super) fn request(&self) {
        self.wanted.notify_one();
    }

    /// An attempt to make the map anew has ended.
    pub(super) fn attempted(&self, failure: Option<Error>) {
        *locked(&self.failure) = failure;
        self.attempts.send_modify(|count| *count += 1);
    }

    /// Asks for the map to be made anew and waits until that was tried.
    pub(super) async fn refreshed(&self) {
        let mut attempts = self.attempts.subscribe();
        self.request();
        // The sender lives as long as `self`.
        let _changed = attempts.changed().await;
    }

    /// Whether something is wrong that a newer map may mend.
    pub(super) fn is_troubled(&self) -> bool {
        let map = self.map.load();
        map.shards.is_empty()
            || locked(&self.failure).is_some()
            || map.members().filter_map(|m| m.opened()).any(Lane::is_down)
    }

    /// Why no node is known that holds a slot.
    pub(super) fn no_owner(&self) -> Error {
        match &*locked(&self.failure) {
            _ if self.is_closed() => error::closed(),
            Some(failure) if self.map.load().shards.is_empty() => failure.clone().replay_safe(),
            _ => Error::new(
                ErrorKind::Server,
                "no node of the cluster holds the key's slot: look at CLUSTER INFO",
            )
            .transient()
            .replay_safe(),
        }
    }

    pub(super) fn connections(&self) -> Connections {
        let mut sum = Connections::default();
        let map = self.map();
        for lane in map.members().filter_map(|member| member.opened()) {
            let one = lane.connections();
            sum.active += one.active;
            sum.broken += one.broken;
            sum.opened += one.opened;
            if sum.last_error.is_none() || one.broken > 0 {
                sum.last_error = one.last_error.or(sum.last_error);
            }
        }
        sum.opened += self.opened_before.load(Ordering::Relaxed);
        if map.shards.is_empty() && !self.is_closed() {
            sum.broken += 1;
        }
        sum.last_error = locked(&self.failure).clone().or(sum.last_error);
        sum
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends all for good. The members that there were are the caller's to close.
    pub(super) fn close(&self) -> Arc<Map> {
        let _changing = locked(&self.change);
        self.closed.store(true, Ordering::Release);
        let before = self.map.load_full();
        self.replace(&before, Map::empty());
        self.map.swap(Arc::new(Map::empty()))
    }
}

impl Reach for Directory {
    /// The least of all nodes that have slots.
    fn told_until(&self, registered: &Registered) -> Option<Moment> {
        let map = self.map.load();
        let lanes = map.shards.iter().map(|shard| shard.primary.opened());
        if lanes.clone().flatten().any(Lane::is_down) {
            // Nobody need call the node that may have been replaced.
            self.request();
        }
        let told = lanes.map(|lane| lane?.told_until(registered));
        told.reduce(|one, other| Some(one?.min(other?)))?
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
