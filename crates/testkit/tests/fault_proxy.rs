//! Each fault of the proxy before a server that sends back what it gets.

#![cfg(test)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use larder_testkit::{FaultProxy, NetworkFault};

const PATIENCE: Duration = Duration::from_secs(10);

/// Long enough for bytes on loopback to come where nothing holds them up.
const SILENCE: Duration = Duration::from_millis(150);

/// Ends with the process; so does its thread.
fn echo_server() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || echo(stream.expect("a client")));
        }
    });
    port
}

fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

async fn proxy() -> FaultProxy {
    let proxy = FaultProxy::start(("127.0.0.1", echo_server())).await;
    proxy.expect("a proxy")
}

fn connect(proxy: &FaultProxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_nodelay(true).expect("no delay");
    stream
}

fn send(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("sent");
}

fn receive(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).expect("a reply");
    bytes
}

fn round_trip(stream: &mut TcpStream, bytes: &[u8]) -> Duration {
    let started = Instant::now();
    send(stream, bytes);
    assert_eq!(receive(stream, bytes.len()), bytes);
    started.elapsed()
}

fn assert_silent(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(SILENCE)).expect("a timeout");
    let error = stream.read(&mut [0]).expect_err("silence");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
}

/// How the connection ends, after these bytes.
fn read_to_end(stream: &mut TcpStream) -> (usize, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).err();
    (bytes.len(), error.map(|error| error.kind()))
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "waited 10 s for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[tokio::test]
async fn without_a_fault_all_passes_and_is_counted() {
    let proxy = proxy().await;
    assert_eq!((proxy.connections(), proxy.accepted()), (0, 0));
    let (mut first, mut second) = (connect(&proxy), connect(&proxy));
    round_trip(&mut first, b"one");
    round_trip(&mut second, &[7; 3000]);
    assert_eq!((proxy.connections(), proxy.accepted()), (2, 2));
    first.shutdown(Shutdown::Write).expect("shut down");
    assert_eq!(read_to_end(&mut first), (0, None), "the end passes as well");
    eventually("the end of one", || proxy.connections() == 1);
    assert_eq!(proxy.accepted(), 2);
    assert_eq!(proxy.url(), format!("redis://127.0.0.1:{}", proxy.port()));
}

#[tokio::test]
async fn much_passes_while_nobody_reads() {
    let proxy = proxy().await;
    let mut reader = connect(&proxy);
    let mut writer = reader.try_clone().expect("a clone");
    let sent: Vec<u8> = (0..8 << 20).map(|n: u32| (n % 251) as u8).collect();
    let expected = sent.clone();
    let writing = std::thread::spawn(move || writer.write_all(&sent).expect("sent"));
    assert!(receive(&mut reader, expected.len()) == expected);
    writing.join().expect("no panic");
}

#[tokio::test]
async fn a_delay_holds_each_direction_up_and_keeps_the_order() {
    let proxy = proxy().await;
    let mut client = connect(&proxy);
    round_trip(&mut client, b"warm");
    let delay = Duration::from_millis(60);
    proxy.set(NetworkFault::Delay(delay));
    assert!(round_trip(&mut client, b"one") >= 2 * delay);
    let started = Instant::now();
    for number in 0..50 {
        send(&mut client, &[number]);
    }
    let expected: Vec<u8> = (0..50).collect();
    assert_eq!(receive(&mut client, 50), expected);
    assert!(started.elapsed() < 50 * delay, "they are late side by side");
    proxy.set(NetworkFault::Delay(Duration::from_secs(3600)));
    send(&mut client, b"late");
    assert_silent(&mut client);
    proxy.set(NetworkFault::None);
    assert_eq!(receive(&mut client, 4), b"late", "healing hastens it");
}

#[tokio::test]
async fn a_throttle_limits_the_rate() {
    let proxy = proxy().await;
    let mut client = connect(&proxy);
    proxy.set(NetworkFault::Throttle {
        bytes_per_second: 100_000,
    });
    // 30 kB take 0.3 s, less the first part that passes at once.
    let took = round_trip(&mut client, &[1; 30_000]);
    assert!(took >= Duration::from_millis(270), "{took:?}");
    proxy.set(NetworkFault::None);
    round_trip(&mut client, &[1; 30_000]);
}

#[tokio::test]
async fn a_black_hole_keeps_everything_until_it_heals() {
    let proxy = proxy().await;
    let mut open = connect(&proxy);
    round_trip(&mut open, b"warm");
    proxy.set(NetworkFault::BlackHole);
    let mut late = connect(&proxy);
    send(&mut open, b"one");
    send(&mut late, b"two");
    assert_silent(&mut open);
    assert_silent(&mut late);
    eventually("both to count", || proxy.connections() == 2);
    proxy.set(NetworkFault::None);
    assert_eq!(receive(&mut open, 3), b"one");
    assert_eq!(receive(&mut late, 3), b"two");
}

#[tokio::test]
async fn dropped_bytes_never_arrive() {
    let proxy = proxy().await;
    let mut client = connect(&proxy);
    round_trip(&mut client, b"warm");
    proxy.set(NetworkFault::Drop);
    send(&mut client, b"lost");
    assert_silent(&mut client);
    proxy.set(NetworkFault::None);
    round_trip(&mut client, b"found");
    proxy.set(NetworkFault::Drop);
    client.shutdown(Shutdown::Write).expect("shut down");
    assert_eq!(read_to_end(&mut client), (0, None), "the end passes");
}

#[tokio::test]
async fn half_open_withholds_replies_alone() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let upstream = listener.local_addr().expect("an address");
    let proxy = FaultProxy::start(upstream).await.expect("a proxy");
    proxy.set(NetworkFault::HalfOpen);
    let mut client = connect(&proxy);
    let (mut server, _) = listener.accept().expect("a connection");
    send(&mut client, b"request");
    assert_eq!(receive(&mut server, 7), b"request");
    send(&mut server, b"reply");
    assert_silent(&mut client);
    proxy.set(NetworkFault::None);
    assert_eq!(receive(&mut client, 5), b"reply");
}

#[tokio::test]
async fn a_connection_is_cut_after_so_many_bytes_of_replies() {
    let proxy = proxy().await;
    let mut client = connect(&proxy);
    round_trip(&mut client, &[0; 100]);
    proxy.set(NetworkFault::CutAfter { bytes: 5 });
    send(&mut client, b"0123456789");
    let end = read_to_end(&mut client);
    assert_eq!(end, (5, Some(ErrorKind::ConnectionReset)));
    let mut idle = connect(&proxy);
    round_trip(&mut idle, b"0123");
    proxy.set(NetworkFault::CutAfter { bytes: 0 });
    let end = read_to_end(&mut idle);
    assert_eq!(end, (0, Some(ErrorKind::ConnectionReset)));
}

#[tokio::test]
async fn corruption_is_the_same_for_the_same_seed() {
    let sent = [0_u8; 20_000];
    let mut damaged = Vec::new();
    for seed in [1, 1, 2] {
        let proxy = proxy().await;
        proxy.set(NetworkFault::Corrupt { seed, one_in: 100 });
        let mut client = connect(&proxy);
        // In parts of different sizes: where a read ends must not matter.
        let middle = 1 + damaged.len() * 777;
        send(&mut client, &sent[..middle]);
        let mut found = receive(&mut client, middle);
        send(&mut client, &sent[middle..]);
        found.extend(receive(&mut client, sent.len() - middle));
        let count = found.iter().filter(|byte| **byte != 0).count();
        assert!(
            (100..400).contains(&count),
            "{count} of 20000 with seed {seed}"
        );
        proxy.set(NetworkFault::None);
        round_trip(&mut client, b"sound");
        damaged.push(found);
    }
    assert!(damaged[0] == damaged[1], "seed 1 and seed 1 differ");
    assert!(damaged[0] != damaged[2], "seed 1 and seed 2 are alike");
}

#[tokio::test]
async fn corruption_knows_all_and_nothing() {
    let proxy = proxy().await;
    let mut client = connect(&proxy);
    proxy.set(NetworkFault::Corrupt { seed: 7, one_in: 0 });
    round_trip(&mut client, &[3; 5000]);
    proxy.set(NetworkFault::Corrupt { seed: 7, one_in: 1 });
    send(&mut client, &[3; 5000]);
    assert!(receive(&mut client, 5000).iter().all(|byte| *byte != 3));
}

#[tokio::test]
async fn refusal_is_the_kernels_and_ends_on_the_same_port() {
    let proxy = proxy().await;
    let mut open = connect(&proxy);
    round_trip(&mut open, b"warm");
    for _ in 0..3 {
        proxy.set(NetworkFault::Refuse);
        proxy.set(NetworkFault::Refuse);
        let error = TcpStream::connect(proxy.address()).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        round_trip(&mut open, b"open ones go on");
        proxy.set(NetworkFault::None);
        round_trip(&mut connect(&proxy), b"back");
    }
}

#[tokio::test]
async fn reset_all_resets_what_is_open_and_nothing_else() {
    let proxy = proxy().await;
    let mut clients: Vec<_> = (0..3).map(|_| connect(&proxy)).collect();
    for client in &mut clients {
        round_trip(client, b"warm");
    }
    proxy.reset_all();
    for client in &mut clients {
        assert_eq!(read_to_end(client), (0, Some(ErrorKind::ConnectionReset)));
    }
    eventually("all to be closed", || proxy.connections() == 0);
    round_trip(&mut connect(&proxy), b"new");
    assert_eq!(proxy.accepted(), 4);
}

#[tokio::test]
async fn a_server_that_is_gone_resets_the_client() {
    let port = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let proxy = FaultProxy::start(("127.0.0.1", port))
        .await
        .expect("a proxy");
    let end = read_to_end(&mut connect(&proxy));
    assert_eq!(end, (0, Some(ErrorKind::ConnectionReset)));
}

#[tokio::test]
async fn dropping_the_proxy_ends_its_connections_and_its_port() {
    let proxy = proxy().await;
    let mut client = connect(&proxy);
    round_trip(&mut client, b"warm");
    proxy.set(NetworkFault::BlackHole);
    let address = proxy.address();
    drop(proxy);
    let (length, _) = read_to_end(&mut client);
    assert_eq!(length, 0);
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test(start_paused = true)]
async fn it_keeps_real_time_where_the_test_has_none() {
    let proxy = proxy().await;
    let mut client = connect(&proxy);
    proxy.set(NetworkFault::Delay(Duration::from_millis(30)));
    assert!(round_trip(&mut client, b"one") >= Duration::from_millis(60));
}
