//! What stands behind the URL decides how the start ends.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use larder_cache_core::{Backend, Error, ErrorKind};
use larder_redis_backend::{AtStart, RedisConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{SOON, ask, config, connect, eventually, key, raw, server, write};

async fn refused(config: RedisConfig) -> Error {
    connect(config).await.expect_err("this can't be used")
}

async fn check(config: RedisConfig, kind: ErrorKind, expected: &str) {
    let error = refused(config).await;
    assert_eq!(error.kind(), kind, "{error}");
    assert!(
        error.to_string().contains(expected),
        "{error} lacks {expected}"
    );
}

fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn listener() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn a_refused_port_is_an_error_where_a_server_is_required() {
    let config = config(format!("redis://127.0.0.1:{}", closed_port()));
    let config = config.max_retries(1).at_start(AtStart::Required);
    check(config, ErrorKind::Connection, "check that it runs").await;
}

#[tokio::test]
async fn it_starts_without_a_server_and_finds_it_when_it_comes() {
    let mut late = server(&[]);
    late.kill();
    let backend = connect(config(late.url()).max_retries(1)).await.unwrap();
    let began = Instant::now();
    let error = backend.get(&[key("a")], SOON).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.is_transient() && error.is_replay_safe(), "{error}");
    assert!(began.elapsed() < Duration::from_millis(50), "fails at once");
    assert_eq!(
        backend.now(&key("a"), SOON).await.unwrap_err().kind(),
        ErrorKind::Connection
    );
    assert_eq!(backend.connections().broken, 1);
    assert!(backend.connections().last_error.is_some());
    late.restart().unwrap();
    eventually("the connection", async || {
        backend.get(&[key("a")], SOON).await.ok()
    })
    .await;
    assert_eq!(
        (backend.connections().active, backend.connections().opened),
        (1, 1)
    );
}

#[tokio::test]
async fn passwords() {
    let locked = server(&["--requirepass", "s3cret"]);
    let url = |login: &str| format!("redis://{login}127.0.0.1:{}", locked.port());
    check(config(url("")), ErrorKind::Auth, "wants a password").await;
    check(
        config(url(":wrong@")),
        ErrorKind::Auth,
        "refuses the user or the password",
    )
    .await;
    check(
        config(url("")).password("wrong"),
        ErrorKind::Auth,
        "refuses",
    )
    .await;
    check(config(url("nobody:s3cret@")), ErrorKind::Auth, "refuses").await;
    connect(config(url(":s3cret@"))).await.unwrap();
    connect(config(url("default:s3cret@"))).await.unwrap();
    let overridden = config(url(":wrong@")).password("s3cret");
    let backend = connect(overridden).await.unwrap();
    assert_eq!(backend.set(&[write("a", "1")], SOON).await.unwrap(), [true]);
}

#[tokio::test]
async fn databases() {
    let server = server(&[]);
    let third = connect(config(format!("{}/3", server.url())))
        .await
        .unwrap();
    third.set(&[write("a", "1")], SOON).await.unwrap();
    let mut raw = raw(&server);
    assert_eq!(ask::<u64>(&mut raw, "DBSIZE"), 0);
    ask::<()>(&mut raw, "SELECT 3");
    assert_eq!(ask::<u64>(&mut raw, "DBSIZE"), 1);
    let beyond = config(format!("{}/99", server.url()));
    check(beyond, ErrorKind::Config, "no database of this number").await;
}

#[tokio::test]
async fn a_socket_on_this_host() {
    let path = std::env::temp_dir().join(format!("larder-test-{}.sock", std::process::id()));
    let server = server(&["--unixsocket", path.to_str().unwrap()]);
    for scheme in ["unix:", "redis+unix://"] {
        let backend = connect(config(format!("{scheme}{}", path.display())))
            .await
            .unwrap();
        assert_eq!(backend.set(&[write("a", "1")], SOON).await.unwrap(), [true]);
    }
    drop(server);
    let _removed = std::fs::remove_file(&path);
    let gone = config(format!("unix:{}", path.display()));
    let gone = gone.max_retries(0).at_start(AtStart::Required);
    check(gone, ErrorKind::Connection, "could not connect").await;
}

#[tokio::test]
async fn a_replica_names_its_master() {
    let master = server(&[]);
    let port = master.port().to_string();
    let replica = server(&["--replicaof", "127.0.0.1", &port]);
    let expected = format!("master: 127.0.0.1:{port}");
    check(config(replica.url()), ErrorKind::Config, &expected).await;
}

#[tokio::test]
async fn a_server_that_loads_its_data_is_waited_for() {
    let mut slow = server(&[
        "--key-load-delay",
        "50",
        "--loading-process-events-interval-bytes",
        "1024",
    ]);
    let mut connection = raw(&slow);
    ask::<()>(&mut connection, "DEBUG POPULATE 20000 k 50");
    ask::<()>(&mut connection, "SAVE");
    slow.restart().unwrap();
    let required = config(slow.url())
        .max_retries(0)
        .at_start(AtStart::Required);
    let error = refused(required).await;
    assert_eq!(error.kind(), ErrorKind::Server, "{error}");
    assert!(
        error.is_transient() && error.to_string().contains("loading"),
        "{error}"
    );
    let backend = connect(config(slow.url()).max_retries(0)).await.unwrap();
    let error = backend.get(&[key("a")], SOON).await.unwrap_err();
    assert!(
        error.is_transient() && error.to_string().contains("loading"),
        "{error}"
    );
    eventually("the data", async || {
        backend.get(&[key("a")], SOON).await.ok()
    })
    .await;
}

#[tokio::test]
async fn something_that_is_no_redis() {
    let (listener, url) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 64];
            let _read = stream.read(&mut asked).await;
            let _sent = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    check(config(url), ErrorKind::Connection, "another protocol").await;
}

#[tokio::test]
async fn something_that_never_answers() {
    let (listener, url) = listener().await;
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let began = Instant::now();
    let required = config(url).max_retries(1).at_start(AtStart::Required);
    check(
        required,
        ErrorKind::Timeout,
        "does not answer as Redis does",
    )
    .await;
    assert!(
        began.elapsed() < Duration::from_millis(500),
        "one attempt of 300 ms: silence has cost enough"
    );
}

#[tokio::test]
async fn a_user_needs_the_commands_of_a_cache_alone() {
    let server = server(&[]);
    let mut raw = raw(&server);
    let rules = "+get +set +mget +unlink +exists +pttl +eval +evalsha +scan +time";
    ask::<()>(
        &mut raw,
        &format!("ACL SETUSER app on >pw ~t:* -@all {rules}"),
    );
    ask::<()>(&mut raw, "ACL SETUSER timeless on >pw ~t:* -@all +get");
    let url = |user: &str| format!("redis://{user}:pw@127.0.0.1:{}", server.port());
    let backend = connect(config(url("app"))).await.unwrap();
    assert_eq!(backend.set(&[write("a", "1")], SOON).await.unwrap(), [true]);
    let error = backend.head(&[key("a")], 8, SOON).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
    assert!(error.to_string().contains("ACL SETUSER"), "{error}");
    check(config(url("timeless")), ErrorKind::Auth, "+time").await;
}
