//! Leases: of all processes one loads, and the others wait for what it brings. Whatever
//! becomes of the load, nothing outdated is stored.

use std::time::Duration;

use futures_util::TryStreamExt;
use larder_cache::{LoadError, TypedCache};
use larder_cache_core::{Entry, Error, ErrorKind, Kind, Tags};
use larder_testkit::{Fault, Method};
use tokio::time::Instant;

use crate::fleet::{Fleet, LOADS, Load, Loading, Process};
use crate::world::{Database, DbError, TTL, eventually};

const LEASE: Duration = Duration::from_secs(5);

/// One process that loads "7" from a shut database, and another that waits for it.
async fn one_waits(
    fleet: &Fleet,
    (first, answer): (Load, Result<&'static str, DbError>),
    (second, database): (Load, &Database),
) -> (Process, Loading, Process, Loading, Database) {
    let [a, b] = [fleet.plain(), fleet.plain()];
    let slow = Database::shut();
    let loading = first.spawn(&a.users(), &slow, answer);
    slow.asked(1).await;
    let waiting = second.spawn(&b.users(), database, Ok("second"));
    b.waits().await;
    (a, loading, b, waiting, slow)
}

#[tokio::test(start_paused = true)]
async fn a_cold_key_is_loaded_once() {
    for first in LOADS {
        for second in LOADS {
            let (fleet, database) = (Fleet::new(), Database::new());
            let (_a, loading, b, waiting, slow) =
                one_waits(&fleet, (first, Ok("first")), (second, &database)).await;
            slow.open();
            let case = format!("{second:?} waits for {first:?}");
            assert_eq!(loading.await.unwrap().unwrap(), "first", "{case}");
            assert_eq!(waiting.await.unwrap().unwrap(), "first", "{case}");
            assert_eq!((slow.queries(), database.queries()), (1, 0), "{case}");
            assert_eq!(b.get("7").await.as_deref(), Some("first"), "{case}");
        }
    }
}

/// All callers of eight processes are answered by one load.
#[tokio::test(start_paused = true)]
async fn eight_processes_load_once() {
    let (fleet, database) = (Fleet::new(), Database::shut());
    let processes = [(); 8].map(|()| fleet.plain());
    let mut loading = Vec::new();
    for _ in 0..16 {
        for process in &processes {
            loading.push(Load::Single.spawn(&process.users(), &database, Ok("Ada")));
        }
    }
    database.asked(1).await;
    for process in &processes {
        eventually("the wait of all but one", || {
            process.events.count("LeaseAwaited") > 0 || process.events.count("joined") == 15
        })
        .await;
    }
    database.open();
    for loading in loading {
        assert_eq!(loading.await.unwrap().unwrap(), "Ada");
    }
    assert_eq!(database.queries(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_loads_at_once_when_the_first_fails() {
    for first in LOADS {
        for second in LOADS {
            let (fleet, database) = (Fleet::new(), Database::new());
            let (_a, loading, _b, waiting, slow) =
                one_waits(&fleet, (first, Err(DbError("down"))), (second, &database)).await;
            let began = Instant::now();
            slow.open();
            let case = format!("{second:?} waits for {first:?}");
            let failed = loading.await.unwrap().unwrap_err();
            assert_eq!(failed.loader(), Some(&DbError("down")), "{case}");
            assert_eq!(waiting.await.unwrap().unwrap(), "second", "{case}");
            assert!(began.elapsed() < Duration::from_millis(100), "{case}");
            assert!(fleet.stored("7").await.is_some(), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_panics_gives_its_lease_back() {
    let (fleet, database) = (Fleet::new(), Database::new());
    let [a, b] = [fleet.plain(), fleet.plain()];
    let bug = || async { panic!("the loader's bug") };
    let panicked: Result<_, LoadError<DbError>> = a.users().get_or_load("7", bug).await;
    assert!(matches!(panicked, Err(LoadError::Panicked)));
    assert_eq!(fleet.stored("7").await, None, "no placeholder is left");
    assert_eq!(Load::Single.run(&b.users(), &database, "Ada").await, "Ada");
    assert_eq!(b.events.count("LeaseAwaited"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_load_goes_on_for_others_when_its_caller_is_gone() {
    for first in LOADS {
        let (fleet, database) = (Fleet::new(), Database::new());
        let (_a, loading, _b, waiting, slow) =
            one_waits(&fleet, (first, Ok("first")), (Load::Single, &database)).await;
        loading.abort();
        assert!(loading.await.unwrap_err().is_cancelled());
        slow.open();
        assert_eq!(waiting.await.unwrap().unwrap(), "first", "{first:?}");
        assert_eq!(database.queries(), 0, "{first:?}");
    }
}

/// A load that never ends keeps others waiting for the time of its lease, and what it brings
/// after that is not stored.
/// What was granted though nobody heard of it is given back: nobody waits for its end.
#[tokio::test(start_paused = true)]
async fn a_lease_that_nobody_heard_of_is_given_back() {
    for load in LOADS {
        let (fleet, database) = (Fleet::new(), Database::new());
        let [a, b] = [fleet.plain(), fleet.plain()];
        let lost = Error::new(ErrorKind::Timeout, "the reply was lost");
        a.chaos.on(Method::Lease).next(1, Fault::LostReply(lost));
        let loaded = load.spawn(&a.users(), &database, Ok("Ada")).await;
        assert_eq!(loaded.unwrap().unwrap(), "Ada", "{load:?}");
        let began = Instant::now();
        let loaded = load.spawn(&b.users(), &database, Ok("Ada")).await;
        assert_eq!(loaded.unwrap().unwrap(), "Ada", "{load:?}");
        assert!(
            began.elapsed() < LEASE / 10,
            "{load:?}: {:?}",
            began.elapsed()
        );
        assert_eq!(
            database.queries(),
            2,
            "{load:?}: what has no lease is not stored"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_in_time() {
    for first in LOADS {
        for second in LOADS {
            let (fleet, database) = (Fleet::new(), Database::new());
            let (a, loading, b, waiting, slow) =
                one_waits(&fleet, (first, Ok("first")), (second, &database)).await;
            let case = format!("{second:?} waits for {first:?}");
            fleet.clock.advance(LEASE - Duration::from_millis(1));
            tokio::time::sleep(LEASE / 2).await;
            assert_eq!(database.queries(), 0, "{case}");
            fleet.clock.advance(Duration::from_millis(1));
            assert_eq!(waiting.await.unwrap().unwrap(), "second", "{case}");
            slow.open();
            assert_eq!(loading.await.unwrap().unwrap(), "first", "{case}");
            assert_eq!(a.events.count("refused Superseded 7"), 1, "{case}");
            for process in [a, b] {
                assert_eq!(process.get("7").await.as_deref(), Some("second"), "{case}");
            }
        }
    }
}

/// Where the server's time stands still, those who wait lose patience; what they load is
/// theirs alone.
#[tokio::test(start_paused = true)]
async fn those_who_wait_lose_patience() {
    for second in LOADS {
        let (fleet, database) = (Fleet::new(), Database::new());
        let began = Instant::now();
        let (_a, loading, b, waiting, slow) =
            one_waits(&fleet, (Load::Single, Ok("first")), (second, &database)).await;
        assert_eq!(waiting.await.unwrap().unwrap(), "second", "{second:?}");
        let waited = began.elapsed();
        assert!(waited >= LEASE && waited < 2 * LEASE, "{waited:?}");
        assert_eq!(b.events.count("refused NoLease 7"), 1, "{second:?}");
        slow.open();
        assert_eq!(loading.await.unwrap().unwrap(), "first", "{second:?}");
        assert_eq!(b.get("7").await.as_deref(), Some("first"), "{second:?}");
    }
}

/// The lease can be set, to less as well.
#[tokio::test(start_paused = true)]
async fn the_builder_says_how_long_a_lease_lasts() {
    let (fleet, database, slow) = (Fleet::new(), Database::new(), Database::shut());
    let lease = Duration::from_millis(50);
    let brief = || {
        fleet.process(crate::watched::Telling::Nothing, |builder| {
            builder.lease(lease).l1_bytes(0)
        })
    };
    let [a, b] = [brief(), brief()];
    let loading = Load::Single.spawn(&a.users(), &slow, Ok("first"));
    slow.asked(1).await;
    fleet.clock.advance(lease);
    let second = Load::Single.run(&b.users(), &database, "second").await;
    assert_eq!(second, "second");
    slow.open();
    assert_eq!(loading.await.unwrap().unwrap(), "first");
    assert_eq!(b.get("7").await.as_deref(), Some("second"));
}

/// A lease beyond all clocks is a long one.
#[tokio::test(start_paused = true)]
async fn an_endless_lease_can_be_had() {
    for load in LOADS {
        let fleet = Fleet::new();
        let process = fleet.process(crate::watched::Telling::Nothing, |builder| {
            builder.lease(Duration::MAX)
        });
        let loaded = load.run(&process.users(), &Database::new(), "Ada").await;
        assert_eq!(loaded, "Ada", "{load:?}");
        assert!(fleet.stored("7").await.is_some(), "{load:?}");
    }
}

/// Each of three processes waits for a key that another one loads.
#[tokio::test(start_paused = true)]
async fn batches_do_not_wait_for_each_other() {
    let fleet = Fleet::new();
    let [a, b, c] = [fleet.plain(), fleet.plain(), fleet.plain()];
    let databases = [(); 3].map(|()| Database::shut());
    let spawn = |process: &Process, database: &Database, keys: &[&'static str]| {
        let (users, database, keys) = (process.users(), database.clone(), keys.to_vec());
        tokio::spawn(async move {
            let loader = move |missing: Vec<&'static str>| async move {
                let rows = missing.into_iter().map(|key| (key, format!("row {key}")));
                database.query(Ok::<Vec<_>, DbError>(rows.collect())).await
            };
            let mut found: Vec<_> = users
                .get_or_load_many(keys, loader)
                .await
                .unwrap()
                .into_iter()
                .map(|(key, value)| format!("{key}: {value}"))
                .collect();
            found.sort();
            found
        })
    };
    let first = spawn(&c, &databases[2], &["3"]);
    databases[2].asked(1).await;
    let second = spawn(&b, &databases[1], &["2", "3"]);
    databases[1].asked(1).await;
    let third = spawn(&a, &databases[0], &["1", "2", "3"]);
    databases[0].asked(1).await;
    databases[0].open();
    a.waits().await;
    databases[1].open();
    b.waits().await;
    databases[2].open();
    assert_eq!(first.await.unwrap(), ["3: row 3"]);
    assert_eq!(second.await.unwrap(), ["2: row 2", "3: row 3"]);
    assert_eq!(third.await.unwrap(), ["1: row 1", "2: row 2", "3: row 3"]);
    let queries: usize = databases.iter().map(Database::queries).sum();
    assert_eq!(queries, 3, "each key was loaded once");
}

/// Two batches that each hold what the other waits for.
#[tokio::test(start_paused = true)]
async fn crossing_batches_both_end() {
    let (fleet, database) = (Fleet::new(), Database::new());
    let [a, b, c] = [fleet.plain(), fleet.plain(), fleet.plain()];
    let many = |process: &Process, database: &Database, keys: [&'static str; 2]| {
        let (users, database) = (process.users(), database.clone());
        tokio::spawn(async move {
            let loader = move |missing: Vec<&'static str>| async move {
                let rows = missing.into_iter().map(|key| (key, "row".to_owned()));
                database.query(Ok::<Vec<_>, DbError>(rows.collect())).await
            };
            users.get_or_load_many(keys, loader).await.unwrap().len()
        })
    };
    // The third holds "8" until the first has "7" and the second waits for both.
    let (failing, slow) = (Database::shut(), Database::shut());
    let loader = failing.fails::<String>("down");
    let users = c.users();
    let occupant = tokio::spawn(async move { users.get_or_load("8", loader).await });
    failing.asked(1).await;
    let first = many(&a, &slow, ["7", "8"]);
    slow.asked(1).await;
    let second = many(&b, &database, ["8", "7"]);
    b.waits().await;
    failing.open();
    occupant.await.unwrap().unwrap_err();
    database.asked(1).await;
    slow.open();
    assert_eq!(first.await.unwrap(), 2);
    assert_eq!(second.await.unwrap(), 2);
    assert_eq!((slow.queries(), database.queries()), (1, 1));
}

/// What another process may do to a key that is being loaded.
#[derive(Clone, Copy, Debug)]
enum Change {
    Set,
    Delete,
    MarkStale,
    Clear,
    InvalidateTags,
    PlainBytes,
}

const CHANGES: [Change; 6] = [
    Change::Set,
    Change::Delete,
    Change::MarkStale,
    Change::Clear,
    Change::InvalidateTags,
    Change::PlainBytes,
];

impl Change {
    async fn make(self, fleet: &Fleet, users: &TypedCache<String>) {
        match self {
            Self::Set => users.set("7", "new".to_owned()).await.unwrap(),
            Self::Delete => drop(users.delete("7").await.unwrap()),
            Self::MarkStale => drop(users.mark_stale("7").await.unwrap()),
            Self::Clear => {
                users.clear().await.unwrap();
            }
            Self::InvalidateTags => {
                let tags = Tags::any(["everyone"]);
                users.invalidate_tags(tags).await.unwrap();
            }
            Self::PlainBytes => fleet.plant("7", "another program's").await,
        }
    }

    fn leaves(self) -> Option<&'static str> {
        matches!(self, Self::Set).then_some("new")
    }
}

/// A load that a change overtook answers its callers, and nobody else.
#[tokio::test(start_paused = true)]
async fn a_change_elsewhere_voids_a_load() {
    for load in LOADS {
        for change in CHANGES {
            for is_stale in [false, true] {
                let case = format!("{change:?} during {load:?}, stale: {is_stale}");
                let (fleet, database) = (Fleet::new(), Database::shut());
                let [a, b] = [fleet.plain(), fleet.plain()];
                for process in [&a, &b] {
                    process.update(|users| users.tags(["everyone"]).soft_timeout(TTL));
                }
                if is_stale {
                    a.users().set("7", "old".to_owned()).await.unwrap();
                    fleet.clock.advance(TTL);
                }
                let loading = load.spawn(&a.users(), &database, Ok("outdated"));
                database.asked(1).await;
                change.make(&fleet, &b.users()).await;
                database.open();
                assert_eq!(loading.await.unwrap().unwrap(), "outdated", "{case}");
                a.idle().await;
                for process in [&a, &b] {
                    let found = process.get("7").await;
                    assert_eq!(found.as_deref(), change.leaves(), "{case}");
                }
                let later = load.run(&b.users(), &Database::new(), "later").await;
                assert_eq!(later, change.leaves().unwrap_or("later"), "{case}");
                assert_eq!(a.get("7").await, Some(later), "{case}");
            }
        }
    }
}

/// A backend that fails half-way through a load costs nothing but the entry.
#[tokio::test(start_paused = true)]
async fn without_a_backend_the_loader_answers() {
    let broken = || Error::new(ErrorKind::Connection, "the connection broke");
    for load in LOADS {
        for (method, fault, is_stored) in [
            (Method::Epochs, Fault::refused(), false),
            (Method::Lease, Fault::refused(), false),
            (Method::Lease, Fault::LostReply(broken()), false),
            (Method::Fill, Fault::refused(), false),
            (Method::Fill, Fault::LostReply(broken()), true),
        ] {
            let case = format!("{load:?}, {method}: {fault:?}");
            let fleet = Fleet::new();
            let [a, b] = [fleet.plain(), fleet.plain()];
            a.chaos.on(method).next(1, fault);
            let loaded = load.run(&a.users(), &Database::new(), "Ada").await;
            assert_eq!(loaded, "Ada", "{case}");
            assert_eq!(a.events.count("refused Backend 7"), 1, "{case}");
            let found = b.get("7").await;
            assert_eq!(found.is_some(), is_stored, "{case}");
            fleet.clock.advance(LEASE);
            let loaded = load.run(&b.users(), &Database::new(), "Bob").await;
            assert_eq!(loaded == "Ada", is_stored, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn placeholders_are_seen_by_nobody() {
    let (fleet, database) = (Fleet::new(), Database::shut());
    let [a, b] = [fleet.plain(), fleet.plain()];
    let loading = Load::Single.spawn(&a.users(), &database, Ok("first"));
    database.asked(1).await;
    let stored = fleet.stored("7").await.unwrap();
    let kind = Entry::decode(&stored).unwrap().header.kind;
    assert_eq!(kind, Kind::Placeholder);
    let users = b.users();
    assert_eq!(users.get("7").await.unwrap(), None);
    assert!(users.get_many(["7"]).await.unwrap().is_empty());
    let replies = users.pipeline().get("7").run().await.unwrap();
    let reply = replies.into_iter().next().unwrap().unwrap();
    assert_eq!(reply.into_value(), None);
    assert_eq!(b.events.count("miss loading 7"), 3);
    assert!(!users.exists("7").await.unwrap());
    assert_eq!(users.ttl("7").await.unwrap(), None);
    assert!(!users.expire("7", TTL).await.unwrap());
    let keys: Vec<Vec<String>> = users.keys_by_pattern("*").try_collect().await.unwrap();
    assert!(keys.is_empty(), "{keys:?}");
    assert!(users.set_if_absent("7", "second".to_owned()).await.unwrap());
    database.open();
    assert_eq!(loading.await.unwrap().unwrap(), "first");
    assert_eq!(a.get("7").await.as_deref(), Some("second"));
}

/// What stood in the place of a damaged entry is loaded once by all.
#[tokio::test(start_paused = true)]
async fn a_damaged_entry_is_loaded_once() {
    for load in LOADS {
        let (fleet, database) = (Fleet::new(), Database::shut());
        let [a, b] = [fleet.plain(), fleet.plain()];
        a.users().set("7", "Ada".to_owned()).await.unwrap();
        let mut damaged = fleet.stored("7").await.unwrap().to_vec();
        *damaged.last_mut().unwrap() ^= 1;
        fleet.plant("7", damaged).await;
        let loading = [&a, &b].map(|process| load.spawn(&process.users(), &database, Ok("Bob")));
        database.asked(1).await;
        let waits = || a.events.count("LeaseAwaited") + b.events.count("LeaseAwaited") > 0;
        eventually("the wait of one", waits).await;
        database.open();
        for loading in loading {
            assert_eq!(loading.await.unwrap().unwrap(), "Bob", "{load:?}");
        }
        assert_eq!(database.queries(), 1, "{load:?}");
        assert_eq!(a.get("7").await.as_deref(), Some("Bob"), "{load:?}");
    }
}

/// All keys of a batch stand on the same epochs: they are read once, also where every read
/// asks the server for them.
#[tokio::test]
async fn a_batch_costs_no_more_calls_than_a_single_load() {
    let fleet = Fleet::new();
    let process = fleet.plain();
    let keys: Vec<String> = (0..50).map(|key| key.to_string()).collect();
    let loader = |missing: Vec<String>| async {
        let rows = missing.into_iter().map(|key| (key, "row".to_owned()));
        Ok::<Vec<_>, DbError>(rows.collect())
    };
    let loaded = process.users().get_or_load_many(keys, loader).await;
    assert_eq!(loaded.unwrap().len(), 50);
    for method in [Method::Get, Method::Epochs, Method::Lease, Method::Fill] {
        assert_eq!(process.chaos.calls(method), 1, "{method}");
    }
}
