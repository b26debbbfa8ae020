//! A crowd of clients that sends the service real HTTP.
//!
//! Each client thinks, sends a request over a connection that is kept open, waits for the
//! answer, and thinks again. What they ask for is skewed as in life: few users and contents
//! get most of the reads. Each client is a user with settings and progress that nobody else
//! changes, and knows what it must read of them.

mod client;
mod http;
mod learner;
mod plan;
mod recorder;
mod zipf;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::client::Client;
use self::http::Http;
use self::learner::Learner;
use self::plan::Plan;
pub use self::recorder::{Measured, Recorder, Slowest};
use crate::database::Sample;

/// What the clients shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Clients that send requests at the same time.
    pub clients: u32,
    /// Requests until the end; `None`: until they are stopped.
    pub requests: Option<u64>,
    /// Requests per second of all clients together; 0: as many as they can.
    pub rate: u32,
    /// The seed of their choices.
    pub seed: u64,
}

/// Sends requests to the service behind a URL until all were answered or the token is
/// cancelled. Requests under way are waited for.
pub async fn run(
    url: &str,
    sample: Sample,
    options: Options,
    recorder: &Arc<Recorder>,
    stop: &CancellationToken,
) {
    let http = Http::new(url);
    let plan = Arc::new(Plan::new(sample));
    let sent = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for number in 0..options.clients {
        let rng = Rng::with_seed(options.seed.wrapping_add(u64::from(number) << 32));
        let learner = Learner::new(number, options.clients, sample.users);
        let client = Client::new(
            http.clone(),
            Arc::clone(&plan),
            Arc::clone(recorder),
            learner,
            rng,
        );
        let crowd = Crowd {
            options,
            sent: Arc::clone(&sent),
            stop: stop.clone(),
        };
        clients.spawn(crowd.attend(client));
    }
    clients.join_all().await;
}

/// What the clients have in common.
struct Crowd {
    options: Options,
    sent: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Crowd {
    async fn attend(self, mut client: Client) {
        let mut next = Instant::now();
        loop {
            // From when the last request was due, so that its answer's time is not lost.
            next = (next + self.think(client.rng())).max(Instant::now());
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.stop.cancelled() => return,
            }
            if self.is_done() {
                return;
            }
            client.act().await;
        }
    }

    fn is_done(&self) -> bool {
        let sent = self.sent.fetch_add(1, Ordering::Relaxed);
        self.options.requests.is_some_and(|all| sent >= all)
    }

    /// Exponentially distributed, as between requests of people who don't know each other.
    fn think(&self, rng: &mut Rng) -> Duration {
        if self.options.rate == 0 {
            return Duration::ZERO;
        }
        let mean = f64::from(self.options.clients) / f64::from(self.options.rate);
        Duration::from_secs_f64(mean * -(1.0 - rng.f64()).ln())
    }
}
