//! Keys of all kinds, and patterns over them.

use std::sync::Arc;

use larder::{ErrorKind, Glob, KeyOptions, Loaded, Namespace, SetOptions, Tags, TypedCache};

use crate::backing::{Backing, TTL, scanned, tagged};

const UNUSUAL: [&str; 36] = [
    "{evil}",
    "{}",
    "{{x}}",
    "{",
    "}",
    "}{",
    "100%",
    "%",
    "%%",
    "%7B",
    "%7b",
    "%25",
    "{%7B}",
    "a*b",
    "a?b",
    "[a-z]",
    "[^a]",
    "[",
    "]",
    "\\",
    "a\\b",
    "^",
    "-",
    "*",
    "?",
    "ключ",
    "日本語",
    "🦀",
    " ",
    "a b",
    "a:b:c",
    ":",
    "app:users:1",
    "app~health",
    "'\"",
    "~",
];

pub(crate) async fn keys_of_all_kinds(backing: &Backing) {
    let cache = backing.cache().await;
    let longest = "x".repeat(1024);
    let mut all: Vec<String> = UNUSUAL.map(str::to_owned).to_vec();
    all.push(longest);
    all.sort();
    for namespace in ["users", "remote"] {
        let names = cache.namespace(namespace).unwrap().typed::<String>();
        for key in &all {
            names.set(key, format!("of {key}")).await.unwrap();
        }
        assert_eq!(scanned(&names, "*").await, all);
        for key in &all {
            check_key(&names, key).await;
        }
        assert_eq!(scanned(&names, "*").await, [""; 0]);
    }
}

/// Every operation takes the key as it is; deleting it by its pattern deletes it alone.
async fn check_key(names: &TypedCache<String>, key: &str) {
    let expected = format!("of {key}");
    assert_eq!(*names.get(key).await.unwrap().unwrap(), expected);
    assert_eq!(*names.get_many([key]).await.unwrap()[key], expected);
    assert!(names.exists(key).await.unwrap(), "{key}");
    assert!(names.ttl(key).await.unwrap().is_some(), "{key}");
    assert!(
        names.expire(key, crate::backing::TTL).await.unwrap(),
        "{key}"
    );
    let literal = Glob::escape(key);
    assert_eq!(scanned(names, literal.as_str()).await, [key]);
    assert_eq!(
        names.delete_by_pattern(literal.as_str()).await.unwrap(),
        1,
        "{key}"
    );
    assert_eq!(names.get(key).await.unwrap(), None, "{key}");
    let loaded = names.get_or_load(key, || async { Ok::<_, std::fmt::Error>("new".to_owned()) });
    assert_eq!(*loaded.await.unwrap(), "new");
    assert!(names.delete(key).await.unwrap(), "{key}");
}

pub(crate) async fn bad_keys_are_refused(backing: &Backing) {
    let cache = backing.cache().await;
    let names = cache.namespace("users").unwrap().typed::<String>();
    let too_long = "x".repeat(1025);
    let megabyte = "x".repeat(1 << 20);
    let ada = || "Ada".to_owned();
    for key in [
        "", "a\0b", "a\r\nb", "\u{7f}", "\u{85}", &too_long, &megabyte,
    ] {
        let absent = || async { Ok::<_, std::fmt::Error>(Loaded::<String>::absent()) };
        let errors = [
            names.get(key).await.map(drop).unwrap_err(),
            names.get_many(["7", key]).await.map(drop).unwrap_err(),
            names.set(key, ada()).await.unwrap_err(),
            names
                .set_many([("7", ada()), (key, ada())])
                .await
                .unwrap_err(),
            names.delete(key).await.map(drop).unwrap_err(),
            names.delete_many(["7", key]).await.map(drop).unwrap_err(),
            names.exists(key).await.map(drop).unwrap_err(),
            names.ttl(key).await.map(drop).unwrap_err(),
            names
                .expire(key, crate::backing::TTL)
                .await
                .map(drop)
                .unwrap_err(),
            names.pipeline().get(key).run().await.map(drop).unwrap_err(),
            cache.build_key(key, "users").map(drop).unwrap_err(),
            cache
                .validate_key(key, "users", None)
                .unwrap()
                .check()
                .unwrap_err(),
            match names.load(key).with(absent).await.unwrap_err() {
                larder::LoadError::Cache(error) => error,
                other => panic!("expected a refusal, found {other:?}"),
            },
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::InvalidKey, "{error}");
        }
    }
    assert_eq!(scanned(&names, "*").await, [""; 0]);
}

pub(crate) async fn patterns_find_what_they_say(backing: &Backing) {
    let cache = backing.cache().await;
    let names = cache.namespace("remote").unwrap().typed::<u8>();
    let keys = ["a1", "a2", "b1", "ab", "a*", "{a}", "50%", "äb", "a:1"];
    names.set_many(keys.map(|key| (key, 0))).await.unwrap();
    let all = {
        let mut all = keys;
        all.sort_unstable();
        all
    };
    for (pattern, expected) in [
        ("*", &all[..]),
        ("a?", &["a*", "a1", "a2", "ab"]),
        ("a*", &["a*", "a1", "a2", "a:1", "ab"]),
        (r"a\*", &["a*"]),
        ("?1", &["a1", "b1"]),
        ("[ab]1", &["a1", "b1"]),
        ("[^a]1", &["b1"]),
        ("[a-b][1-9]", &["a1", "a2", "b1"]),
        ("{*}", &["{a}"]),
        ("{*", &["{a}"]),
        ("*%*", &["50%"]),
        ("*%25*", &[]),
        ("??b", &["äb"]),
        ("a:*", &["a:1"]),
        ("a1", &["a1"]),
        ("", &[]),
        ("nothing*", &[]),
        ("*:a1", &[]),
    ] {
        assert_eq!(scanned(&names, pattern).await, expected, "{pattern}");
    }
}

pub(crate) async fn patterns_delete_what_they_say(backing: &Backing) {
    let cache = backing.cache().await;
    let users = cache.namespace("users").unwrap().typed::<u8>();
    let remote = cache.namespace("remote").unwrap().typed::<u8>();
    let keys = [
        "user:1",
        "user:2",
        "user",
        "users:1",
        "{user:1}",
        "user:100%",
    ];
    for names in [&users, &remote] {
        names.set_many(keys.map(|key| (key, 0))).await.unwrap();
    }
    for (pattern, deleted, left) in [
        ("nothing*", 0, 6),
        ("user:?", 2, 4),
        ("{*", 1, 3),
        ("*%", 1, 2),
        ("*", 2, 0),
        ("*", 0, 0),
    ] {
        assert_eq!(
            users.delete_by_pattern(pattern).await.unwrap(),
            deleted,
            "{pattern}"
        );
        assert_eq!(scanned(&users, "*").await.len(), left, "{pattern}");
        let found = users.get_many(keys).await.unwrap();
        assert_eq!(found.len(), left, "L1 forgets them too: {pattern}");
    }
    assert_eq!(remote.get_many(keys).await.unwrap().len(), keys.len());
}

pub(crate) async fn scans_find_all_of_many(backing: &Backing) {
    let cache = backing.cache().await;
    let names = cache.namespace("remote").unwrap().typed::<u32>();
    let others = cache.namespace("users").unwrap().typed::<u32>();
    let mut keys: Vec<_> = (0..3000_u32).map(|n| format!("key {n}")).collect();
    keys.sort();
    names.set_many(keys.iter().zip(0..)).await.unwrap();
    others.set_many(keys.iter().zip(0..)).await.unwrap();
    assert_eq!(scanned(&names, "*").await, keys);
    assert_eq!(scanned(&names, "key 29??").await.len(), 100);
    assert_eq!(names.delete_by_pattern("key 1*").await.unwrap(), 1111);
    assert_eq!(scanned(&names, "*").await.len(), 1889);
    assert_eq!(scanned(&others, "*").await.len(), 3000);
}

/// A prefix that begins another one, and keys that look like the other's.
pub(crate) async fn namespaces_are_apart(backing: &Backing) {
    let names = ["u", "us", "u.s", "u-s"];
    let cache = backing
        .build(|mut builder| {
            for name in names {
                builder = builder.namespace(Namespace::new(name));
            }
            builder
        })
        .await;
    let typed = |name: &str| cache.namespace(name).unwrap().typed::<String>();
    let mut keys = ["1", "s:1", ":1", "u:1", "app:us:1"];
    keys.sort_unstable();
    for name in names {
        let entries = keys.map(|key| (key, format!("{name} {key}")));
        typed(name).set_many(entries).await.unwrap();
    }
    for name in names {
        assert_eq!(scanned(&typed(name), "*").await, keys, "{name}");
    }
    assert_eq!(typed("u").delete_by_pattern("*").await.unwrap(), 5);
    for name in names {
        let found = typed(name).get_many(keys).await.unwrap();
        assert_eq!(found.len(), if name == "u" { 0 } else { 5 }, "{name}");
        assert!(
            found
                .iter()
                .all(|(key, value)| **value == format!("{name} {key}"))
        );
    }
}

pub(crate) async fn keys_are_built_and_checked(backing: &Backing) {
    let cache = backing.build(|builder| builder.key_prefix("shop")).await;
    let names = cache.namespace("sessions");
    assert_eq!(
        cache.build_key("profile:1", "users").unwrap(),
        "shop:users:profile:1"
    );
    assert_eq!(
        cache.build_key("{1}", "content").unwrap(),
        "shop:content:%7B1%7D"
    );
    assert_eq!(cache.build_key("1", "sessions").unwrap(), "shop:sess:1");
    let verdict = cache.validate_key("profile:1", "users", None).unwrap();
    assert!(verdict.is_valid(), "{verdict}");
    for kind in [
        cache.build_key("1", "nobody").unwrap_err().kind(),
        cache.validate_key("1", "nobody", None).unwrap_err().kind(),
        cache.namespace("nobody").unwrap_err().kind(),
    ] {
        assert_eq!(kind, ErrorKind::UnknownNamespace);
    }
    drop(names);
    let users = cache.namespace("users").unwrap().typed::<String>();
    users.set("1", Arc::new("Ada".to_owned())).await.unwrap();
    let other = backing.cache().await;
    let other = other.namespace("users").unwrap().typed::<String>();
    assert_eq!(
        other.get("1").await.unwrap(),
        None,
        "another prefix is another world"
    );
}

async fn set(names: &TypedCache<u32>, key: String, tags: &[&str]) {
    let options = SetOptions::new().tags(tags.iter().copied()).ttl(TTL);
    names.set_with(key, 0, options).await.unwrap();
}

/// Over several pages, in two namespaces, past deletions and invalidations.
pub(crate) async fn tags_list_what_get_finds(backing: &Backing) {
    let cache = backing.cache().await;
    let users = cache.namespace("users").unwrap().typed::<u32>();
    let remote = cache.namespace("remote").unwrap().typed::<u32>();
    let mut odd = Vec::new();
    for number in 0..700 {
        let key = format!("user:{number}");
        if number % 2 == 1 {
            odd.push(key.clone());
        }
        let tags: &[&str] = match number % 2 {
            1 => &["odd", "any"],
            _ => &["even*", "any"],
        };
        set(&users, key, tags).await;
    }
    set(&remote, "user:1".to_owned(), &["odd"]).await;
    odd.sort();
    assert_eq!(tagged(&users, "odd").await, odd);
    assert_eq!(tagged(&users, "any").await.len(), 700);
    assert_eq!(tagged(&users, "even*").await.len(), 350);
    assert_eq!(tagged(&users, "*").await, [""; 0]);
    assert_eq!(tagged(&remote, "odd").await, ["user:1"]);
    users.delete_many(&odd[..300]).await.unwrap();
    assert_eq!(tagged(&users, "odd").await, odd[300..]);
    users.invalidate_tags(Tags::any(["odd"])).await.unwrap();
    assert_eq!(tagged(&users, "odd").await, [""; 0]);
    assert_eq!(tagged(&users, "any").await.len(), 350);
    assert_eq!(tagged(&remote, "odd").await, [""; 0]);
    set(&users, "user:1".to_owned(), &["odd"]).await;
    assert_eq!(tagged(&users, "odd").await, ["user:1"]);
    users.clear().await.unwrap();
    assert_eq!(tagged(&users, "any").await, [""; 0]);
}

pub(crate) async fn patterns_of_keys_are_held(backing: &Backing) {
    let films = || Namespace::new("films").tags(["media"]);
    let cache = backing.build(|builder| builder.namespace(films())).await;
    let names = cache.namespace("films").unwrap().typed::<u32>();
    for key in ["film:7", "old"] {
        set(&names, key.to_owned(), &[]).await;
    }
    let strict =
        |builder: larder::Builder| builder.namespace(films().key_pattern("film", "film:{id:int}"));
    let cache = backing.build(strict).await;
    let names = cache.namespace("films").unwrap().typed::<u32>();
    let options = KeyOptions::new().tags(["classic"]).pattern("film");
    let key = cache.build_key_with("film:8", "films", &options).unwrap();
    let carrying = SetOptions::new().tags(key.tags.clone());
    names.set_with(&key, 8, carrying).await.unwrap();
    let refused = names.get("old").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidKey);
    assert_eq!(scanned(&names, "*").await, ["film:7", "film:8"]);
    assert_eq!(tagged(&names, "media").await, ["film:7", "film:8"]);
    assert_eq!(tagged(&names, "classic").await, ["film:8"]);
    assert_eq!(names.delete_by_pattern("*").await.unwrap(), 3);
}

/// Keys and tags that are patterns themselves.
pub(crate) async fn data_in_a_pattern_is_literal(backing: &Backing) {
    let cache = backing.cache().await;
    let names = cache.namespace("remote").unwrap().typed::<u32>();
    let keys = [
        "*", "**", "[1]", "1", "?", "x", "a\\", "a", "[^x]", "a-c", "b", "\\*",
    ];
    for key in keys {
        set(&names, key.to_owned(), &[key]).await;
    }
    for key in keys {
        let literal = Glob::escape(key);
        assert_eq!(scanned(&names, literal.as_str()).await, [key]);
        assert_eq!(tagged(&names, key).await, [key]);
    }
    for key in keys {
        let literal = Glob::escape(key);
        let deleted = names.delete_by_pattern(literal.as_str()).await.unwrap();
        assert_eq!(deleted, 1, "{key}");
    }
    for name in ["*", "[1]", "?", "remote\\"] {
        let refused = cache.register(Namespace::new(name)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Config);
        assert!(refused.to_string().contains("1 to 64 letters"), "{refused}");
    }
}
