//! No password is ever printed.

use larder_cache_core::{Backend, ErrorKind};

use super::{SOON, config, connect, key, observed, server};

const SECRET: &str = "s3cret-Pa55";

fn check(shown: &str) {
    assert!(!shown.contains(SECRET), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_by_the_backend_nor_by_its_errors() {
    let mut locked = server(&["--requirepass", SECRET]);
    let url = format!("redis://:{SECRET}@127.0.0.1:{}", locked.port());
    check(&format!("{:?}", config(&url)));
    let (backend, recorder) = observed(config(&url)).await;
    check(&format!("{backend:?} {backend:#?}"));
    let nodes = backend.inspect().unwrap().nodes(SOON).await.unwrap();
    check(&format!("{nodes:?}"));
    locked.kill();
    let error = super::eventually("the end", async || {
        backend.get(&[key("a")], SOON).await.err()
    });
    let error = error.await;
    check(&format!("{error} {error:?}"));
    check(&format!(
        "{backend:?} {:?} {:?}",
        backend.connections(),
        recorder.seen()
    ));
}

#[tokio::test]
async fn nor_by_a_login_that_is_refused() {
    let locked = server(&["--requirepass", "another"]);
    let url = format!("redis://app:{SECRET}@127.0.0.1:{}", locked.port());
    let error = connect(config(&url)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    check(&format!("{error} {error:?}"));
}

/// As a proxy or an old server does: it quotes the command that it doesn't know.
#[tokio::test]
async fn nor_where_the_server_quotes_it() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://:{SECRET}@{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 512];
            let _read = stream.read(&mut asked).await;
            let quoted = format!(
                "-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '{SECRET}' \r\n"
            );
            let _sent = stream.write_all(quoted.repeat(3).as_bytes()).await;
        }
    });
    let error = connect(config(&url)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("6.2"), "{error}");
    check(&format!("{error} {error:?}"));
}
