//! Servers that die, hang and come back.

use std::time::{Duration, Instant};

use larder_cache_core::{Backend, Call, ErrorKind, Result};
use larder_redis_backend::RedisBackend;

use super::{SOON, ask, backend, config, connect, eventually, key, observed, raw, server, write};

const BUDGET: Duration = Duration::from_millis(100);
const SLACK: Duration = Duration::from_millis(50);

/// A read that must end within its budget, however it ends.
async fn read_in_time(backend: &RedisBackend) -> Result<()> {
    let began = Instant::now();
    let read = backend.get(&[key("a")], Call::within(BUDGET)).await;
    let took = began.elapsed();
    assert!(took < BUDGET + SLACK, "took {took:?}: {read:?}");
    read.map(|_| ())
}

async fn recovered(backend: &RedisBackend) {
    eventually("recovery", async || read_in_time(backend).await.ok()).await;
    backend.set(&[write("a", "again")], SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_restarted() {
    let mut mortal = server(&[]);
    let (backend, recorder) = observed(config(mortal.url())).await;
    backend.set(&[write("a", "1")], SOON).await.unwrap();
    for round in 1..=3 {
        mortal.kill();
        let down = eventually("the loss to be seen", async || {
            read_in_time(&backend).await.err()
        });
        assert_eq!(down.await.kind(), ErrorKind::Connection);
        eventually("calls to fail at once", async || {
            let began = Instant::now();
            let error = read_in_time(&backend).await.unwrap_err();
            (error.is_replay_safe() && began.elapsed() < Duration::from_millis(10)).then_some(())
        })
        .await;
        eventually("the loss to be counted", async || {
            (backend.connections().broken == 1).then_some(())
        })
        .await;
        mortal.restart().unwrap();
        recovered(&backend).await;
        let connections = backend.connections();
        assert_eq!((connections.active, connections.opened), (1, round + 1));
        assert!(connections.last_error.is_some());
    }
    let node = format!("127.0.0.1:{}", mortal.port());
    let kinds: Vec<String> = recorder
        .seen()
        .iter()
        .map(|line| line.split(':').next().unwrap().replace(" 127.0.0.1", ""))
        .collect();
    assert_eq!(kinds[..3], ["connected", "disconnected", "connected"]);
    assert_eq!(kinds.len(), 7, "one event per change: {kinds:?}");
    assert!(recorder.seen()[0].ends_with(&node));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hung_and_resumed() {
    let hung = server(&[]);
    let backend = backend(&hung).await;
    read_in_time(&backend).await.unwrap();
    hung.pause().unwrap();
    let error = read_in_time(&backend).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(!error.is_replay_safe());
    let error = eventually("callers to be told", async || {
        let error = read_in_time(&backend).await.unwrap_err();
        let is_lost = error.kind() == ErrorKind::Connection && error.is_replay_safe();
        is_lost.then_some(error)
    })
    .await;
    assert!(error.to_string().contains("does not answer"), "{error}");
    hung.resume().unwrap();
    recovered(&backend).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_of_a_hung_server_all_end_in_time() {
    let hung = server(&[]);
    let backend = backend(&hung).await;
    hung.pause().unwrap();
    let value = "x".repeat(10_000).leak();
    for _ in 0..3 {
        let began = Instant::now();
        let calls = (0..500).map(|n| {
            let writes = [write(&format!("k{n}"), value)];
            let backend = &backend;
            async move { backend.set(&writes, Call::within(BUDGET)).await }
        });
        for result in futures_util::future::join_all(calls).await {
            assert!(result.is_err());
        }
        let took = began.elapsed();
        assert!(took < 5 * BUDGET, "callers wait for each other: {took:?}");
    }
    hung.resume().unwrap();
    recovered(&backend).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_heartbeat_notices_silence_without_callers() {
    let hung = server(&[]);
    let quick = config(hung.url()).heartbeat(Duration::from_millis(100));
    let (backend, recorder) = observed(quick).await;
    hung.pause().unwrap();
    eventually("the heartbeat", async || {
        (backend.connections().active == 0).then_some(())
    })
    .await;
    let lost = recorder.seen();
    assert!(lost[1].contains("does not answer any more"), "{lost:?}");
    hung.resume().unwrap();
    eventually("recovery", async || {
        (backend.connections().active == 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_command_costs_no_connection() {
    let slow = server(&[]);
    let backend = connect(config(slow.url()).connect_timeout(Duration::from_secs(2)))
        .await
        .unwrap();
    let mut sleeper = raw(&slow);
    let asleep = std::thread::spawn(move || ask::<()>(&mut sleeper, "DEBUG SLEEP 0.8"));
    let error = eventually("sleep", async || read_in_time(&backend).await.err()).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let keys = [key("a")];
    let patient = backend.get(&keys, SOON);
    let hasty = async {
        for _ in 0..4 {
            assert!(read_in_time(&backend).await.is_err());
        }
    };
    let (answered, ()) = tokio::join!(patient, hasty);
    answered.unwrap();
    asleep.join().unwrap();
    assert_eq!(backend.connections().opened, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_closed_by_the_server_is_replaced_before_it_is_missed() {
    let server = server(&[]);
    let backend = backend(&server).await;
    // Older than the retry delay, so that the loss is no sign of a server that drops all.
    tokio::time::sleep(Duration::from_millis(60)).await;
    ask::<()>(&mut raw(&server), "CLIENT KILL TYPE normal");
    let replaced = async || (backend.connections().opened == 2).then_some(());
    eventually("another connection", replaced).await;
    read_in_time(&backend).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_changed_back_is_accepted_again() {
    let locked = server(&["--requirepass", "one"]);
    let url = format!("redis://:one@127.0.0.1:{}", locked.port());
    let backend = connect(config(url.clone())).await.unwrap();
    let mut admin = ::redis::Client::open(url)
        .unwrap()
        .get_connection()
        .unwrap();
    ask::<()>(&mut admin, "CONFIG SET requirepass two");
    ask::<()>(&mut admin, "CLIENT KILL TYPE normal");
    eventually("the refusal", async || {
        let error = read_in_time(&backend).await.err()?;
        (error.kind() == ErrorKind::Auth).then_some(())
    })
    .await;
    ask::<()>(&mut admin, "CONFIG SET requirepass one");
    recovered(&backend).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_is_closed() {
    let server = server(&[]);
    let (backend, recorder) = observed(config(server.url())).await;
    server.pause().unwrap();
    let in_flight = async {
        let error = backend.get(&[key("a")], SOON).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
    };
    let closing = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        backend.close().await;
        backend.close().await;
    };
    let began = Instant::now();
    tokio::join!(in_flight, closing);
    assert!(
        began.elapsed() < SOON.budget / 2,
        "nobody waits for the server"
    );
    server.resume().unwrap();
    for error in [
        backend.get(&[key("a")], SOON).await.unwrap_err(),
        backend.now(&key("a"), SOON).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Closed);
    }
    let connections = backend.connections();
    assert_eq!((connections.active, connections.broken), (0, 0));
    assert_eq!(recorder.seen().len(), 2, "connected, disconnected");
    only_the_asker_is_connected(&mut raw(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_backend_leaves_no_connection() {
    let server = server(&[]);
    let mut raw = raw(&server);
    let backends = [backend(&server).await, backend(&server).await];
    assert_eq!(connected(&mut raw), 3);
    let began = Instant::now();
    drop(backends);
    assert!(began.elapsed() < SLACK, "drop waits for nothing");
    only_the_asker_is_connected(&mut raw).await;
    let mut gone = super::server(&[]);
    gone.kill();
    let never_connected = connect(config(gone.url()).max_retries(0)).await.unwrap();
    drop(never_connected);
    gone.restart().unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        connected(&mut super::raw(&gone)),
        1,
        "nobody tries any more"
    );
}

#[test]
fn a_backend_outlives_its_runtime_as_closed() {
    let server = server(&[]);
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let first = runtime();
    let backend = first.block_on(backend(&server));
    first.shutdown_background();
    runtime().block_on(async {
        eventually("the runtime to end", async || {
            let error = backend.get(&[key("a")], SOON).await.err()?;
            (error.kind() == ErrorKind::Closed).then_some(())
        })
        .await;
    });
}

fn connected(raw: &mut ::redis::Connection) -> usize {
    ask::<String>(raw, "CLIENT LIST").lines().count()
}

async fn only_the_asker_is_connected(raw: &mut ::redis::Connection) {
    eventually("the connections to end", async || {
        (connected(raw) == 1).then_some(())
    })
    .await;
}
