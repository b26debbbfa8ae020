//! Values in, values out.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::Arc;

use larder::{Format, SetOptions, Value};
use larder_cache_core::Entry;
use serde::{Deserialize, Serialize};

use crate::backing::{Backing, eventually, physical};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    age: Option<u8>,
    scores: BTreeMap<String, f64>,
    friends: Vec<User>,
    kind: Kind,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Guest,
    Member { since: i64 },
}

fn user(name: &str) -> User {
    User {
        name: name.to_owned(),
        age: Some(36),
        scores: BTreeMap::from([("chess".to_owned(), -0.5)]),
        friends: Vec::new(),
        kind: Kind::Member { since: i64::MIN },
    }
}

/// A value comes back from L1 and from the backend as it was.
async fn check<V: Value + PartialEq + Debug>(backing: &Backing, value: V) {
    let (here, there) = (backing.cache().await, backing.cache().await);
    let here = here.namespace("users").unwrap().typed::<V>();
    let there = there.namespace("users").unwrap().typed::<V>();
    let value = Arc::new(value);
    here.set("7", value.clone()).await.unwrap();
    assert_eq!(here.get("7").await.unwrap().unwrap(), value);
    assert_eq!(there.get("7").await.unwrap().unwrap(), value);
    assert_eq!(there.stats().l2_hits, 1);
    eventually("a hit in L1", async || {
        let (one, other) = (here.get("7").await.unwrap(), here.get("7").await.unwrap());
        Arc::ptr_eq(&one.unwrap(), &other.unwrap())
    })
    .await;
    assert!(here.exists("7").await.unwrap() && there.exists("7").await.unwrap());
}

pub(crate) async fn values_of_all_shapes(backing: &Backing) {
    check(backing, String::new()).await;
    check(backing, "ключ 日本語 🦀\0\r\n".to_owned()).await;
    check(backing, "x".repeat(1 << 20)).await;
    check(backing, (u64::MAX, i64::MIN, true, 'ß', f32::MIN)).await;
    check(backing, Some(Some(7_u8))).await;
    check(backing, None::<u8>).await;
    check(backing, ()).await;
    check(backing, vec![vec![0_u8; 3]; 3]).await;
    check(backing, HashMap::from([(1_u8, [1_u16, 2])])).await;
    let mut ada = user("Ada");
    (ada.age, ada.kind, ada.friends) = (None, Kind::Guest, vec![user("Grace")]);
    check(backing, ada).await;
}

pub(crate) async fn get_many_answers_for_each_key(backing: &Backing) {
    let (here, there) = (backing.cache().await, backing.cache().await);
    let here = here.namespace("users").unwrap().typed::<u32>();
    let there = there.namespace("users").unwrap().typed::<u32>();
    here.set("1", 1).await.unwrap();
    there.set("2", 2).await.unwrap();
    there.set("3", 3).await.unwrap();
    let found = here.get_many(["3", "1", "4", "3", "2", "1"]).await.unwrap();
    let mut found: Vec<_> = found.iter().map(|(key, value)| (*key, **value)).collect();
    found.sort_unstable();
    assert_eq!(found, [("1", 1), ("2", 2), ("3", 3)]);
    let owned = here.get_many(vec!["2".to_owned()]).await.unwrap();
    assert_eq!(*owned["2"], 2);
    assert!(here.get_many([""; 0]).await.unwrap().is_empty());
    assert!(here.get_many(["4"]).await.unwrap().is_empty());
}

pub(crate) async fn set_many_in_order(backing: &Backing) {
    let cache = backing.cache().await;
    for namespace in ["users", "remote"] {
        let names = cache.namespace(namespace).unwrap().typed::<u32>();
        names
            .set_many([("1", 1), ("2", 2), ("1", 3)])
            .await
            .unwrap();
        assert_eq!(
            *names.get("1").await.unwrap().unwrap(),
            3,
            "the last one wins"
        );
        assert_eq!(*names.get("2").await.unwrap().unwrap(), 2);
        names.set_many([("", 1); 0]).await.unwrap();
        let refused = names.set_many([("1", 9), ("", 9)]).await;
        assert!(refused.is_err());
        assert_eq!(
            *names.get("1").await.unwrap().unwrap(),
            3,
            "nothing was sent"
        );
    }
}

pub(crate) async fn many_keys_at_once(backing: &Backing) {
    let cache = backing.cache().await;
    let numbers = cache.namespace("remote").unwrap().typed::<u32>();
    let keys = || (0..2500_u32).map(|n| n.to_string());
    numbers.set_many(keys().zip(0..)).await.unwrap();
    let found = numbers.get_many(keys().rev()).await.unwrap();
    assert_eq!(found.len(), 2500);
    assert!(found.iter().all(|(key, value)| *key == value.to_string()));
    assert_eq!(numbers.delete_many(keys()).await.unwrap(), 2500);
    assert!(numbers.get_many(keys()).await.unwrap().is_empty());
}

pub(crate) async fn deletions_are_counted(backing: &Backing) {
    let cache = backing.cache().await;
    let numbers = cache.namespace("users").unwrap().typed::<u32>();
    numbers
        .set_many([("1", 1), ("2", 2), ("3", 3)])
        .await
        .unwrap();
    assert!(numbers.delete("1").await.unwrap());
    assert!(!numbers.delete("1").await.unwrap());
    assert_eq!(numbers.delete_many(["1", "2", "2", "4"]).await.unwrap(), 1);
    assert_eq!(numbers.delete_many([""; 0]).await.unwrap(), 0);
    for (key, there) in [("1", false), ("2", false), ("3", true)] {
        assert_eq!(numbers.get(key).await.unwrap().is_some(), there, "{key}");
        assert_eq!(numbers.exists(key).await.unwrap(), there, "{key}");
    }
}

pub(crate) async fn values_as_json(backing: &Backing) {
    let (cache, program) = (backing.cache().await, backing.program().await);
    cache
        .update_namespace("users", |n| n.format(Format::Json))
        .unwrap();
    let users = cache.namespace("users").unwrap().typed::<User>();
    users.set("7", user("Ada")).await.unwrap();
    let stored = program.get(&physical("users", "7")).await.unwrap();
    let body = Entry::decode(&stored).unwrap().body;
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(json["kind"]["Member"]["since"], i64::MIN);
    let there = backing.cache().await;
    let there = there.namespace("users").unwrap().typed::<User>();
    assert_eq!(*there.get("7").await.unwrap().unwrap(), user("Ada"));
}

#[cfg(feature = "compression")]
pub(crate) async fn values_are_compressed(backing: &Backing) {
    let (cache, program) = (backing.cache().await, backing.program().await);
    let texts = cache.namespace("remote").unwrap().typed::<String>();
    let text = "the same words, ".repeat(1000);
    texts.set("7", text.clone()).await.unwrap();
    assert_eq!(*texts.get("7").await.unwrap().unwrap(), text);
    let stored = program.get(&physical("remote", "7")).await.unwrap();
    assert!(stored.len() < text.len() / 10);
    let plain = SetOptions::new().compression(larder::Compression::Off);
    texts.set_with("8", text.clone(), plain).await.unwrap();
    let stored = program.get(&physical("remote", "8")).await.unwrap();
    assert!(stored.len() > text.len());
    assert_eq!(*texts.get("8").await.unwrap().unwrap(), text);
}

#[cfg(not(feature = "compression"))]
pub(crate) async fn values_are_compressed(backing: &Backing) {
    let cache = backing.cache().await;
    let texts = cache.namespace("remote").unwrap().typed::<String>();
    let packed = SetOptions::new().compression(larder::Compression::Auto);
    let refused = texts
        .set_with("8", "x".repeat(2000), packed)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("feature `compression`"),
        "{refused}"
    );
}
