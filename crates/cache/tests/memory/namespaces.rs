//! Namespaces of a running cache: registered, changed, told apart.

use std::sync::Arc;
use std::time::Duration;

use larder_cache::CacheBuilder;
use larder_cache_core::{Compression, ErrorKind, Format, Namespace, Result, Ttl, TtlClasses};
use larder_compression::Optimizer;
use larder_memory_backend::MemoryBackend;

use crate::world::World;

fn build(configure: impl FnOnce(CacheBuilder) -> CacheBuilder) -> Result<larder_cache::Cache> {
    configure(CacheBuilder::new()).build(Arc::new(MemoryBackend::new(1 << 20)))
}

/// Wrong settings are refused alike by `validate`, which connects to nothing, and `build`.
#[test]
fn settings_that_cannot_work_are_refused() {
    let check = |configure: &dyn Fn(CacheBuilder) -> CacheBuilder, expected: &str| {
        let checked = configure(CacheBuilder::new()).validate().unwrap_err();
        let built = build(configure).unwrap_err();
        assert_eq!(checked.to_string(), built.to_string());
        assert!(
            built.to_string().contains(expected),
            "{built} lacks {expected}"
        );
    };
    let zero = TtlClasses {
        short: Duration::ZERO,
        ..TtlClasses::default()
    };
    check(&|b| b.key_prefix(""), "key prefix");
    check(&|b| b.key_prefix("a:b"), "a:b");
    check(&|b| b.budget(Duration::ZERO), "budget");
    check(&|b| b.load_timeout(Duration::ZERO), "load_timeout");
    check(&|b| b.max_concurrent_loads(0), "max_concurrent_loads");
    check(
        &|b| b.max_concurrent_loads(usize::MAX),
        "max_concurrent_loads",
    );
    check(&|b| b.ttl_classes(zero), "short");
    check(&|b| b.namespace(Namespace::new("a:b")), "a:b");
    check(&|b| b.namespace(Namespace::new("a").jitter(2.0)), "jitter");
    check(&|b| b.namespace(Namespace::new("a").prefix("sess")), "sess");
    check(&|b| b.namespace(compressed("a")), "codec");
    let twice = |b: CacheBuilder| {
        let users = Namespace::new("users");
        b.namespace(users.clone()).namespace(users.ttl(Ttl::Long))
    };
    check(&twice, "update");
    CacheBuilder::new().validate().unwrap();
}

fn compressed(name: &str) -> Namespace {
    Namespace::new(name).compression(Compression::Auto)
}

#[tokio::test]
async fn namespaces_can_come_while_the_cache_is_in_use() {
    let cache = build(|builder| builder).unwrap();
    let posts = Namespace::new("posts").ttl(Ttl::Short);
    let handle = cache.register(posts.clone()).unwrap().typed::<String>();
    handle.set("7", "Hello".to_owned()).await.unwrap();
    let again = cache.register(posts.clone()).unwrap().typed::<String>();
    assert_eq!(*again.get("7").await.unwrap().unwrap(), "Hello");
    let other = cache.register(posts.ttl(Ttl::Long)).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Config);
    let names: Vec<_> = cache.namespaces().iter().map(|n| n.name.clone()).collect();
    assert_eq!(
        names,
        ["default", "sessions", "content", "analytics", "posts"]
    );
    assert_eq!(
        cache.register(compressed("x")).unwrap_err().kind(),
        ErrorKind::Config
    );
    assert!(cache.namespace("x").is_err());
    let packing = build(|builder| builder.codec(Arc::new(Optimizer::default()))).unwrap();
    packing.register(compressed("x")).unwrap();
}

/// A default namespace takes new settings once; what L1 holds by the old ones goes.
#[tokio::test]
async fn a_default_namespace_can_be_replaced_while_it_is_in_use() {
    let cache = build(|builder| builder).unwrap();
    let content = cache.namespace("content").unwrap().typed::<String>();
    content.set("7", "old".to_owned()).await.unwrap();
    cache.register((*content.settings()).clone()).unwrap();
    assert_eq!(cache.stats().l1.entries, 1, "nothing has changed");
    let replaced = Namespace::new("content").prefix("pages");
    cache.register(replaced).unwrap();
    assert_eq!(content.get("7").await.unwrap(), None);
    assert_eq!(cache.build_key("7", "content").unwrap(), "app:pages:7");
}

#[tokio::test]
async fn changed_settings_hold_for_handles_that_exist() {
    let world = World::new();
    let users = world.users();
    let ttl = async |key: &str| {
        users.set(key, "Ada".to_owned()).await.unwrap();
        users.ttl(key).await.unwrap().unwrap().duration()
    };
    assert_eq!(ttl("1").await, Some(Duration::from_secs(60)));
    world
        .cache
        .update_namespace("users", |n| n.ttl(Ttl::None))
        .unwrap();
    assert_eq!(ttl("2").await, None);
    assert_eq!(users.settings().ttl, Ttl::None);
    world
        .cache
        .update_namespace("users", |n| n.format(Format::Json))
        .unwrap();
    assert_eq!(ttl("3").await, None);
    assert!(world.stored("3").await.unwrap().ends_with(b"\"Ada\""));
    for key in ["2", "3"] {
        assert_eq!(
            *users.get(key).await.unwrap().unwrap(),
            "Ada",
            "either format is read"
        );
    }
    world
        .cache
        .update_namespace("users", |n| n.max_value_bytes(3))
        .unwrap();
    let large = users.set("4", "Ada".to_owned()).await.unwrap_err();
    assert_eq!(large.kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn a_change_that_cannot_work_changes_nothing() {
    let world = World::new();
    let before = world.users().settings();
    type Change = fn(Namespace) -> Namespace;
    let changes: [(Change, &str); 5] = [
        (|n| n.jitter(2.0), "jitter"),
        (|n| n.prefix("a:b"), "prefix"),
        (|n| n.prefix("sess"), "prefix"),
        (|n| n.compression(Compression::Auto), "codec"),
        (|_| Namespace::new("other"), "renamed"),
    ];
    for (change, expected) in changes {
        let refused = world.cache.update_namespace("users", change).unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
        assert_eq!(world.users().settings(), before);
    }
    let unknown = world.cache.update_namespace("nobody", |n| n).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::UnknownNamespace);
}

/// Two changes at once: neither is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_settings_are_atomic() {
    let world = World::new();
    world
        .cache
        .update_namespace("users", |n| n.max_value_bytes(1))
        .unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let cache = world.cache.clone();
            tokio::spawn(async move {
                for _ in 0..250 {
                    let more = |n: Namespace| {
                        let bytes = n.max_value_bytes;
                        n.max_value_bytes(bytes + 1)
                    };
                    cache.update_namespace("users", more).unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(world.users().settings().max_value_bytes, 1001);
}

/// One prefix that begins another, keys that look like the other's: nothing is shared, also
/// not in L1, where keys stand without their prefix.
#[tokio::test]
async fn namespaces_never_see_each_others_keys() {
    let namespaces = ["u", "us", "use", "app-u"];
    let cache = build(|mut builder| {
        for name in namespaces {
            builder = builder.namespace(Namespace::new(name));
        }
        builder
    })
    .unwrap();
    let typed = |name: &str| cache.namespace(name).unwrap().typed::<String>();
    let keys = ["1", "s:1", "se:1", ":1", "u:1", "app:us:1"];
    for name in namespaces {
        for key in keys {
            typed(name).set(key, format!("{name} {key}")).await.unwrap();
        }
    }
    for name in namespaces {
        let scanned = typed(name).keys_by_pattern("*");
        let scanned: Vec<Vec<String>> = futures_util::TryStreamExt::try_collect(scanned)
            .await
            .unwrap();
        let mut scanned = scanned.concat();
        scanned.sort();
        let mut expected = keys.map(str::to_owned);
        expected.sort();
        assert_eq!(scanned, expected, "{name}");
    }
    assert_eq!(
        typed("u").delete_by_pattern("*").await.unwrap(),
        keys.len() as u64
    );
    for name in namespaces {
        for key in keys {
            let found = typed(name).get(key).await.unwrap();
            let expected = (name != "u").then(|| format!("{name} {key}"));
            assert_eq!(found.as_deref(), expected.as_ref(), "{name} {key}");
        }
    }
}
