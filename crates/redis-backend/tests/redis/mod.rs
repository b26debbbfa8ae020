mod clock;
mod cluster;
mod entries;
mod inspection;
mod journal;
mod large;
mod leases;
mod outage;
mod permissions;
mod refusals;
mod secrets;
mod sentinel;
mod start;
#[cfg(feature = "tls")]
mod tls;
mod values;
mod watching;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use larder_cache_core::{
    Bytes, Call, Condition, Event, Key, KeyPrefix, Observer, Observers, Result, SystemClock, Write,
};
use larder_redis_backend::{RedisBackend, RedisConfig};
use larder_testkit::{RedisServer, RedisServerBuilder};

const SOON: Call = Call::within(Duration::from_secs(2));

fn server(args: &[&str]) -> RedisServer {
    let with = |builder: RedisServerBuilder, arg: &&str| builder.arg(*arg);
    args.iter()
        .fold(RedisServer::builder(), with)
        .start()
        .unwrap()
}

/// Settings under which nothing takes long.
fn config(url: impl Into<String>) -> RedisConfig {
    RedisConfig::new(url)
        .connect_timeout(Duration::from_millis(300))
        .retry_delay(Duration::from_millis(50))
}

async fn connect(config: RedisConfig) -> Result<RedisBackend> {
    RedisBackend::connect(config, Observers::default(), Arc::new(SystemClock::new())).await
}

async fn backend(server: &RedisServer) -> RedisBackend {
    connect(config(server.url())).await.unwrap()
}

fn raw(server: &RedisServer) -> ::redis::Connection {
    let client = ::redis::Client::open(server.url()).unwrap();
    client.get_connection().unwrap()
}

/// Runs a command, its words separated by spaces.
fn ask<T: ::redis::FromRedisValue>(connection: &mut ::redis::Connection, command: &str) -> T {
    let mut words = command.split(' ');
    let mut asked = ::redis::cmd(words.next().unwrap());
    words.for_each(|word| {
        asked.arg(word);
    });
    asked.query(connection).unwrap()
}

fn key(name: &str) -> Key {
    KeyPrefix::new("t").unwrap().value("n", name).unwrap()
}

fn keys<const N: usize>(names: [&str; N]) -> [Key; N] {
    names.map(key)
}

fn write(name: &str, value: &'static str) -> Write {
    Write {
        key: key(name),
        value: Bytes::from_static(value.as_bytes()),
        ttl: None,
        condition: Condition::Always,
    }
}

/// Waits for a condition that must come true.
async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "waited 10 s for {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    fn seen(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Recorder {
    fn observe(&self, event: &Event<'_>) {
        let line = match event {
            Event::Connected { node } => format!("connected {node}"),
            Event::Disconnected { node, error } => format!("disconnected {node}: {error}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

async fn observed(config: RedisConfig) -> (RedisBackend, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let observers = Observers::new([recorder.clone() as Arc<dyn Observer>]);
    let clock = Arc::new(SystemClock::new());
    let backend = RedisBackend::connect(config, observers, clock)
        .await
        .unwrap();
    (backend, recorder)
}
