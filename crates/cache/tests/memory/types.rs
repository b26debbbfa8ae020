//! One key, several types.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use larder_cache::LoadError;
use larder_cache_core::{Error, ErrorKind};

use crate::world::{Database, DbError, World, eventually};

fn check<T: Debug>(read: Result<T, LoadError<DbError>>) {
    match read {
        Err(LoadError::Cache(error)) => {
            assert_eq!(error.kind(), ErrorKind::TypeMismatch);
            let text = error.to_string();
            assert!(text.contains("u64") && text.contains("namespace"), "{text}");
        }
        other => panic!("expected a mismatch, found {other:?}"),
    }
}

fn plain<T>(read: Result<T, Error>) -> Result<T, LoadError<DbError>> {
    read.map_err(LoadError::Cache)
}

#[tokio::test]
async fn another_type_under_the_key_is_an_error() {
    let (world, database) = (World::new(), Database::new());
    let (names, numbers) = (world.users(), world.typed::<u64>("users"));
    names.set("7", "Ada".to_owned()).await.unwrap();
    check(plain(numbers.get("7").await));
    check(plain(numbers.get_many(["7"]).await));
    check(numbers.get_or_load("7", database.finds(7_u64)).await);
    check(numbers.load("7").with(database.finds::<u64>(7_u64)).await);
    let many = |_: Vec<&str>| async { Ok::<_, DbError>(HashMap::from([("7", 7_u64)])) };
    check(numbers.get_or_load_many(["7"], many).await);
    assert_eq!(database.queries(), 0);
    assert_eq!(world.cache.stats().total().misses, 0, "an error is no miss");

    numbers.set("7", 42_u64).await.unwrap();
    assert_eq!(*numbers.get("7").await.unwrap().unwrap(), 42);
    let kind = names.get("7").await.unwrap_err().kind();
    assert_eq!(kind, ErrorKind::TypeMismatch);
}

/// Without L1 the stored bytes decide: what can't be read as the type is a miss.
#[tokio::test]
async fn another_type_in_the_backend_is_a_miss() {
    let world = World::new();
    let (names, numbers) = (
        world.typed::<String>("remote"),
        world.typed::<u64>("remote"),
    );
    names.set("7", "Ada".to_owned()).await.unwrap();
    assert_eq!(numbers.get("7").await.unwrap(), None);
    assert_eq!(numbers.stats().miss_reasons, [("undecodable", 1)]);
}

#[tokio::test(start_paused = true)]
async fn types_in_flight_do_not_mix() {
    let (world, database) = (World::new(), Database::shut());
    let (names, numbers) = (world.users(), world.typed::<u64>("users"));
    let name = |loader| {
        let names = names.clone();
        tokio::spawn(async move { names.get_or_load("7", loader).await })
    };
    let first = name(database.finds::<String>("Ada"));
    database.asked(1).await;
    let number = tokio::spawn({
        let loader = database.finds::<u64>(7_u64);
        async move { numbers.get_or_load("7", loader).await }
    });
    database.asked(2).await;
    assert_eq!(names.stats().joined, 0);
    let second = name(database.finds::<String>("loaded twice"));
    eventually("the second of the first type", || names.stats().joined == 1).await;
    database.open();
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
    assert_eq!(*number.await.unwrap().unwrap(), 7);
}

/// An error of one type could not be given to callers who expect another.
#[tokio::test(start_paused = true)]
async fn error_types_in_flight_do_not_mix() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    let one = tokio::spawn({
        let (users, loader) = (users.clone(), database.fails::<String>("down"));
        async move { users.get_or_load("7", loader).await }
    });
    let other = tokio::spawn({
        let (users, database) = (users.clone(), database.clone());
        let loader = move || async move { database.query(Err::<String, u8>(1)).await };
        async move { users.get_or_load("7", loader).await }
    });
    database.asked(2).await;
    database.open();
    assert_eq!(
        one.await.unwrap().unwrap_err().loader(),
        Some(&DbError("down"))
    );
    assert_eq!(other.await.unwrap().unwrap_err().loader(), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn the_same_type_through_other_handles_is_one_flight() {
    let (world, database) = (World::new(), Database::shut());
    let (one, other) = (world.users(), world.cache.clone());
    let first = tokio::spawn({
        let (one, loader) = (one.clone(), database.finds::<String>("Ada"));
        async move { one.get_or_load("7", loader).await }
    });
    database.asked(1).await;
    let second = tokio::spawn({
        let loader = database.finds::<String>("twice");
        async move {
            let users = other.namespace("users").unwrap().typed::<String>();
            users.get_or_load("7", loader).await
        }
    });
    eventually("the second caller", || one.stats().joined == 1).await;
    database.open();
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
}
