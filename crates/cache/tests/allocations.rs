//! A hit in L1 allocates nothing, with an observer attached.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod memory {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use allocation_counter::{AllocationInfo, measure};
    use larder_cache::{CacheBuilder, LoadError, TypedCache};
    use larder_cache_core::{Event, Observer};
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

    /// The test could not fail if the counter did not count.
    #[tokio::test]
    async fn a_miss_is_seen_to_allocate() {
        let names = names();
        let counted = measure(|| assert!(at_once(names.get("7")).unwrap().is_none()));
        assert!(counted.count_total > 0);
    }
}
