//! The built-in clients, over real HTTP.

use std::sync::Arc;
use std::time::Duration;

use learning_assistant::database::Sample;
use learning_assistant::report::{Keys, Summary};
use learning_assistant::traffic::{self, Measured, Options, Recorder};
use learning_assistant::{App, Server};
use tempfile::tempdir;
use tokio_util::sync::CancellationToken;

use super::support::Service;

/// Clients at work on a service.
pub(crate) struct Crowd {
    stop: CancellationToken,
    clients: tokio::task::JoinHandle<Measured>,
}

impl Crowd {
    pub(crate) async fn begin(app: &App, requests: Option<u64>) -> Self {
        let server = Server::start(app, 0).await.unwrap();
        let recorder = Arc::new(Recorder::new().unwrap());
        let options = Options {
            clients: 8,
            requests,
            rate: 0,
            seed: 1,
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let clients = tokio::spawn(async move {
            traffic::run(&server.url(), Sample::small(), options, &recorder, &stopped).await;
            server.stop().await.unwrap();
            recorder.total()
        });
        Self { stop, clients }
    }

    /// How the requests went, when there are no more.
    pub(crate) async fn end(self) -> Measured {
        self.clients.await.unwrap()
    }

    /// How the requests went, of which there shall be no more.
    pub(crate) async fn stop(self) -> Measured {
        self.stop.cancel();
        self.end().await
    }
}

/// Waits until some more reads are answered.
pub(crate) async fn more_reads(app: &App, reads: u64) {
    let enough = app.tally().reads + reads;
    let reached = async {
        while app.tally().reads < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), reached).await;
    waited.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_answers_most_reads_of_a_crowd() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    let measured = Crowd::begin(&service.app, Some(3_000)).await.end().await;
    assert_eq!((measured.requests, measured.first_failure), (3_000, None));
    assert!(measured.cached.len() > 10 * measured.uncached.len());
    assert!(!measured.uncached.is_empty());

    let (tally, stats) = (service.app.tally(), service.stats());
    assert!(tally.avoided() > tally.queries, "{tally:?}");
    assert!(stats.hit_rate().unwrap() > 0.5, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_summary_says_what_happened() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    let recorder = Recorder::new().unwrap();
    service.get("/users/7").await;
    service.get("/users/7").await;
    let keys = Keys::of(&service.app).await;
    let summary = Summary::of(&service.app, &recorder, Duration::from_secs(1), keys);
    assert!(summary.is_success());
    let table = summary.to_string();
    let check = |name: &str, value: &str| {
        let row = table.lines().find(|line| line.trim().starts_with(name));
        let row = row.unwrap().trim().trim_start_matches(name).trim();
        assert!(row.starts_with(value), "{name}: {row}");
    };
    check("hit rate L1", "50.0 %");
    check("queries executed", "1");
    check("queries avoided", "1");
    check("p99 without it", "-");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_analytics_know_the_keys_of_a_crowd() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    Crowd::begin(&service.app, Some(3_000)).await.end().await;
    let keys = Keys::of(&service.app).await;
    let table = keys.to_string();
    for expected in [
        "profile:{id}: ",
        "hot keys   profile:",
        "cold keys  ",
        "L1 size         64 MiB",
    ] {
        assert!(table.contains(expected), "no {expected:?} in\n{table}");
    }
    let advised = keys.advice().advised_bytes().unwrap();
    assert_eq!(
        advised,
        8 << 20,
        "everything fits into the smallest that is simulated:\n{table}"
    );
    let compared = keys.advice().compared_with(keys.advice());
    assert!(
        compared.starts_with("With an L1 of 64 MiB it was foretold"),
        "{compared}"
    );
}
