//! A master with replicas, watched by Sentinels.
//!
//! ```text
//! Sentinels --reports--> Watch --address at each dial--> Lane --> master
//!                          |                              ^
//!                          +--- "another master" ---------+--- ROLE every second
//! ```

mod report;
mod talk;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use larder_cache_core::{Call, Connections, Error, ErrorKind, Node, Random, Result, SystemRandom};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use self::report::Place;
use self::watch::Watch;
use super::cluster::jittered;
use super::lanes::Lanes;
use crate::config::ReadFrom;
use crate::info;
use crate::lane::{Lane, Place as LanePlace, Role, Start, Target, is_master};
use crate::plan::Service;

/// The master of a service, wherever it is, and its replicas.
#[derive(Debug)]
pub(crate) struct Sentinel {
    master: Arc<Lane>,
    replicas: Arc<Replicas>,
    watch: Arc<Watch>,
    lanes: Lanes,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// Lanes to the replicas that the Sentinels know.
#[derive(Debug, Default)]
struct Replicas(Mutex<HashMap<Place, Arc<Lane>>>);

impl Sentinel {
    /// Finds the master, as far as the start asks for it.
    pub(super) async fn connect(
        service: Service,
        lanes: Lanes,
        read_from: ReadFrom,
        start: Start,
    ) -> Result<Self> {
        let watch = Arc::new(Watch::new(service, lanes.pace.timeout));
        let mut tasks = Tasks(Vec::new());
        for index in 0..watch.count() {
            tasks.spawn(Arc::clone(&watch).keep(index));
        }
        let target = Target {
            place: LanePlace::Wherever(Arc::clone(&watch) as _),
            role: Role::MasterSoon,
        };
        let master = Arc::new(lanes.open(target, start).await?);
        tasks.spawn(follow(Arc::clone(&watch), Arc::clone(&master)));
        tasks.spawn(check_role(Arc::clone(&master), lanes.pace.timeout));
        let replicas = Arc::new(Replicas::default());
        if read_from == ReadFrom::Replica {
            let (replicas, watch) = (Arc::clone(&replicas), Arc::clone(&watch));
            tasks.spawn(follow_replicas(replicas, watch, lanes.clone()));
        }
        Ok(Self {
            master,
            replicas,
            watch,
            lanes,
            tasks: Mutex::new(std::mem::take(&mut tasks.0)),
        })
    }

    pub(crate) fn master(&self) -> &Lane {
        &self.master
    }

    /// One of the replicas there is a connection to, where they are read from.
    pub(crate) fn replica(&self) -> Option<Arc<Lane>> {
        let lanes = self.replicas.lanes();
        let usable: Vec<_> = lanes.into_iter().filter(|lane| lane.is_up()).collect();
        let index = SystemRandom.next_u64() % usable.len().max(1) as u64;
        usable.into_iter().nth(usize::try_from(index).unwrap_or(0))
    }

    pub(crate) fn connections(&self) -> Connections {
        let mut sum = self.master.connections();
        for lane in self.replicas.lanes() {
            let one = lane.connections();
            sum.active += one.active;
            sum.broken += one.broken;
            sum.opened += one.opened;
            sum.last_error = sum.last_error.or(one.last_error);
        }
        sum
    }

    /// Facts about the master, and about the replicas that answer.
    pub(crate) async fn nodes(&self, call: Call) -> Result<Vec<Node>> {
        let turn = self.master.turn(call).await?;
        let master = info::inspect(&turn, turn.link().node()).await?;
        let replicas = self.watch.replicas();
        let asked = replicas.iter().map(|place| self.inspect(place, call));
        let replicas = join_all(asked).await;
        Ok(std::iter::once(master).chain(replicas).collect())
    }

    async fn inspect(&self, place: &Place, call: Call) -> Node {
        let endpoint = self.watch.server_at(place);
        let address = endpoint.address.to_string();
        let asked = async {
            let lane = self.lanes.once(endpoint).await?;
            info::inspect(&lane.turn(call).await?, &address).await
        };
        match timeout(call.budget, asked).await {
            Ok(Ok(node)) => node,
            Ok(Err(_)) | Err(_) => Node::new(address, "replica"),
        }
    }

    /// Ends all connections and tasks, and waits until they have ended.
    pub(crate) async fn close(&self) {
        let tasks = std::mem::take(&mut *locked(&self.tasks));
        for task in tasks {
            task.abort();
            // It ends by being aborted: that is no news.
            let _aborted = task.await;
        }
        self.master.close().await;
        for lane in self.replicas.replace(HashMap::new()) {
            lane.close().await;
        }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        locked(&self.tasks).iter().for_each(JoinHandle::abort);
    }
}

/// Tasks that end with this value.
struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(task));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Replicas {
    fn lanes(&self) -> Vec<Arc<Lane>> {
        locked(&self.0).values().cloned().collect()
    }

    fn replace(&self, next: HashMap<Place, Arc<Lane>>) -> Vec<Arc<Lane>> {
        std::mem::replace(&mut *locked(&self.0), next)
            .into_values()
            .collect()
    }
}

/// Leaves the master when the Sentinels name another one.
async fn follow(watch: Arc<Watch>, master: Arc<Lane>) {
    loop {
        let why = watch.master_changed().await;
        master.dismiss(&why);
        watch.anything_said().await;
    }
}

/// Leaves the master when it says that it is none any more, though nobody else has.
async fn check_role(master: Arc<Lane>, patience: Duration) {
    const EVERY: Duration = Duration::from_secs(1);
    loop {
        sleep(jittered(EVERY)).await;
        let Ok(turn) = master.turn(Call::within(patience)).await else {
            continue;
        };
        let answer = turn.run(turn.link().ask(&redis::cmd("ROLE"))).await;
        match answer {
            Ok(role) if !is_master(&role) => {
                let message = "the server is no master any more";
                let why = Error::new(ErrorKind::Connection, message);
                master.dismiss(&why.with("node", turn.link().node()));
            }
            // The user may not ask; the Sentinels are left.
            Err(error) if error.kind() == ErrorKind::Auth => return,
            Ok(_) | Err(_) => {}
        }
    }
}

/// Keeps lanes to the replicas that the Sentinels know.
async fn follow_replicas(replicas: Arc<Replicas>, watch: Arc<Watch>, lanes: Lanes) {
    loop {
        let mut before: HashMap<Place, Arc<Lane>> = locked(&replicas.0).clone();
        let places = watch.replicas();
        let next = places.into_iter().map(|place| {
            let lane = before
                .remove(&place)
                .unwrap_or_else(|| Arc::new(lanes.begin(watch.server_at(&place), Role::Replica)));
            (place, lane)
        });
        let next = next.collect();
        replicas.replace(next);
        watch.anything_said().await;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
