//! The loop, and the watch over it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::mutator::Mutator;
use crate::outcome::{Failure, Fault, Outcome};
use crate::target::Target;
use crate::trial::{quieten, trial};

/// How often it is seen whether an input hangs.
const WATCH_EVERY: Duration = Duration::from_millis(10);

/// An input may take this many times its bound until it counts as one that hangs: one that
/// only takes too long is tried again.
const PATIENCE: u32 = 4;

/// What to run, and for how long.
#[derive(Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Gives the inputs.
    pub seed: u64,
    /// How long to search.
    pub time: Duration,
    /// The most inputs to run.
    pub inputs: u64,
    /// Holds the input that runs, behind its length: what is left of a process that died.
    pub running: Option<File>,
}

impl Plan {
    /// A plan with the defaults.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            time: Duration::from_secs(1),
            inputs: u64::MAX,
            running: None,
        }
    }

    /// Sets how long to search. Default: 1 second.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Sets the most inputs to run. Default: no bound.
    #[must_use]
    pub fn inputs(mut self, inputs: u64) -> Self {
        self.inputs = inputs;
        self
    }

    /// Sets a file that holds the input that runs. Default: none.
    #[must_use]
    pub fn running(mut self, file: File) -> Self {
        self.running = Some(file);
        self
    }
}

/// Runs inputs until the first that breaks the property, or until the plan's end.
///
/// # Concurrency
/// The inputs run on a thread of their own. One that hangs is left behind with it: the thread
/// goes on for as long as the process does.
#[must_use]
pub fn explore(target: &'static Target, plan: &Plan) -> Outcome {
    let desk = Arc::default();
    // Before the time begins: compressing the seeds takes long where nothing is optimized.
    let mutator = Mutator::new(plan.seed, (target.seeds)(), target.bounds.input_bytes);
    let search = Search {
        target,
        deadline: Instant::now() + plan.time,
        inputs: plan.inputs,
        mutator,
        desk: Arc::clone(&desk),
        running: plan.running.as_ref().and_then(|file| file.try_clone().ok()),
    };
    let corpus = search.mutator.seeds();
    let mut outcome = watched(target, &desk, move || search.run());
    outcome.corpus = corpus;
    outcome
}

/// Runs one input, under the same watch.
#[must_use]
pub fn explore_one(target: &'static Target, input: Vec<u8>) -> Outcome {
    let desk = Arc::default();
    let shared = Arc::clone(&desk);
    watched(target, &desk, move || {
        step(target, &input, &shared);
    })
}

/// What the loop and the watch over it share.
#[derive(Debug, Default)]
struct Desk {
    outcome: Outcome,
    input: Vec<u8>,
    since: Option<Instant>,
}

struct Search {
    target: &'static Target,
    deadline: Instant,
    inputs: u64,
    mutator: Mutator,
    desk: Arc<Mutex<Desk>>,
    running: Option<File>,
}

impl Search {
    fn run(mut self) {
        let mut inputs = 0;
        while inputs < self.inputs && Instant::now() < self.deadline {
            inputs += 1;
            let input = self.mutator.next_input();
            if let Some(file) = &self.running {
                note(file, input);
            }
            if step(self.target, input, &self.desk) {
                return;
            }
        }
    }
}

/// Runs an input; whether it broke the property.
fn step(target: &Target, input: &[u8], desk: &Mutex<Desk>) -> bool {
    {
        let mut desk = lock(desk);
        desk.input.clear();
        desk.input.extend_from_slice(input);
        desk.since = Some(Instant::now());
    }
    let trial = trial(target, input);
    let mut desk = lock(desk);
    desk.since = None;
    let outcome = &mut desk.outcome;
    outcome.inputs += 1;
    outcome.slowest = outcome.slowest.max(trial.took);
    outcome.peak_bytes = outcome.peak_bytes.max(trial.peak_bytes);
    outcome.failure = trial.fault.map(|fault| Failure {
        input: input.to_vec(),
        fault,
    });
    outcome.failure.is_some()
}

/// Does the work on a thread of its own, and says what stands on the desk at its end.
fn watched(
    target: &Target,
    desk: &Arc<Mutex<Desk>>,
    work: impl FnOnce() + Send + 'static,
) -> Outcome {
    let started = Instant::now();
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        quieten();
        work();
        // Nobody waits any more where the watch gave up.
        done.send(()).ok();
    });
    let hung = watch(target, desk, &is_done);
    let mut outcome = lock(desk).outcome.clone();
    outcome.elapsed = started.elapsed();
    outcome.failure = outcome.failure.or(hung);
    outcome
}

/// Waits for the end of the loop, or for an input that does not end.
fn watch(target: &Target, desk: &Mutex<Desk>, is_done: &mpsc::Receiver<()>) -> Option<Failure> {
    let after = target.bounds.time * PATIENCE;
    while is_done.recv_timeout(WATCH_EVERY) == Err(RecvTimeoutError::Timeout) {
        let desk = lock(desk);
        if desk.since.is_some_and(|since| since.elapsed() > after) {
            return Some(Failure {
                input: desk.input.clone(),
                fault: Fault::Hung { after },
            });
        }
    }
    None
}

/// Its length first, so that what an earlier, longer one left behind is not taken for it.
fn note(file: &File, input: &[u8]) {
    let mut noted = Vec::with_capacity(8 + input.len());
    noted.extend_from_slice(&(input.len() as u64).to_le_bytes());
    noted.extend_from_slice(input);
    // An input that can't be noted is still worth running.
    drop(file.write_all_at(&noted, 0));
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}
