use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::Window;

/// When the machine let this program wait, and for how long.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lag {
    /// When a wait ended, and how much longer it was than asked for.
    waits: Vec<(Duration, Duration)>,
}

/// Sleeps a millisecond over and over and notes how much longer that took.
#[derive(Debug)]
pub(crate) struct LagProbe {
    waits: Arc<Mutex<Vec<(Duration, Duration)>>>,
    task: JoinHandle<()>,
}

const SLEEP: Duration = Duration::from_millis(1);

/// What any timer is late by, which is not worth a note.
const UNREMARKABLE: Duration = Duration::from_millis(2);

impl LagProbe {
    /// Begins, on this runtime; times count from `began`.
    pub(crate) fn start(began: Instant) -> Self {
        let waits = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&waits);
        let task = tokio::spawn(async move {
            loop {
                let slept = Instant::now();
                tokio::time::sleep(SLEEP).await;
                let late = slept.elapsed().saturating_sub(SLEEP);
                if late > UNREMARKABLE {
                    let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
                    noted.push((began.elapsed(), late));
                }
            }
        });
        Self { waits, task }
    }

    pub(crate) fn end(self) -> Lag {
        self.task.abort();
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        Lag {
            waits: waits.clone(),
        }
    }
}

impl Lag {
    #[cfg(test)]
    pub(crate) fn of(waits: impl IntoIterator<Item = (Duration, Duration)>) -> Self {
        Self {
            waits: waits.into_iter().collect(),
        }
    }

    /// The longest wait that was, in part at least, in this time.
    pub(crate) fn worst(&self, window: Window) -> Duration {
        // A wait that begins in the window may end after it.
        let begin = self
            .waits
            .partition_point(|(ended, _)| *ended < window.from);
        let within = self.waits[begin..]
            .iter()
            .take_while(|(ended, late)| ended.saturating_sub(*late) <= window.to);
        within.map(|(_, late)| *late).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn only_waits_that_touch_the_window_count() {
        let lag = Lag::of([
            (millis(100), millis(50)),
            (millis(300), millis(10)),
            (millis(500), millis(90)),
        ]);
        let check = |from, to, expected| {
            let window = Window {
                from: millis(from),
                to: millis(to),
            };
            assert_eq!(lag.worst(window), millis(expected), "{from}..{to}");
        };
        check(0, 49, 0);
        check(0, 60, 50);
        check(90, 95, 50);
        check(101, 280, 0);
        check(101, 400, 10);
        check(200, 450, 90);
        check(600, 900, 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_blocked_runtime_is_noticed() {
        let began = Instant::now();
        let probe = LagProbe::start(began);
        tokio::time::sleep(millis(20)).await;
        let from = began.elapsed();
        let blocking = tokio::spawn(async { std::thread::sleep(millis(120)) });
        blocking.await.unwrap();
        tokio::time::sleep(millis(20)).await;
        let lag = probe.end();
        let window = Window {
            from,
            to: began.elapsed(),
        };
        assert!(lag.worst(window) >= millis(80), "{lag:?}");
    }
}
