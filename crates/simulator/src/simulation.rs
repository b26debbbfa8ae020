//! One simulation: from a seed to a verdict.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::checker::{Checks, Promise, Violation};
use crate::client::{MAX_KEYS, Process, Worker};
use crate::dice::Dice;
use crate::fault::{Fault, Troubles};
use crate::plan::Plan;
use crate::rule::Rule;
use crate::timeline::{Line, Tracing};
use crate::world::World;

/// The longest that faults go on, in virtual time.
const LONGEST: Duration = Duration::from_secs(20);

/// After the faults, for connections to come back and for failed changes to be made.
const SETTLING: Duration = Duration::from_secs(3);

/// What a simulation did, and what became of it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// Operations of all tasks.
    pub operations: u64,
    /// What was checked.
    pub checks: Checks,
    /// Loads that the caches ran.
    pub loads: u64,
    /// Fills that the server accepted.
    pub fills_accepted: u64,
    /// Fills that the server refused.
    pub fills_refused: u64,
    /// Faults, in the order of [`Fault::ALL`].
    pub faults: [u64; Fault::ALL.len()],
    /// Promises that were broken.
    pub violations: Vec<Violation>,
    /// Everything that happened, where it was asked for.
    pub trace: Vec<Line>,
}

/// Simulates what the seed decides. The same seed gives the same outcome, to the last line
/// of the trace.
///
/// # Panics
/// When no runtime can be had.
#[must_use]
pub fn simulate(seed: u64, without: Option<Rule>, tracing: Tracing) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(Simulation::run(seed, without, tracing)),
        Err(error) => panic!("could not build a runtime: {error}"),
    }
}

struct Simulation {
    world: Arc<World>,
    dice: Dice,
    processes: Vec<Process>,
    started: u32,
    outcome: Outcome,
}

impl Simulation {
    async fn run(seed: u64, without: Option<Rule>, tracing: Tracing) -> Outcome {
        let mut dice = Dice::new(seed);
        let plan = Plan::of(&mut dice);
        debug_assert!(plan.key_count() <= MAX_KEYS, "notes are kept for so many");
        let mut troubles = Troubles::some(&mut dice);
        let world = World::new(plan, &mut dice, without, tracing);
        world
            .timeline
            .tell("plan", || format!("{:?} {troubles:?}", world.plan));
        let mut simulation = Self {
            world,
            dice,
            processes: Vec::new(),
            started: 0,
            outcome: Outcome::default(),
        };
        simulation.act(&mut troubles).await;
        simulation.settle().await;
        simulation.end().await;
        simulation.outcome()
    }

    /// All tasks work while things go wrong.
    async fn act(&mut self, troubles: &mut Troubles) {
        for _ in 0..self.world.plan.processes {
            self.start(self.world.plan.operations);
        }
        let end = Instant::now() + LONGEST;
        let mut next = troubles.next(&mut self.dice);
        let mut due = Instant::now();
        while self.is_working() && Instant::now() < end {
            let Some((pause, fault)) = next else {
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            due += Duration::from_millis(pause);
            while Instant::now() < due && self.is_working() {
                sleep_until(due.min(Instant::now() + Duration::from_millis(20))).await;
            }
            self.strike(fault);
            next = troubles.next(&mut self.dice);
        }
        self.world.network.calm();
        self.world
            .timeline
            .tell("fault", || "no more faults".into());
        while self.is_working() {
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn is_working(&self) -> bool {
        let mut workers = self.processes.iter().flat_map(|process| &process.workers);
        workers.any(|worker| !worker.is_finished())
    }

    fn start(&mut self, operations: u32) {
        self.started += 1;
        match Process::start(&self.world, self.started, operations, &mut self.dice) {
            Ok(process) => self.processes.push(process),
            Err(error) => {
                let what = format!("a cache could not be built: {error}");
                self.world.checker.violate(Promise::Panic, what, "");
            }
        }
    }

    fn strike(&mut self, fault: Fault) {
        let network = Arc::clone(&self.world.network);
        let timeline = Arc::clone(&self.world.timeline);
        let index = self.dice.index(self.processes.len());
        let Some(victim) = self.processes.get(index).map(|process| process.id) else {
            return;
        };
        let millis = self.dice.pick(&[30, 150, 700, 1500]);
        timeline.tell("fault", || format!("{fault:?} (p{victim}, {millis} ms)"));
        match fault {
            Fault::Disconnect => network.disconnect(victim),
            Fault::Stall => network.stall(victim, millis),
            Fault::Pause => network.pause(millis),
            Fault::Eviction => {
                let evicted = network.evict();
                timeline.tell("fault", || format!("evicted: {evicted:?}"));
            }
            Fault::Crash => self.crash(index),
            Fault::Failover => network.fail_over(self.dice.pick(&[5, 40, 300])),
        }
        self.outcome.faults[fault as usize] += 1;
    }

    /// A process ends, whatever it was doing, and another takes its place.
    fn crash(&mut self, index: usize) {
        let process = self.processes.remove(index);
        self.world.network.kill(process.id);
        self.world.checker.crashed(process.id);
        process
            .workers
            .iter()
            .for_each(tokio::task::JoinHandle::abort);
        self.outcome.loads += process.probe.loads();
        drop(process);
        self.start(self.world.plan.operations / 2);
    }

    /// All is well again: what was promised for this case must hold everywhere.
    async fn settle(&mut self) {
        self.panics().await;
        sleep(SETTLING + self.world.plan.max_staleness + self.world.plan.outage).await;
        let mut last = Vec::new();
        for process in &self.processes {
            let api = process.api.clone();
            let worker = Worker::new(&self.world, process.id, 9, api, self.dice.fork());
            last.push(tokio::spawn(worker.run_final()));
        }
        for worker in last {
            if worker.await.is_err() {
                self.panicked();
            }
        }
    }

    async fn panics(&mut self) {
        for index in 0..self.processes.len() {
            for worker in std::mem::take(&mut self.processes[index].workers) {
                if worker.await.is_err() {
                    self.panicked();
                }
            }
        }
    }

    fn panicked(&self) {
        let what = "a task of a process panicked".to_owned();
        self.world.checker.violate(Promise::Panic, what, "");
    }

    /// Everything is shut down, and nothing may be left.
    async fn end(&mut self) {
        for process in std::mem::take(&mut self.processes) {
            let left = process.api.shutdown().await;
            self.outcome.loads += process.probe.loads();
            if !left.is_empty() {
                let what = format!("p{} had to abort {left:?}", process.id);
                self.world.checker.violate(Promise::Shutdown, what, "");
            }
        }
        // What is under way on connections that are closed.
        sleep(Duration::from_secs(2)).await;
        let alive = tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks();
        if alive > 0 {
            let what = format!("{alive} tasks run on after the shutdown");
            self.world.checker.violate(Promise::Shutdown, what, "");
        }
    }

    fn outcome(mut self) -> Outcome {
        let fills = self.world.network.fills();
        (self.outcome.checks, self.outcome.violations) = self.world.checker.verdict();
        self.outcome.operations = self.world.operations();
        self.outcome.fills_accepted = fills.accepted;
        self.outcome.fills_refused = fills.refused;
        self.outcome.trace = self.world.timeline.take_lines();
        self.outcome
    }
}
