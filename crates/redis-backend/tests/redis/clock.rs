//! The server's clock.

use std::time::Duration;

use larder_cache_core::{Backend, Call};

use super::{SOON, ask, backend, key, raw, server};

fn server_millis(raw: &mut ::redis::Connection) -> u64 {
    let (seconds, micros): (u64, u64) = ask(raw, "TIME");
    seconds * 1000 + micros / 1000
}

#[tokio::test]
async fn now_is_the_servers_time() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let mut raw = raw(&server);
    for _ in 0..20 {
        let before = server_millis(&mut raw);
        let now = backend.now(&key("a"), SOON).await.unwrap().as_millis();
        let after = server_millis(&mut raw);
        assert!(
            now + 5 >= before && now <= after + 5,
            "{before} {now} {after}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_time_goes_on_while_the_server_is_gone() {
    let mut server = server(&[]);
    let backend = backend(&server).await;
    let before = server_millis(&mut raw(&server));
    server.kill();
    let at_once = Call::within(Duration::ZERO);
    let now = backend.now(&key("a"), at_once).await.unwrap().as_millis();
    assert!(now.abs_diff(before) < 1000);
}
