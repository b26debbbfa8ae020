//! A real Sentinel group, alone and behind proxies.

#![cfg(test)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use larder_testkit::{NetworkFault, RedisSentinel};

const PATIENCE: Duration = Duration::from_secs(20);

fn start() -> RedisSentinel {
    RedisSentinel::start().expect("a Sentinel group")
}

fn ask(address: &str, command: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
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

fn new_master(group: &RedisSentinel, old: usize) -> usize {
    let another = || group.master().ok().filter(|master| *master != old);
    eventually("another master", another)
}

fn follows(address: &str) -> Option<String> {
    let role = ask(address, "ROLE").ok()?;
    role.contains("slave").then_some(role)
}

#[test]
fn it_knows_its_master_when_it_has_started() {
    let started = Instant::now();
    let group = start();
    println!("a Sentinel group starts in {:?}", started.elapsed());
    assert_eq!(group.master().expect("a master"), 0);
    let (nodes, sentinels) = (group.node_addresses(), group.sentinel_addresses());
    assert_eq!((nodes.len(), sentinels.len()), (3, 3));
    assert_eq!(
        group.url(),
        format!("redis+sentinel://{}/larder", sentinels.join(","))
    );
    assert_eq!(ask(&nodes[0], "SET a 1").expect("a reply"), "+OK");
    for replica in &nodes[1..] {
        eventually("replication", || {
            ask(replica, "GET a")
                .ok()
                .filter(|value| value == "$1\r\n1")
        });
    }
    for sentinel in &sentinels {
        let reply = ask(sentinel, "SENTINEL CKQUORUM larder").expect("a reply");
        assert!(reply.starts_with("+OK 3 usable"), "{reply}");
    }
}

#[test]
fn a_killed_master_is_replaced_and_comes_back_as_a_replica() {
    let group = start();
    let nodes = group.node_addresses();
    let started = Instant::now();
    group.kill(0);
    let new = new_master(&group, 0);
    println!("a failover takes {:?}", started.elapsed());
    assert_eq!(ask(&nodes[new], "SET a 1").expect("a reply"), "+OK");
    group.restart(0).expect("restarted");
    eventually("the old master to follow", || follows(&nodes[0]));
}

#[test]
fn a_paused_master_is_replaced() {
    let group = start();
    group.pause(0).expect("paused");
    let new = new_master(&group, 0);
    assert_ne!(new, 0);
    group.resume(0).expect("resumed");
    eventually("the old master to follow", || {
        follows(&group.node_addresses()[0])
    });
    assert_eq!(group.master().expect("a master"), new);
}

#[test]
fn a_failover_by_order_changes_the_master() {
    let group = start();
    group.failover().expect("ordered");
    assert_ne!(new_master(&group, 0), 0);
}

#[test]
fn without_a_quorum_there_is_no_failover() {
    let group = start();
    group.kill_sentinel(0);
    group.pause_sentinel(1).expect("paused");
    assert_eq!(
        group.master().expect("a master"),
        0,
        "one Sentinel still names it"
    );
    group.kill(0);
    // For longer than a failover takes with a quorum.
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        assert!(group.master().is_err());
        sleep(Duration::from_millis(50));
    }
    group.restart_sentinel(0).expect("restarted");
    group.resume_sentinel(1).expect("resumed");
    assert_ne!(new_master(&group, 0), 0);
}

#[test]
fn passwords_are_known_to_all() {
    let group = RedisSentinel::builder()
        .password("a \"quoted\" one")
        .sentinel_password("another")
        .start()
        .expect("a Sentinel group");
    for address in [&group.node_addresses()[0], &group.sentinel_addresses()[0]] {
        let reply = ask(address, "PING").expect("a reply");
        assert!(reply.starts_with("-NOAUTH"), "{reply}");
    }
    group.kill(0);
    assert_ne!(new_master(&group, 0), 0);
}

#[test]
fn behind_proxies_the_sentinels_name_proxies() {
    let group = RedisSentinel::builder().proxied().start();
    let group = group.expect("a Sentinel group");
    let nodes = group.node_addresses();
    assert_eq!(nodes[0], group.proxy(0).address());
    assert_ne!(nodes[0], format!("127.0.0.1:{}", group.direct_port(0)));
    let before: Vec<u64> = (0..3).map(|node| group.proxy(node).accepted()).collect();
    assert!(before.iter().all(|count| *count > 0), "{before:?}");
    group.proxy(0).set(NetworkFault::BlackHole);
    let new = eventually("another master", || {
        let reply = ask(
            &group.sentinel_addresses()[0],
            "SENTINEL GET-MASTER-ADDR-BY-NAME larder",
        );
        let port = reply.ok()?.lines().last()?.to_owned();
        let named = nodes
            .iter()
            .position(|address| address.ends_with(&format!(":{port}")));
        Some(named.expect("a proxy")).filter(|new| *new != 0)
    });
    eventually("it to be master", || {
        (group.master().ok() == Some(new)).then_some(())
    });
    assert_eq!(ask(&nodes[new], "SET a 1").expect("a reply"), "+OK");
    group.proxy(0).set(NetworkFault::None);
    eventually("the old master to follow", || follows(&nodes[0]));
}

#[test]
fn a_detached_group_is_stopped_by_what_was_remembered() {
    let group = start();
    let servers = group.remember().expect("remembered");
    assert_eq!(servers.len(), 6);
    group.detach();
    for server in servers {
        let directory = server.directory().to_owned();
        assert!(server.is_running().expect("known"));
        server.stop().expect("stopped");
        assert!(!directory.exists());
    }
}
