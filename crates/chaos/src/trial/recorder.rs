use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use larder::{Event, Observer};

use crate::measure::{Sample, Samples};

/// Records every call of the cache to its backend.
#[derive(Debug)]
pub(crate) struct Recorder {
    began: Instant,
    calls: Mutex<Vec<Sample>>,
    connected: AtomicU64,
    last_failure: Mutex<Option<String>>,
}

impl Recorder {
    pub(crate) fn new(began: Instant) -> Self {
        Self {
            began,
            calls: Mutex::default(),
            connected: AtomicU64::new(0),
            last_failure: Mutex::default(),
        }
    }

    pub(crate) fn samples(&self) -> Samples {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        Samples::new(calls.clone(), self.began.elapsed())
    }

    /// How the last call that failed did so.
    pub(crate) fn last_failure(&self) -> Option<String> {
        let last = self.last_failure.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often a connection was made.
    pub(crate) fn connected(&self) -> u64 {
        self.connected.load(Ordering::Relaxed)
    }
}

impl Observer for Recorder {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::BackendCall {
                operation,
                elapsed,
                error,
            } => {
                let sample = Sample {
                    ended: self.began.elapsed(),
                    took: *elapsed,
                    operation,
                    failure: error.map(|error| error.kind()),
                };
                let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
                calls.push(sample);
                drop(calls);
                if let Some(error) = error {
                    let last = self.last_failure.lock();
                    let mut last = last.unwrap_or_else(PoisonError::into_inner);
                    *last = Some(format!("{operation}: {error}"));
                }
            }
            Event::Connected { .. } => {
                self.connected.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}
