//! Being told what changes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use larder_cache_core::{
    Backend, Claim, Clock, FillOutcome, Moment, Observers, SystemClock, Watch, Watcher,
};
use larder_redis_backend::{RedisBackend, RedisConfig};
use larder_testkit::RedisServer;
use tokio::time::sleep;

use super::leases::{entry, granted, lease};
use super::{SOON, ask, config, eventually, key, raw, server, write};

/// What a watcher was told, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    Changed(String),
    ChangedAll,
    Forgotten,
}

#[derive(Debug, Default)]
pub(super) struct Told {
    news: Mutex<Vec<News>>,
    until: Mutex<Option<Moment>>,
}

impl Told {
    pub(super) fn news(&self) -> MutexGuard<'_, Vec<News>> {
        self.news.lock().unwrap()
    }

    pub(super) fn take(&self) -> Vec<News> {
        std::mem::take(&mut *self.news())
    }

    pub(super) fn until(&self) -> Option<Moment> {
        *self.until.lock().unwrap()
    }

    fn keys(&self) -> BTreeSet<String> {
        let news = self.news();
        let keys = news.iter().filter_map(|news| match news {
            News::Changed(key) => Some(key.clone()),
            _ => None,
        });
        keys.collect()
    }
}

impl Watcher for Told {
    fn changed(&self, key: &[u8]) {
        let key = String::from_utf8(key.to_vec()).unwrap();
        self.news().push(News::Changed(key));
    }

    fn changed_all(&self) {
        self.news().push(News::ChangedAll);
    }

    fn told_until(&self, moment: Moment) {
        let before = self.until.lock().unwrap().replace(moment);
        assert!(before.is_none_or(|before| before < moment));
    }

    fn may_have_forgotten(&self) {
        self.news().push(News::Forgotten);
    }
}

/// A backend, its clock, and what it tells of keys that begin with `t:` or `t~e:`.
pub(super) struct Watched {
    pub(super) backend: Arc<RedisBackend>,
    pub(super) clock: SystemClock,
    pub(super) told: Arc<Told>,
}

impl Watched {
    pub(super) async fn connect(config: RedisConfig) -> Self {
        let clock = SystemClock::new();
        let backend = RedisBackend::connect(config, Observers::default(), Arc::new(clock));
        let watched = Self {
            backend: Arc::new(backend.await.unwrap()),
            clock,
            told: Arc::default(),
        };
        assert!(watch(&watched.backend, &watched.told));
        watched.caught_up().await;
        assert!(watched.told.take().contains(&News::ChangedAll));
        watched
    }

    async fn to(server: &RedisServer) -> Self {
        Self::connect(config(server.url())).await
    }

    /// Waits until everything that has happened until now is told.
    pub(super) async fn caught_up(&self) {
        let now = self.clock.now();
        eventually("news until now", async || {
            self.told.until().filter(|&until| until >= now)
        })
        .await;
    }
}

pub(super) fn watch(backend: &RedisBackend, told: &Arc<Told>) -> bool {
    let watcher = Arc::downgrade(told) as _;
    let prefixes = vec!["t:".into(), "t~e:".into()];
    backend.watch(Watch { prefixes, watcher })
}

#[tokio::test]
async fn what_anybody_changes_is_told_under_the_prefixes_alone() {
    let server = server(&["--active-expire-effort", "10"]);
    let watched = Watched::to(&server).await;
    let mut foreign = raw(&server);
    for command in [
        "SET t:n:a 1",
        "SET t:n:b 1",
        "SET other:n:a 1",
        "SET t~fill:a 1",
        "SET t~e:t:tag 1",
        "DEL t:n:missing",
    ] {
        ask::<()>(&mut foreign, command);
    }
    watched.caught_up().await;
    let keys = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected: BTreeSet<String> = keys(&["t:n:a", "t:n:b", "t~e:t:tag"]);
    assert_eq!(watched.told.keys(), expected);
    for (command, expected) in [
        ("EXPIRE t:n:a 100", &["t:n:a"][..]),
        ("SETRANGE t:n:a 0 x", &["t:n:a"]),
        ("RENAME t:n:a t:n:c", &["t:n:a", "t:n:c"]),
        ("DEL t:n:b", &["t:n:b"]),
        // Long enough that its end is not told in the midst of what follows.
        ("PEXPIRE t:n:c 100000", &["t:n:c"]),
        ("RENAME other:n:a t:n:d", &["t:n:d"]),
        ("UNLINK t:n:d", &["t:n:d"]),
    ] {
        watched.told.take();
        ask::<()>(&mut foreign, command);
        watched.caught_up().await;
        let expected: BTreeSet<String> = keys(expected);
        assert_eq!(watched.told.keys(), expected, "{command}");
    }
    for command in ["FLUSHDB", "FLUSHALL"] {
        ask::<()>(&mut foreign, "SET t:n:a 1");
        watched.caught_up().await;
        watched.told.take();
        ask::<()>(&mut foreign, command);
        watched.caught_up().await;
        assert!(watched.told.news().contains(&News::ChangedAll), "{command}");
    }
}

#[tokio::test]
async fn own_leases_and_fills_are_told_too() {
    let server = server(&[]);
    let watched = Watched::to(&server).await;
    let backend = &watched.backend;
    let grant = granted(backend, "a", 1).await;
    watched.caught_up().await;
    assert_eq!(watched.told.take(), [News::Changed("t:n:a".into())]);
    let value = entry(
        larder_cache_core::Kind::Value,
        larder_cache_core::Freshness::default(),
        10,
    );
    let outcome = FillOutcome::Store(value, Some(Duration::from_secs(9)));
    assert!(super::leases::fill(backend, "a", grant, outcome).await);
    watched.caught_up().await;
    assert_eq!(watched.told.take(), [News::Changed("t:n:a".into())]);
    lease(backend, "a", 2, Claim::Missing).await;
    watched.caught_up().await;
    assert_eq!(watched.told.take(), [], "nothing has changed");
}

#[tokio::test]
async fn what_is_evicted_is_told() {
    let server = server(&[
        "--maxmemory",
        "8mb",
        "--maxmemory-policy",
        "allkeys-lru",
        "--maxmemory-clients",
        "5%",
    ]);
    let watched = Watched::to(&server).await;
    let mut foreign = raw(&server);
    for number in 0..2000 {
        let mut set = ::redis::cmd("SET");
        set.arg(format!("t:n:{number}")).arg(vec![0_u8; 8192]);
        set.query::<()>(&mut foreign).unwrap();
        if number == 300 {
            watched.caught_up().await;
            watched.told.take();
        }
    }
    watched.caught_up().await;
    let left: BTreeSet<String> = ask(&mut foreign, "KEYS t:n:*");
    let told = watched.told.keys();
    let gone = (0..=300).map(|number| format!("t:n:{number}"));
    let gone: Vec<String> = gone.filter(|key| !left.contains(key)).collect();
    assert!(gone.len() > 100, "{}", gone.len());
    let untold = gone.iter().filter(|&key| !told.contains(key)).count();
    assert_eq!(untold, 0);
}

/// The answer to a question that was asked after a change is known comes after the news of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_comes_before_later_answers() {
    let server = server(&[]);
    let watched = Watched::to(&server).await;
    let mut foreign = raw(&server);
    for number in 0..2000 {
        ask::<()>(&mut foreign, &format!("SET t:n:a {number}"));
        let found = watched.backend.get(&[key("a")], SOON).await.unwrap();
        assert_eq!(found, [Some(number.to_string().into())]);
        let news = watched.told.take();
        assert!(news.contains(&News::Changed("t:n:a".into())), "{number}");
    }
}

/// Nobody is told that all is told while a change before that moment is not.
pub(super) async fn check_nothing_is_told_late(
    watched: &Watched,
    mut change: impl FnMut(u64) -> Option<String> + Send + 'static,
    for_long: Duration,
) {
    let (clock, told) = (watched.clock, Arc::clone(&watched.told));
    let began = clock.now();
    let writer = tokio::task::spawn_blocking(move || {
        let (mut late, mut changes) = (0, 0);
        let mut waiting: Vec<(Moment, String)> = Vec::new();
        while clock.now().since(began) < for_long {
            if let Some(key) = change(changes) {
                waiting.push((clock.now(), key));
            }
            changes += 1;
            if changes % 16 == 0 {
                let until = told.until();
                let (past, rest): (Vec<_>, Vec<_>) = waiting
                    .into_iter()
                    .partition(|(answered, _)| until.is_some_and(|until| until >= *answered));
                waiting = rest;
                let news = told.news();
                let all = news.contains(&News::ChangedAll);
                let is_told = |key: &String| all || news.contains(&News::Changed(key.clone()));
                late += past.iter().filter(|(_, key)| !is_told(key)).count();
            }
        }
        (late, changes)
    });
    let (late, changes) = writer.await.unwrap();
    assert!(changes > 100, "{changes} changes");
    assert_eq!(late, 0, "of {changes}");
    watched.caught_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_late() {
    let server = server(&[]);
    let watched = Watched::to(&server).await;
    let mut foreign = raw(&server);
    let reader = tokio::spawn({
        let backend = Arc::clone(&watched.backend);
        async move {
            loop {
                backend.get(&[key("1"), key("2")], SOON).await.unwrap();
            }
        }
    });
    let change = move |number: u64| {
        let key = format!("t:n:{number}");
        ask::<()>(&mut foreign, &format!("SET {key} 1"));
        Some(key)
    };
    check_nothing_is_told_late(&watched, change, Duration::from_secs(2)).await;
    reader.abort();
}

fn lost_and_found(news: &[News]) -> bool {
    let forgotten = news.iter().position(|news| *news == News::Forgotten);
    let all = news.iter().rposition(|news| *news == News::ChangedAll);
    forgotten.is_some_and(|forgotten| all.is_some_and(|all| forgotten < all))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_may_have_hidden_anything() {
    let server = server(&[]);
    let watched = Watched::to(&server).await;
    for _ in 0..3 {
        ask::<()>(&mut raw(&server), "CLIENT KILL TYPE normal SKIPME yes");
        // Told before anything is answered on the new connection.
        eventually("an answer", async || {
            watched.backend.get(&[key("a")], SOON).await.ok()
        })
        .await;
        let opened = watched.backend.connections().opened;
        eventually("the loss", async || {
            lost_and_found(&watched.told.news()).then_some(())
        })
        .await;
        watched.caught_up().await;
        ask::<()>(&mut raw(&server), "SET t:n:a 1");
        watched.caught_up().await;
        let news = watched.told.take();
        assert_eq!(
            news.last(),
            Some(&News::Changed("t:n:a".into())),
            "{opened}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_restarted_has_forgotten() {
    let mut server = server(&[]);
    let watched = Watched::to(&server).await;
    watched.backend.set(&[write("a", "1")], SOON).await.unwrap();
    watched.caught_up().await;
    server.kill();
    sleep(Duration::from_millis(300)).await;
    let stopped = watched.told.until();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(watched.told.until(), stopped, "nobody is there to tell");
    server.restart().unwrap();
    eventually("an answer", async || {
        watched.backend.get(&[key("a")], SOON).await.ok()
    })
    .await;
    assert!(lost_and_found(&watched.told.news()));
    watched.caught_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_server_hangs_nothing_counts_as_told() {
    let server = server(&[]);
    let watched = Watched::to(&server).await;
    server.pause().unwrap();
    let paused = watched.clock.now();
    sleep(Duration::from_millis(400)).await;
    assert!(watched.told.until().unwrap() <= paused);
    server.resume().unwrap();
    watched.caught_up().await;
}

#[tokio::test]
async fn the_last_watcher_is_told_and_one_that_is_gone_harms_nobody() {
    let server = server(&[]);
    let watched = Watched::to(&server).await;
    let other: Arc<Told> = Arc::default();
    assert!(watch(&watched.backend, &other));
    eventually("the other watcher", async || other.until()).await;
    let before = watched.told.take();
    ask::<()>(&mut raw(&server), "SET t:n:a 1");
    eventually("the news", async || {
        other.keys().contains("t:n:a").then_some(())
    })
    .await;
    assert_eq!(watched.told.take(), [], "{before:?}");
    drop(other);
    ask::<()>(&mut raw(&server), "SET t:n:a 2");
    let found = watched.backend.get(&[key("a")], SOON).await.unwrap();
    assert_eq!(found, [Some("2".into())]);
}

#[tokio::test]
async fn a_server_that_does_not_want_to_tell_is_used_all_the_same() {
    let server = server(&[]);
    let rules = "ACL SETUSER some on >pw ~* +@all -client|tracking";
    ask::<()>(&mut raw(&server), rules);
    let url = format!("redis://some:pw@127.0.0.1:{}", server.port());
    let backend = super::connect(config(url)).await.unwrap();
    let told: Arc<Told> = Arc::default();
    assert!(watch(&backend, &told));
    for _ in 0..2 {
        eventually("an answer", async || {
            backend.set(&[write("a", "1")], SOON).await.ok()
        })
        .await;
        sleep(Duration::from_millis(300)).await;
        assert_eq!(told.until(), None);
        ask::<()>(&mut raw(&server), "CLIENT KILL TYPE normal SKIPME yes");
    }
    eventually("the loss", async || {
        told.news().contains(&News::Forgotten).then_some(())
    })
    .await;
}
