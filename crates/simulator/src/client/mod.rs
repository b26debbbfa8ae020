//! Processes: a cache each, and tasks that use it at random.

mod api;
mod changing;
mod loading;
mod probe;
mod worker;

use std::sync::Arc;

use larder_cache_core::Result;
use tokio::task::JoinHandle;

pub(crate) use self::api::Api;
use self::api::Parts;
use self::probe::Probe;
pub(crate) use self::probe::{MAX_KEYS, NOTES, Notes};
pub(crate) use self::worker::Worker;
use crate::dice::{Dice, Source};
use crate::network::Connection;
use crate::timeline::VirtualClock;
use crate::world::World;

/// A simulated process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) id: u32,
    pub(crate) api: Api,
    pub(crate) probe: Arc<Probe>,
    pub(crate) workers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a process whose tasks do so many operations each.
    pub(crate) fn start(
        world: &Arc<World>,
        id: u32,
        operations: u32,
        dice: &mut Dice,
    ) -> Result<Self> {
        let probe = Probe::new(id, Arc::clone(&world.plan), Arc::clone(&world.checker));
        let parts = Parts {
            backend: Connection::new(&world.network, id, dice.fork()),
            clock: Arc::new(VirtualClock(Arc::clone(&world.timeline))),
            random: Arc::new(Source::new(dice.next())),
            observer: Arc::clone(&probe) as _,
            without: world.without,
        };
        let api = Api::build(&world.plan, parts)?;
        let workers = (0..world.plan.tasks).map(|task| {
            let worker = Worker::new(world, id, task, api.clone(), dice.fork());
            tokio::spawn(worker.run(operations))
        });
        Ok(Self {
            id,
            workers: workers.collect(),
            api,
            probe,
        })
    }
}
