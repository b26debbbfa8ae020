//! Loads of many keys with one loader.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_cache::{LoadError, Loaded, TypedCache};
use larder_cache_core::{Entry, ErrorKind, Ttl};
use larder_testkit::Method;

use crate::world::{Database, DbError, World, eventually};

/// What the loaders of a test were asked for.
#[derive(Clone, Debug, Default)]
struct Asked(Arc<Mutex<Vec<Vec<u32>>>>);

impl Asked {
    fn lists(&self) -> Vec<Vec<u32>> {
        self.0.lock().unwrap().clone()
    }

    /// A loader that finds `value` for each key.
    fn finds(
        &self,
        database: &Database,
        value: &'static str,
    ) -> impl FnOnce(Vec<u32>) -> Found + Clone + Send + 'static {
        let (asked, database) = (self.clone(), database.clone());
        move |keys| {
            asked.0.lock().unwrap().push(keys.clone());
            let found = keys.into_iter().map(|key| (key, format!("{value} {key}")));
            let found: HashMap<_, _> = found.collect();
            Box::pin(async move { Ok(database.query(found).await) })
        }
    }
}

type Found = std::pin::Pin<Box<dyn Future<Output = Result<HashMap<u32, String>, DbError>> + Send>>;

fn check(loaded: &HashMap<u32, Arc<String>>, expected: &[(u32, &str)]) {
    let mut loaded: Vec<_> = loaded.iter().map(|(k, v)| (*k, v.as_str())).collect();
    loaded.sort_unstable();
    assert_eq!(loaded, expected);
}

#[tokio::test]
async fn one_load_for_all_misses() {
    let (world, database, asked) = (World::new(), Database::new(), Asked::default());
    let users = world.users();
    users.set("1", "set 1".to_owned()).await.unwrap();
    world
        .elsewhere()
        .set("2", "set 2".to_owned())
        .await
        .unwrap();
    let keys = [5, 1, 4, 5, 2, 3, 4];
    let loaded = users.get_or_load_many(keys, asked.finds(&database, "loaded"));
    check(
        &loaded.await.unwrap(),
        &[
            (1, "set 1"),
            (2, "set 2"),
            (3, "loaded 3"),
            (4, "loaded 4"),
            (5, "loaded 5"),
        ],
    );
    assert_eq!(
        asked.lists(),
        [[5, 4, 3]],
        "each once, as they were asked for"
    );
    assert_eq!(world.chaos.calls(Method::Get), 1);
    assert_eq!(world.chaos.calls(Method::Fill), 1, "one for the load");
    assert_eq!(users.stats().joined, 0, "a key named twice is one key");
    let again = users.get_or_load_many(keys, asked.finds(&database, "twice"));
    assert_eq!(again.await.unwrap().len(), 5);
    let elsewhere = world.elsewhere();
    let again = elsewhere.get_or_load_many(keys, asked.finds(&database, "twice"));
    assert_eq!(again.await.unwrap().len(), 5);
    assert_eq!(asked.lists().len(), 1);
}

#[tokio::test]
async fn no_keys_ask_nobody() {
    let (world, database, asked) = (World::new(), Database::new(), Asked::default());
    let users = world.users();
    let none = users.get_or_load_many([], asked.finds(&database, "x"));
    assert!(none.await.unwrap().is_empty());
    assert_eq!((asked.lists().len(), world.chaos.all_calls()), (0, 0));
}

#[tokio::test]
async fn missing_keys_are_remembered_and_strangers_ignored() {
    let (world, asked) = (World::new(), Asked::default());
    let users = world.users();
    let loader = |_: Vec<u32>| async {
        let found = [(1, "one"), (99, "stranger"), (1, "uno")];
        Ok::<_, DbError>(found.map(|(key, value)| (key, value.to_owned())))
    };
    let loaded = users.get_or_load_many([1, 2], loader).await.unwrap();
    check(&loaded, &[(1, "uno")]);
    assert_eq!(users.get("99").await.unwrap(), None);
    let again = users.get_or_load_many([1, 2], asked.finds(&Database::new(), "x"));
    check(&again.await.unwrap(), &[(1, "uno")]);
    assert_eq!(asked.lists().len(), 0, "2 is known to be absent");
    let single = users.load("2").with(Database::new().finds::<String>("two"));
    assert_eq!(single.await.unwrap(), None);
}

#[tokio::test]
async fn loaders_may_give_terms() {
    let world = World::new();
    let users = world.users();
    let loader = |keys: Vec<u32>| async move {
        let found = keys.into_iter().map(|key| match key {
            1 => (1, Loaded::value("one".to_owned()).ttl(Ttl::Short)),
            2 => (2, Loaded::value("two".to_owned()).tags(["a\tb"])),
            key => (key, Loaded::absent().ttl(Duration::from_secs(77))),
        });
        Ok::<_, DbError>(found.collect::<Vec<_>>())
    };
    let loaded = users.get_or_load_many([1, 2, 3], loader).await.unwrap();
    check(&loaded, &[(1, "one"), (2, "two")]);
    let ttl = users.ttl("1").await.unwrap().unwrap().duration();
    assert_eq!(ttl, Some(Duration::from_secs(300)));
    assert!(
        world
            .events
            .take()
            .contains(&"refused InvalidTerms 2".to_owned())
    );
    assert!(world.stored("2").await.is_none());
    world.clock.advance(Duration::from_secs(76));
    let known = users
        .load("3")
        .with(Database::new().finds::<String>("three"));
    assert_eq!(known.await.unwrap(), None);
}

#[tokio::test]
async fn a_batch_takes_options_for_all_its_values() {
    let (world, asked) = (World::new(), Asked::default());
    let users = world.users();
    let request = users.load_many([1, 2]).ttl(Ttl::Short).tags(["vip"]);
    let loaded = request.with(asked.finds(&Database::new(), "loaded")).await;
    check(&loaded.unwrap(), &[(1, "loaded 1"), (2, "loaded 2")]);
    for key in ["1", "2"] {
        let ttl = users.ttl(key).await.unwrap().unwrap().duration();
        assert_eq!(ttl, Some(Duration::from_secs(300)));
        let stored = world.stored(key).await.unwrap();
        let tags = Entry::decode(&stored).unwrap().header.tags;
        assert_eq!(tags.len(), 1);
    }
    let refused = users.load_many([3]).ttl(Duration::ZERO);
    let refused = refused.with(asked.finds(&Database::new(), "x")).await;
    assert!(matches!(refused, Err(LoadError::Cache(_))), "{refused:?}");
    let late = users.load_many([3]).timeout(Duration::ZERO);
    let late = late.with(asked.finds(&Database::shut(), "x")).await;
    assert!(matches!(late, Err(LoadError::Deadline)), "{late:?}");
}

#[tokio::test]
async fn loaders_may_return_options() {
    let world = World::new();
    let users = world.users();
    let some = || async { Ok::<_, DbError>(Some("Ada".to_owned())) };
    let none = || async { Ok::<_, DbError>(None::<String>) };
    assert_eq!(*users.load("1").with(some).await.unwrap().unwrap(), "Ada");
    assert_eq!(users.load("2".to_owned()).with(none).await.unwrap(), None);
    assert_eq!(
        users.load("2").with(some).await.unwrap(),
        None,
        "remembered"
    );
    let loader = |keys: Vec<u32>| async move {
        let found = keys
            .into_iter()
            .map(|key| (key, (key == 3).then(|| "Eve".to_owned())));
        Ok::<_, DbError>(found.collect::<Vec<_>>())
    };
    let loaded = users.get_or_load_many([3, 4], loader).await.unwrap();
    check(&loaded, &[(3, "Eve")]);
    assert_eq!(
        users.load("4").with(some).await.unwrap(),
        None,
        "remembered"
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_what_others_load() {
    let (world, database, asked) = (World::new(), Database::shut(), Asked::default());
    let users = world.users();
    let single = tokio::spawn({
        let (users, loader) = (users.clone(), database.finds::<String>("single 1"));
        async move { users.get_or_load("1", loader).await }
    });
    database.asked(1).await;
    let batch = |keys: [u32; 2], name| {
        let (users, loader) = (users.clone(), asked.finds(&database, name));
        tokio::spawn(async move { users.get_or_load_many(keys, loader).await })
    };
    let first = batch([1, 2], "first");
    database.asked(2).await;
    let second = batch([2, 3], "second");
    database.asked(3).await;
    let third = batch([3, 1], "third");
    eventually("the third batch", || users.stats().joined == 4).await;
    let late = tokio::spawn({
        let (users, loader) = (users.clone(), database.finds::<String>("late"));
        async move { users.get_or_load("3", loader).await }
    });
    eventually("the late one", || users.stats().joined == 5).await;
    database.open();
    assert_eq!(*single.await.unwrap().unwrap(), "single 1");
    check(
        &first.await.unwrap().unwrap(),
        &[(1, "single 1"), (2, "first 2")],
    );
    check(
        &second.await.unwrap().unwrap(),
        &[(2, "first 2"), (3, "second 3")],
    );
    check(
        &third.await.unwrap().unwrap(),
        &[(1, "single 1"), (3, "second 3")],
    );
    assert_eq!(*late.await.unwrap().unwrap(), "second 3");
    assert_eq!(asked.lists(), [[2], [3]]);
    assert_eq!(database.queries(), 3);
}

/// Each of two batches leads a key that the other one waits for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_batches_load_each_key_once() {
    for round in 0..50 {
        let (world, database, asked) = (World::new(), Database::new(), Asked::default());
        let users = world.users();
        let batch = |keys: Vec<u32>| {
            let (users, loader) = (users.clone(), asked.finds(&database, "x"));
            tokio::spawn(async move { users.get_or_load_many(keys, loader).await })
        };
        let all: Vec<u32> = (0..20).collect();
        let reversed = all.iter().rev().copied().collect();
        let middle = all[5..15].to_vec();
        for batch in [batch(all.clone()), batch(reversed), batch(middle)] {
            let loaded = batch.await.unwrap().unwrap();
            assert!(loaded.len() >= 10);
        }
        let mut loaded = asked.lists().concat();
        loaded.sort_unstable();
        assert_eq!(loaded, all, "round {round}");
    }
}

/// A single that still reads the backend could be cancelled, and no batch can take over a
/// single key: so the batch overtakes it, and the single gets what the batch brings.
#[tokio::test(start_paused = true)]
async fn a_batch_overtakes_singles_that_only_read() {
    let (world, database, asked) = (World::new(), Database::new(), Asked::default());
    let users = world.users();
    let mut read = world.chaos.gate(Method::Get);
    let single = tokio::spawn({
        let (users, loader) = (users.clone(), database.finds::<String>("single"));
        async move { users.get_or_load("1", loader).await }
    });
    read.arrived().await;
    let loaded = users.get_or_load_many([1, 2], asked.finds(&database, "batch"));
    check(&loaded.await.unwrap(), &[(1, "batch 1"), (2, "batch 2")]);
    read.release();
    assert_eq!(*single.await.unwrap().unwrap(), "batch 1");
    assert_eq!(database.queries(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_overtaken_single_waits_for_a_batch_that_still_loads() {
    let (world, database, asked) = (World::new(), Database::shut(), Asked::default());
    let users = world.users();
    let mut read = world.chaos.gate(Method::Get);
    let single = tokio::spawn({
        let (users, loader) = (users.clone(), database.finds::<String>("single"));
        async move { users.get_or_load("1", loader).await }
    });
    read.arrived().await;
    let batch = tokio::spawn({
        let (users, loader) = (users.clone(), asked.finds(&database, "batch"));
        async move { users.get_or_load_many([1], loader).await }
    });
    database.asked(1).await;
    read.release();
    eventually("the single to wait", || users.stats().joined == 1).await;
    database.open();
    assert_eq!(*single.await.unwrap().unwrap(), "batch 1");
    check(&batch.await.unwrap().unwrap(), &[(1, "batch 1")]);
    assert_eq!(database.queries(), 1);
}

async fn failing(
    users: &TypedCache<String>,
    keys: &[u32],
    loader: impl FnOnce(Vec<u32>) -> Found + Clone + Send + 'static,
) -> LoadError<DbError> {
    let keys = keys.to_vec();
    users.get_or_load_many(keys, loader).await.unwrap_err()
}

#[tokio::test]
async fn a_failure_is_told_and_not_remembered() {
    let (world, asked) = (World::new(), Asked::default());
    let users = world.users();
    let failed = failing(&users, &[1, 2], |_| {
        Box::pin(async { Err(DbError("down")) })
    })
    .await;
    assert_eq!(failed.loader(), Some(&DbError("down")));
    let panicked = failing(&users, &[1, 2], |_| Box::pin(async { panic!("a bug") })).await;
    assert!(matches!(panicked, LoadError::Panicked), "{panicked:?}");
    let panicked = failing(&users, &[1, 2], |_| panic!("at once")).await;
    assert!(matches!(panicked, LoadError::Panicked), "{panicked:?}");
    let loaded = users.get_or_load_many([1], asked.finds(&Database::new(), "x"));
    check(&loaded.await.unwrap(), &[(1, "x 1")]);
    assert_eq!(users.stats().failed_loads, 3);
}

/// All who wait for one of its keys get the batch's failure.
#[tokio::test(start_paused = true)]
async fn a_failure_reaches_all_who_wait() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    let batch = tokio::spawn({
        let (users, database) = (users.clone(), database.clone());
        let loader = |_: Vec<u32>| async move {
            database
                .query(Err::<HashMap<u32, String>, _>(DbError("down")))
                .await
        };
        async move { users.get_or_load_many([1, 2], loader).await }
    });
    database.asked(1).await;
    let single = tokio::spawn({
        let (users, loader) = (users.clone(), database.finds::<String>("single"));
        async move { users.get_or_load("2", loader).await }
    });
    eventually("the single", || users.stats().joined == 1).await;
    database.open();
    assert!(batch.await.unwrap().is_err());
    let failed = single.await.unwrap().unwrap_err();
    assert_eq!(failed.loader(), Some(&DbError("down")));
}

/// A batch that is refused must leave nobody waiting for it.
#[tokio::test]
async fn a_bad_key_refuses_the_whole_batch() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    let keys = || ["1", "2", ""].map(str::to_owned);
    let loader = |_: Vec<String>| async { Ok::<Vec<(String, String)>, DbError>(Vec::new()) };
    let failed = users.get_or_load_many(keys(), loader).await.unwrap_err();
    let LoadError::Cache(error) = failed else {
        panic!("expected a refusal, found {failed:?}");
    };
    assert_eq!(error.kind(), ErrorKind::InvalidKey);
    assert_eq!(world.chaos.all_calls(), 0);
    let single = users.get_or_load("1", database.finds("Ada")).await;
    assert_eq!(*single.unwrap(), "Ada");
    assert_eq!(users.stats().joined, 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_cancelled_while_it_reads_loads_on() {
    let (world, asked) = (World::new(), Asked::default());
    let users = world.users();
    let mut read = world.chaos.gate(Method::Get);
    let batch = tokio::spawn({
        let (users, loader) = (users.clone(), asked.finds(&Database::new(), "batch"));
        async move { users.get_or_load_many([1, 2], loader).await }
    });
    read.arrived().await;
    batch.abort();
    assert!(batch.await.unwrap_err().is_cancelled());
    read.release();
    eventually("the fill", || users.stats().stored == 2).await;
    assert_eq!(*users.get("2").await.unwrap().unwrap(), "batch 2");
}

#[tokio::test(start_paused = true)]
async fn a_batch_cancelled_while_it_loads_loads_on() {
    let (world, database, asked) = (World::new(), Database::shut(), Asked::default());
    let users = world.users();
    let batch = tokio::spawn({
        let (users, loader) = (users.clone(), asked.finds(&database, "batch"));
        async move { users.get_or_load_many([1, 2], loader).await }
    });
    database.asked(1).await;
    batch.abort();
    assert!(batch.await.unwrap_err().is_cancelled());
    database.open();
    eventually("the fill", || users.stats().stored == 2).await;
    assert_eq!(*users.get("2").await.unwrap().unwrap(), "batch 2");
}

#[tokio::test(start_paused = true)]
async fn a_batch_ends_at_its_deadline_and_loads_on() {
    let second = Duration::from_secs(1);
    let world = World::with(|builder| builder.load_timeout(second));
    let (users, database, asked) = (world.users(), Database::shut(), Asked::default());
    let began = tokio::time::Instant::now();
    let late = failing(&users, &[1, 2], asked.finds(&database, "batch")).await;
    assert!(matches!(late, LoadError::Deadline), "{late:?}");
    assert_eq!(began.elapsed(), second);
    database.open();
    eventually("the fill", || users.stats().stored == 2).await;
}

/// Keys of any type whose text tells them apart; where it does not, they share a value.
#[tokio::test]
async fn keys_are_told_apart_by_their_text() {
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    enum Id {
        Number(u32),
        Name(&'static str),
    }
    impl std::fmt::Display for Id {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Self::Number(number) => write!(f, "{number}"),
                Self::Name(name) => f.write_str(name),
            }
        }
    }
    let world = World::new();
    let loader = |ids: Vec<Id>| async move {
        let found = ids.into_iter().map(|id| (id.clone(), format!("{id:?}")));
        Ok::<_, DbError>(found.collect::<Vec<_>>())
    };
    let ids = [Id::Number(7), Id::Name("7"), Id::Name("Ada")];
    let loaded = world.users().get_or_load_many(ids, loader).await.unwrap();
    assert_eq!(*loaded[&Id::Number(7)], "Number(7)");
    assert_eq!(*loaded[&Id::Name("7")], "Number(7)");
    assert_eq!(*loaded[&Id::Name("Ada")], "Name(\"Ada\")");
}

#[tokio::test]
async fn large_batches_are_one_load() {
    let (world, asked) = (World::new(), Asked::default());
    let users = world.users();
    let loaded = users.get_or_load_many(0..10_000, asked.finds(&Database::new(), "x"));
    assert_eq!(loaded.await.unwrap().len(), 10_000);
    assert_eq!(asked.lists().len(), 1);
    assert_eq!(
        (
            world.chaos.calls(Method::Get),
            world.chaos.calls(Method::Fill)
        ),
        (1, 1)
    );
    assert_eq!(users.stats().fills_refused, 0);
    let read = users.get_many((0..10_000).map(|key| key.to_string())).await;
    assert_eq!(read.unwrap().len(), 10_000);
}
