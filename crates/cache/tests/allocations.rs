//! What is allocated: nothing by a hit in L1 with an observer attached, and little by
//! whatever stands in the backend.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod memory {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use allocation_counter::{AllocationInfo, measure};
    use larder_cache::{CacheBuilder, LoadError, Look, TypedCache};
    use larder_cache_core::{
        Algorithm, Backend, Call, Codec, Compression, Condition, EarlyRefresh, Entry, Event,
        Header, KeyPrefix, Kind, Namespace, Observer, Place, Timestamp, Write,
    };
    use larder_compression::Optimizer;
    use larder_memory_backend::MemoryBackend;

    #[derive(Debug)]
    struct Silent;

    impl Observer for Silent {
        fn observe(&self, _: &Event<'_>) {}
    }

    /// A value with a heap of its own, which a copy would allocate.
    type Name = String;

    fn names() -> TypedCache<Name> {
        let backend = Arc::new(MemoryBackend::new(1 << 20));
        let builder = CacheBuilder::new().observer(Arc::new(Silent));
        let cache = builder.build(backend).unwrap();
        cache.namespace("default").unwrap().typed()
    }

    /// Runs what is ready at once: a runtime could allocate.
    fn at_once<T>(future: impl Future<Output = T>) -> T {
        let ready = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
        match ready {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("a hit does not wait"),
        }
    }

    fn check(hit: impl Fn()) {
        hit();
        assert_eq!(measure(hit), AllocationInfo::default());
    }

    #[test]
    fn matching_a_key_allocates_nothing() {
        let users = Namespace::new("users")
            .key_pattern("file", "file:{id:uuid}:{name:path}")
            .key_pattern("still", "film:{id:int}-{name}.png")
            .key_pattern("profile", "profile:{id}");
        check(|| users.check_key("profile:123").unwrap());
        check(|| assert!(users.pattern_of("film:7-ending.jpg").is_none()));
    }

    #[tokio::test]
    async fn a_hit_allocates_nothing() {
        let names = names();
        names.set("7", "Ada".to_owned()).await.unwrap();
        check(|| {
            let name = at_once(names.get("7")).unwrap().unwrap();
            assert_eq!(*name, "Ada");
        });
        check(|| {
            let loader = || async { Err(std::fmt::Error) };
            let name = at_once(names.get_or_load("7", loader)).unwrap();
            assert_eq!(*name, "Ada");
        });
        check(|| {
            let loader = || async { Err::<Name, _>(std::fmt::Error) };
            let name = at_once(names.load("7").with(loader)).unwrap();
            assert_eq!(name.unwrap().as_str(), "Ada");
        });
    }

    #[tokio::test]
    async fn a_negative_hit_allocates_nothing() {
        let names = names();
        let none = || async { Ok::<_, std::fmt::Error>(larder_cache::Loaded::absent()) };
        names.load("8").with(none).await.unwrap();
        check(|| assert!(at_once(names.get("8")).unwrap().is_none()));
        check(|| {
            let loader = || async { Err::<Name, _>(std::fmt::Error) };
            let none: Result<_, LoadError<_>> = at_once(names.load("8").with(loader));
            assert!(none.unwrap().is_none());
        });
    }

    /// Nor does one by a reader who is told that the value is due.
    #[tokio::test]
    async fn a_hit_that_is_due_allocates_nothing() {
        let names = names();
        let soon = EarlyRefresh::Threshold(f64::EPSILON);
        let often = |n: Namespace| n.early_refresh(soon).ttl(Duration::from_secs(1));
        names.update(often).unwrap();
        let due = || {
            let loader = |_: String| async { Err::<Name, _>(std::fmt::Error) };
            at_once(names.look_or_load("7", loader)).unwrap()
        };
        names.set("7", "Ada".to_owned()).await.unwrap();
        while !matches!(due(), Look::Due(..)) {
            // Due within half a second, at a moment of the value's own.
            names.set("7", "Ada".to_owned()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        check(|| assert!(matches!(due(), Look::Due(..) | Look::Stale(..))));
    }

    /// What a header declares is not allocated before it is known to be allowed.
    #[tokio::test]
    async fn a_bomb_costs_no_memory() {
        let backend = Arc::new(MemoryBackend::new(1 << 20));
        let codec = Arc::new(Optimizer::default());
        let builder = CacheBuilder::new().codec(codec.clone());
        let cache = builder.build(backend.clone()).unwrap();
        let small = |n: Namespace| n.max_value_bytes(1 << 20);
        cache.update_namespace("default", small).unwrap();
        let names = cache.namespace("default").unwrap().typed::<Name>();
        let key = KeyPrefix::new("app").unwrap().value("app", "7").unwrap();
        let place = Place {
            namespace: "default",
            key: &key,
        };
        let lz4 = Compression::With(Algorithm::Lz4);
        let packed = codec.encode(&vec![0; 64 << 20], lz4, &place);
        let packed = packed.unwrap().unwrap();
        for declared in [64 << 20, 1 << 20, u32::MAX] {
            let mut header = Header::new(Kind::Value, Timestamp::from_millis(1));
            (header.format, header.compression, header.plain_bytes) = (1, 1, declared);
            let body = packed.bytes.clone();
            let bomb = Write {
                key: key.clone(),
                value: Entry { header, body }.encode(),
                ttl: None,
                condition: Condition::Always,
            };
            let call = Call::within(Duration::from_secs(1));
            backend.set(&[bomb], call).await.unwrap();
            let used = measure(|| assert!(at_once(names.get("7")).unwrap().is_none()));
            assert!(used.bytes_max < 2 << 20, "{declared}: {used:?}");
        }
    }

    /// The test could not fail if the counter did not count.
    #[tokio::test]
    async fn a_miss_is_seen_to_allocate() {
        let names = names();
        let counted = measure(|| assert!(at_once(names.get("7")).unwrap().is_none()));
        assert!(counted.count_total > 0);
    }
}
