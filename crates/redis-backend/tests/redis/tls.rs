//! `rediss://`. The server's certificate is for `localhost` alone and for a hundred years, by
//! an authority whose key is gone; so is that of the client, by one of its own.

use std::net::TcpListener;
use std::path::Path;

use larder_cache_core::{Backend, ErrorKind};
use larder_redis_backend::{AtStart, RedisConfig};
use larder_testkit::RedisServer;

use super::{SOON, config, connect, key, server, write};

fn file(name: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates");
    directory.join(name).to_str().unwrap().to_owned()
}

fn encrypted() -> (RedisServer, u16) {
    encrypted_for("no", &file("server.pem"))
}

/// A server that asks clients for a certificate by an authority, or does not.
fn encrypted_for(clients: &str, authority: &str) -> (RedisServer, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (certificate, private_key) = (file("server.pem"), file("server.key"));
    let mut arguments = vec!["--tls-port".to_owned(), port.to_string()];
    arguments.extend(["--tls-cert-file".to_owned(), certificate]);
    arguments.extend(["--tls-key-file".to_owned(), private_key]);
    arguments.extend(["--tls-ca-cert-file".to_owned(), authority.to_owned()]);
    arguments.extend(["--tls-auth-clients".to_owned(), clients.to_owned()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    (server(&arguments), port)
}

async fn check(config: RedisConfig, kind: ErrorKind, expected: &str) {
    let once = config.max_retries(0).at_start(AtStart::Required);
    let error = connect(once).await.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(expected), "{error}");
}

#[tokio::test]
async fn a_server_with_a_trusted_certificate() {
    let (_server, port) = encrypted();
    let trusting = config(format!("rediss://localhost:{port}")).ca_file(file("authority.pem"));
    let backend = connect(trusting).await.unwrap();
    assert_eq!(backend.set(&[write("a", "1")], SOON).await.unwrap(), [true]);
    let found = backend.get(&[key("a")], SOON).await.unwrap();
    assert_eq!(found, [Some("1".into())]);
}

#[tokio::test]
async fn a_server_that_is_not_trusted() {
    let (server, port) = encrypted();
    let url = |host: &str, port| format!("rediss://{host}:{port}");
    let trusting = |url| config(url).ca_file(file("authority.pem"));
    let by_a_stranger = trusting(url("localhost", port)).ca_file(file("stranger.pem"));
    check(by_a_stranger, ErrorKind::Config, "who signed it").await;
    let by_another_name = trusting(url("127.0.0.1", port));
    check(by_another_name, ErrorKind::Config, "the host is the one").await;
    let without_tls = trusting(url("localhost", server.port()));
    let once = without_tls.max_retries(0).at_start(AtStart::Required);
    assert!(connect(once).await.is_err());
    let plain_to_tls = config(format!("redis://127.0.0.1:{port}"));
    check(plain_to_tls, ErrorKind::Connection, "TLS").await;
}

#[tokio::test]
async fn files_that_hold_no_certificates() {
    let with = |name: &str| config("rediss://localhost").ca_file(file(name));
    check(with("none.pem"), ErrorKind::Config, "can't be read").await;
    check(
        with("server.key"),
        ErrorKind::Config,
        "no usable certificate",
    )
    .await;
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate() {
    let (_server, port) = encrypted_for("yes", &file("clients.pem"));
    let to_server = || config(format!("rediss://localhost:{port}")).ca_file(file("authority.pem"));
    let known = to_server().client_certificate(file("client.pem"), file("client.key"));
    let backend = connect(known).await.unwrap();
    assert_eq!(backend.set(&[write("a", "1")], SOON).await.unwrap(), [true]);
    for unknown in [
        to_server(),
        to_server().client_certificate(file("server.pem"), file("server.key")),
    ] {
        let once = unknown.max_retries(0).at_start(AtStart::Required);
        let error = connect(once).await.unwrap_err();
        assert!(error.to_string().contains("TLS"), "{error}");
    }
}

#[tokio::test]
async fn client_certificates_that_cannot_be_used() {
    let with = |certificate: &str, key: &str| {
        let trusting = config("rediss://localhost").ca_file(file("authority.pem"));
        trusting.client_certificate(file(certificate), file(key))
    };
    for (config, says) in [
        (with("none.pem", "client.key"), "certificate can't be read"),
        (
            with("client.key", "client.key"),
            "no certificate in the file",
        ),
        (
            with("client.pem", "none.key"),
            "key of the client certificate can't be read",
        ),
        (
            with("client.pem", "client.pem"),
            "key of the client certificate can't be read",
        ),
        (with("client.pem", "server.key"), "belong together"),
    ] {
        check(config, ErrorKind::Config, says).await;
    }
}
