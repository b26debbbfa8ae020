//! A short run of one operation.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::task::JoinSet;

use crate::Failure;

/// How many operations lie between two looks at the clock, which cost as much as a hit in L1.
const BETWEEN_LOOKS: usize = 16;

/// Something to do over and over.
pub trait Operation: Send + Sync + 'static {
    /// Does it once, with a random number, and says whether it succeeded.
    fn once(&self, random: usize) -> impl Future<Output = bool> + Send;
}

/// An operation, whichever it is.
pub struct Candidate {
    /// What it is called in tables.
    pub name: &'static str,
    worker: Box<dyn Worker>,
}

trait Worker: Send + Sync {
    fn work(&self, until: Instant) -> Working;
}

type Working = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What one task did.
#[derive(Clone, Copy, Debug)]
struct Done {
    operations: usize,
    failures: usize,
}

impl Candidate {
    /// An operation under a name.
    pub fn new(name: &'static str, operation: impl Operation) -> Self {
        let worker = Box::new(Arc::new(operation));
        Self { name, worker }
    }

    /// Lets so many tasks do it, each one operation after the other, and says how many a
    /// second were done.
    pub async fn run(&self, tasks: usize, duration: Duration) -> Result<f64, Failure> {
        let began = Instant::now();
        let mut running = JoinSet::new();
        for _ in 0..tasks {
            running.spawn(self.worker.work(began + duration));
        }
        let done = running.join_all().await;
        let elapsed = began.elapsed();
        let operations: usize = done.iter().map(|done| done.operations).sum();
        let failures: usize = done.iter().map(|done| done.failures).sum();
        if failures > 0 || operations == 0 {
            let name = self.name;
            return Err(format!("`{name}`: {failures} of {operations} operations failed").into());
        }
        Ok(operations as f64 / elapsed.as_secs_f64())
    }
}

impl<O: Operation> Worker for Arc<O> {
    fn work(&self, until: Instant) -> Working {
        let operation = Self::clone(self);
        Box::pin(async move {
            let mut random = Rng::new();
            let mut done = Done {
                operations: 0,
                failures: 0,
            };
            while Instant::now() < until {
                for _ in 0..BETWEEN_LOOKS {
                    let succeeded = operation.once(random.usize(..)).await;
                    done.operations += 1;
                    done.failures += usize::from(!succeeded);
                }
                // A task that only hits L1 would never let the connection's task run.
                tokio::task::consume_budget().await;
            }
            done
        })
    }
}
