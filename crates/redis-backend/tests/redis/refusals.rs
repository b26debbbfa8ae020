//! Servers that refuse some commands.

use std::time::Duration;

use larder_cache_core::{Backend, ErrorKind};

use super::{SOON, ask, backend, config, connect, eventually, key, raw, server, write};

#[tokio::test]
async fn a_full_server_refuses_writes_alone() {
    let full = server(&["--maxmemory-policy", "noeviction"]);
    let backend = backend(&full).await;
    backend.set(&[write("a", "1")], SOON).await.unwrap();
    ask::<()>(&mut raw(&full), "CONFIG SET maxmemory 1");
    for writes in [
        vec![write("b", "2")],
        vec![write("b", "2"), write("c", "3")],
    ] {
        let error = backend.set(&writes, SOON).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server, "{error}");
        assert!(error.to_string().contains("maxmemory"), "{error}");
        assert!(error.is_replay_safe() && !error.is_transient(), "{error}");
    }
    assert_eq!(
        backend.get(&[key("a")], SOON).await.unwrap(),
        [Some("1".into())]
    );
    assert_eq!(backend.delete(&[key("a")], SOON).await.unwrap(), 1);
    ask::<()>(&mut raw(&full), "CONFIG SET maxmemory 0");
    assert_eq!(backend.set(&[write("b", "2")], SOON).await.unwrap(), [true]);
    assert_eq!(
        backend.connections().opened,
        1,
        "refusals cost no connection"
    );
}

#[tokio::test]
async fn a_master_that_is_demoted_is_left() {
    let demoted = server(&[]);
    let backend = backend(&demoted).await;
    let mut raw = raw(&demoted);
    ask::<()>(&mut raw, "REPLICAOF 127.0.0.1 1");
    let error = backend.set(&[write("a", "1")], SOON).await.unwrap_err();
    assert!(
        error.to_string().contains("replica") && error.is_replay_safe(),
        "{error}"
    );
    let error = eventually("the role to be seen", async || {
        let error = backend.get(&[key("a")], SOON).await.err()?;
        (error.kind() == ErrorKind::Config).then_some(error)
    })
    .await;
    assert!(error.to_string().contains("master: 127.0.0.1:1"), "{error}");
    ask::<()>(&mut raw, "REPLICAOF NO ONE");
    eventually("its return", async || {
        backend.set(&[write("a", "1")], SOON).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_busy_server_is_not_left() {
    let busy = server(&["--busy-reply-threshold", "20"]);
    let backend = connect(config(busy.url()).heartbeat(Duration::from_millis(50)))
        .await
        .unwrap();
    let mut script = raw(&busy);
    let running = std::thread::spawn(move || {
        let endless = "while true do end";
        ::redis::cmd("EVAL")
            .arg(endless)
            .arg(0)
            .query::<()>(&mut script)
    });
    let error = eventually("BUSY", async || backend.get(&[key("a")], SOON).await.err()).await;
    assert!(
        error.is_transient() && error.to_string().contains("SCRIPT KILL"),
        "{error}"
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    ask::<()>(&mut raw(&busy), "SCRIPT KILL");
    assert!(running.join().unwrap().is_err());
    backend.get(&[key("a")], SOON).await.unwrap();
    assert_eq!(backend.connections().opened, 1);
}
