use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use larder::TypedCache;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::measure::{Sample, Samples};

/// Writes one key over and over, to see when it can be written.
#[derive(Debug)]
pub(crate) struct Watch {
    began: Instant,
    calls: Arc<Mutex<Vec<Sample>>>,
    stops: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

const EVERY: Duration = Duration::from_millis(10);

impl Watch {
    /// Begins; times count from `began`.
    pub(super) fn start(began: Instant, values: TypedCache<u64>, key: String) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let stops = Arc::new(AtomicBool::new(false));
        let (noted, stopped) = (Arc::clone(&calls), Arc::clone(&stops));
        let task = tokio::spawn(async move {
            let mut version: u64 = 0;
            while !stopped.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let result = values.set(&key, version).await;
                let sample = Sample {
                    ended: began.elapsed(),
                    took: asked.elapsed(),
                    operation: "set",
                    failure: result.err().map(|error| error.kind()),
                };
                noted
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(sample);
                version += 1;
                sleep(EVERY).await;
            }
        });
        Self {
            began,
            calls,
            stops,
            task,
        }
    }

    /// Stops, and says how the writes went. One that hangs is no write at all.
    pub(crate) async fn end(mut self) -> Samples {
        let observed = self.began.elapsed();
        self.stops.store(true, Ordering::Relaxed);
        if tokio::time::timeout(Duration::from_secs(3), &mut self.task)
            .await
            .is_err()
        {
            self.task.abort();
        }
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        Samples::new(calls.clone(), observed)
    }
}
