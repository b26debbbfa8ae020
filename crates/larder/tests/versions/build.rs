//! One build: it does what its parent tells it, and reports what came of it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use larder::{Cache, Cacheable, GetOptions, L1, Namespace, OnError, TypedCache};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::parent::{KEYS, ROUNDS, URL};

/// A version of the type.
pub(crate) trait Version: Cacheable + Serialize + DeserializeOwned + Send + Sync {
    fn new(key: u64) -> Self;

    /// Panics where this is not the value of the key.
    fn origin(&self, key: u64) -> Origin;
}

/// What wrote a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Origin {
    Own,
    Converted,
}

/// What one command came to.
#[derive(Default)]
struct Seen {
    own: u64,
    converted: u64,
}

pub(crate) fn run<V: Version>() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let cache = connect::<V>().await;
        println!("\nready");
        for command in std::io::stdin().lines() {
            let before = counts(&cache);
            let seen = obey::<V>(&cache, &command.unwrap()).await;
            report(&before, &counts(&cache), &seen);
        }
    });
}

/// `counted` is read from the server every time, so that what is read can be foretold.
async fn connect<V: Version>() -> Cache {
    let namespace = |name: &str| {
        let hour = Duration::from_secs(3600);
        Namespace::new(name).ttl(hour).jitter(0.0).schema::<V>()
    };
    larder::builder()
        .redis(std::env::var(URL).unwrap())
        .budget(Duration::from_secs(10))
        .namespace(namespace("counted").l1(L1::Off))
        .namespace(namespace("mixed"))
        .build()
        .await
        .unwrap()
}

async fn obey<V: Version>(cache: &Cache, command: &str) -> Seen {
    let users = |name: &str| cache.namespace(name).unwrap().typed::<V>();
    let mut seen = Seen::default();
    match command {
        "write" => {
            for key in 0..KEYS {
                users("counted").set(name(key), V::new(key)).await.unwrap();
            }
        }
        "read" => {
            for key in 0..KEYS {
                seen.load(&users("counted"), key).await;
            }
        }
        "mix" => {
            for round in 0..ROUNDS {
                seen.mix(&users("mixed"), round, round % KEYS).await;
            }
        }
        other => panic!("expected a command, found {other:?}"),
    }
    seen
}

impl Seen {
    async fn load<V: Version>(&mut self, users: &TypedCache<V>, key: u64) {
        let load = users.get_or_load(name(key), move || async move {
            Ok::<_, Infallible>(V::new(key))
        });
        self.count(&*load.await.unwrap(), key);
    }

    /// One call of many kinds: an error of any of them ends the build, and so the test.
    async fn mix<V: Version>(&mut self, users: &TypedCache<V>, round: u64, key: u64) {
        let strict = GetOptions::new().on_error(OnError::Fail);
        match round * 7 / KEYS % 7 {
            0 => users.set(name(key), V::new(key)).await.unwrap(),
            1 | 2 => self.load(users, key).await,
            3 => {
                if let Some(user) = users.get_with(name(key), strict).await.unwrap() {
                    self.count(&*user, key);
                }
            }
            4 => {
                let found = users.get_many_with((0..KEYS).map(name), strict).await;
                for (key, user) in found.unwrap() {
                    self.count(&*user, key.parse().unwrap());
                }
            }
            5 => {
                users.exists(name(key)).await.unwrap();
                users.ttl(name(key)).await.unwrap();
            }
            _ => drop(users.delete(name(key)).await.unwrap()),
        }
    }

    fn count<V: Version>(&mut self, user: &V, key: u64) {
        match user.origin(key) {
            Origin::Own => self.own += 1,
            Origin::Converted => self.converted += 1,
        }
    }
}

fn name(key: u64) -> String {
    key.to_string()
}

/// What the cache counted, by name.
fn counts(cache: &Cache) -> BTreeMap<String, u64> {
    let total = cache.stats().total();
    let reasons = total.miss_reasons.iter();
    let mut counts: BTreeMap<String, u64> = reasons
        .map(|(reason, count)| ((*reason).to_owned(), *count))
        .collect();
    counts.insert("loads".to_owned(), total.loads);
    counts.insert("failed_loads".to_owned(), total.failed_loads);
    counts
}

fn report(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>, seen: &Seen) {
    let since = |name: &str, count: u64| count - before.get(name).copied().unwrap_or_default();
    for (name, count) in after {
        println!("{name} {}", since(name, *count));
    }
    println!("own {}\nconverted {}\ndone", seen.own, seen.converted);
}
