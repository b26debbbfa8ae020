//! A real cluster, alone and behind proxies.

#![cfg(test)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use larder_testkit::{MigrationPace, NetworkFault, RedisCluster};

/// Set for the child process of the test that kills one.
const HOLD: &str = "LARDER_TESTKIT_HOLD_A_CLUSTER";
const PATIENCE: Duration = Duration::from_secs(20);

fn start() -> RedisCluster {
    RedisCluster::start().expect("a cluster")
}

fn ask(port: u16, command: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut buffer = [0; 16 * 1024];
    let length = stream.read(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..length])
        .trim_end()
        .to_owned())
}

fn eventually<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited 20 s for {what}");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn it_is_whole_when_it_has_started() {
    let started = Instant::now();
    let cluster = start();
    println!("a cluster starts in {:?}", started.elapsed());
    assert_eq!(cluster.len(), 6);
    for (node, address) in cluster.addresses().iter().enumerate() {
        let port = cluster.port(node);
        assert_eq!(*address, format!("127.0.0.1:{port}"));
        assert_eq!(port, cluster.direct_port(node));
        let role = ask(port, "ROLE").expect("a role");
        assert_eq!(role.contains("master"), node < 3, "{node}: {role}");
    }
    for (slot, expected) in [
        (0, 0),
        (5460, 0),
        (5461, 1),
        (10922, 1),
        (10923, 2),
        (16383, 2),
    ] {
        let master = cluster.master_of(slot).expect("a master");
        assert_eq!(master, expected, "slot {slot}");
    }
    let slot = cluster.slot_of(b"a");
    let master = cluster.master_of(slot).expect("a master");
    assert_eq!(
        ask(cluster.port(master), "SET a 1").expect("a reply"),
        "+OK"
    );
    let other = ask(cluster.port((master + 1) % 3), "GET a").expect("a reply");
    assert_eq!(
        other,
        format!("-MOVED {slot} 127.0.0.1:{}", cluster.port(master))
    );
}

#[test]
fn arguments_and_replicas_are_as_they_were_ordered() {
    let cluster = RedisCluster::builder()
        .replicas_per_master(0)
        .node_timeout(Duration::from_millis(700))
        .arg("--maxmemory")
        .arg("50mb")
        .start()
        .expect("a cluster");
    assert_eq!(cluster.len(), 3);
    for node in 0..3 {
        let found = |name| ask(cluster.port(node), name).expect("a reply");
        assert!(found("CONFIG GET maxmemory").ends_with("52428800"));
        assert!(found("CONFIG GET cluster-node-timeout").ends_with("700"));
    }
}

#[test]
fn a_password_is_known_to_all_nodes() {
    let cluster = RedisCluster::builder().password("secret").start();
    let cluster = cluster.expect("a cluster");
    let reply = ask(cluster.port(0), "GET a").expect("a reply");
    assert!(reply.starts_with("-NOAUTH"), "{reply}");
    assert_eq!(cluster.master_of(0).expect("a master"), 0);
    let moved = cluster.migrate_slot(0, 0, 1, MigrationPace::default());
    assert_eq!(moved.expect("moved"), 0);
}

#[test]
fn a_replica_takes_over_from_a_killed_master() {
    let cluster = start();
    let started = Instant::now();
    cluster.kill(0);
    assert!(ask(cluster.port(0), "PING").is_err());
    let new = eventually("a new master", || cluster.master_of(0).ok());
    println!("a failover takes {:?}", started.elapsed());
    assert_eq!(new, 3, "its replica");
    cluster.restart(0).expect("restarted");
    eventually("the old master to follow", || {
        ask(cluster.port(0), "ROLE")
            .ok()
            .filter(|role| role.contains("slave"))
    });
    assert_eq!(cluster.master_of(0).expect("a master"), 3);
}

#[test]
fn a_paused_master_is_replaced_and_comes_back_as_a_replica() {
    let cluster = start();
    cluster.pause(1).expect("paused");
    assert!(ask(cluster.port(1), "PING").is_err());
    let slot = 8000;
    assert_eq!(
        eventually("a new master", || cluster.master_of(slot).ok()),
        4
    );
    cluster.resume(1).expect("resumed");
    eventually("the old master to follow", || {
        ask(cluster.port(1), "ROLE")
            .ok()
            .filter(|role| role.contains("slave"))
    });
}

#[test]
fn a_slot_moves_with_its_keys_while_it_is_read() {
    let cluster = start();
    let slot = cluster.slot_of(b"{tag}");
    let from = cluster.master_of(slot).expect("a master");
    let to = (from + 1) % 3;
    for key in 0..300 {
        let reply = ask(cluster.port(from), &format!("SET {{tag}}{key} {key}"));
        assert_eq!(reply.expect("a reply"), "+OK");
    }
    let pace = MigrationPace::default()
        .batch_keys(50)
        .pause(Duration::from_millis(100));
    let has_moved = AtomicBool::new(false);
    let asks = scope(|scope| {
        let migration = scope.spawn(|| {
            let moved = cluster.migrate_slot(slot, from, to, pace);
            has_moved.store(true, Ordering::SeqCst);
            moved.expect("moved")
        });
        let mut asks = 0;
        while !has_moved.load(Ordering::SeqCst) {
            let reply = ask(cluster.port(from), "GET {tag}missing").expect("a reply");
            asks += usize::from(reply.starts_with("-ASK"));
        }
        assert_eq!(migration.join().expect("no panic"), 300);
        asks
    });
    assert!(asks > 0, "clients never met the slot on its way");
    assert_eq!(cluster.master_of(slot).expect("a master"), to);
    let count = ask(cluster.port(to), &format!("CLUSTER COUNTKEYSINSLOT {slot}"));
    assert_eq!(count.expect("a reply"), ":300");
    let moved = ask(cluster.port(from), "GET {tag}7").expect("a reply");
    assert_eq!(
        moved,
        format!("-MOVED {slot} 127.0.0.1:{}", cluster.port(to))
    );
}

#[test]
fn a_wrong_source_is_refused() {
    let cluster = start();
    let error = cluster.migrate_slot(0, 1, 2, MigrationPace::default());
    let text = error.expect_err("node 1 does not own it").to_string();
    assert!(text.contains("MIGRATING"), "{text}");
}

#[test]
fn behind_proxies_every_redirection_names_a_proxy() {
    let cluster = RedisCluster::builder()
        .proxied()
        .start()
        .expect("a cluster");
    let master = cluster.master_of(12182).expect("a master");
    assert_eq!(master, 2);
    assert_ne!(cluster.port(2), cluster.direct_port(2));
    assert_eq!(cluster.addresses()[2], cluster.proxy(2).address());
    let moved = ask(cluster.port(0), "GET foo").expect("a reply");
    assert_eq!(
        moved,
        format!("-MOVED 12182 {}", cluster.proxy(2).address())
    );
    let slots = ask(cluster.port(0), "CLUSTER SLOTS").expect("a reply");
    for node in 0..6 {
        assert!(
            slots.contains(&format!(":{}\r", cluster.port(node))),
            "{slots}"
        );
        assert!(
            !slots.contains(&format!(":{}\r", cluster.direct_port(node))),
            "{slots}"
        );
    }
}

#[test]
fn a_proxy_cuts_clients_off_without_a_failover() {
    let cluster = RedisCluster::builder()
        .proxied()
        .start()
        .expect("a cluster");
    cluster.proxy(0).set(NetworkFault::BlackHole);
    assert!(ask(cluster.port(0), "PING").is_err());
    assert_eq!(
        ask(cluster.direct_port(0), "PING").expect("a reply"),
        "+PONG"
    );
    // For longer than the nodes would wait for a master that is down (2 s and an election).
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        assert_eq!(cluster.master_of(0).expect("a master"), 0);
        sleep(Duration::from_millis(50));
    }
    cluster.proxy(0).set(NetworkFault::None);
    assert_eq!(ask(cluster.port(0), "PING").expect("a reply"), "+PONG");
}

#[test]
fn a_start_that_fails_shows_why() {
    let error = RedisCluster::builder().arg("--no-such-option").start();
    let text = error.expect_err("a wrong option").to_string();
    assert!(text.contains("no-such-option"), "{text}");
}

#[test]
fn a_detached_cluster_is_stopped_by_what_was_remembered() {
    let cluster = start();
    let (port, nodes) = (cluster.port(0), cluster.remember().expect("remembered"));
    cluster.detach();
    assert_eq!(ask(port, "PING").expect("a reply"), "+PONG");
    for node in nodes {
        let directory = node.directory().to_owned();
        assert!(node.is_running().expect("known"));
        node.stop().expect("stopped");
        assert!(!directory.exists());
    }
    assert!(ask(port, "PING").is_err());
}

#[test]
fn it_ends_when_its_test_process_is_killed() {
    if std::env::var_os(HOLD).is_some() {
        return hold_a_cluster();
    }
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "it_ends_when_its_test_process_is_killed",
            "--nocapture",
        ])
        .env(HOLD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut text = String::new();
    let mut output = child.stdout.take().expect("its output");
    let mut byte = [0];
    while !text.contains("END") {
        assert_eq!(
            output.read(&mut byte).expect("output"),
            1,
            "ended after {text:?}"
        );
        text.push(char::from(byte[0]));
    }
    child.kill().expect("killed");
    child.wait().expect("reaped");
    let nodes: Vec<_> = text.split("node=").skip(1).collect();
    assert_eq!(nodes.len(), 6);
    for node in nodes {
        let mut words = node.split_whitespace();
        let port = words.next().expect("a port").parse().expect("a port");
        let directory = words.next().expect("a directory");
        eventually("the watchdog to end the node", || ask(port, "PING").err());
        eventually("the files to go", || {
            (!Path::new(directory).exists()).then_some(())
        });
    }
}

/// What the child of the test above does until it is killed.
fn hold_a_cluster() {
    let cluster = start();
    for node in cluster.remember().expect("remembered") {
        println!("node={} {} ", node.port(), node.directory().display());
    }
    println!("END");
    sleep(Duration::from_secs(60));
}
