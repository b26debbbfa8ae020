//! What observers are told of values: their digests, their weight in L1, who brought them.

use std::sync::{Arc, Mutex};

use larder_cache::{CacheBuilder, TypedCache};
use larder_cache_core::{Event, KeptFrom, Namespace, Observer, Origin};
use larder_memory_backend::MemoryBackend;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Serialized(usize, u64, Origin),
    Kept(u64, KeptFrom),
}

#[derive(Debug, Default)]
struct Log(Mutex<Vec<Told>>);

impl Observer for Log {
    fn observe(&self, event: &Event<'_>) {
        let told = match *event {
            Event::Serialized {
                bytes,
                digest,
                origin,
                ..
            } => Told::Serialized(bytes, digest, origin),
            Event::Kept { bytes, from, .. } => Told::Kept(bytes, from),
            _ => return,
        };
        self.0.lock().unwrap().push(told);
    }
}

impl Log {
    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn names() -> (TypedCache<String>, Arc<Log>) {
    let log = Arc::new(Log::default());
    let cache = CacheBuilder::new()
        .namespace(Namespace::new("names"))
        .observer(Arc::clone(&log) as Arc<dyn Observer>)
        .build(Arc::new(MemoryBackend::new(1 << 20)))
        .unwrap();
    (cache.namespace("names").unwrap().typed(), log)
}

#[tokio::test]
async fn a_value_is_told_of_with_who_brought_it() {
    let (names, log) = names();
    names.set("7", "Ada".to_owned()).await.unwrap();
    let [
        Told::Serialized(4, of_ada, Origin::Written),
        Told::Kept(kept, KeptFrom::Change),
    ] = log.take()[..]
    else {
        panic!("a set is serialized, then kept");
    };
    assert_eq!(kept, 1 + 4 + 160, "key, value, overhead");
    let load = |name: &'static str| async move { Ok::<_, std::io::Error>(name.to_owned()) };
    names.get_or_load("8", move || load("Ada")).await.unwrap();
    let told = log.take();
    assert!(
        told.contains(&Told::Serialized(4, of_ada, Origin::Loaded)),
        "the same value has the same digest: {told:?}"
    );
    names.get_or_load("9", move || load("Bea")).await.unwrap();
    let other = |told: &Told| matches!(told, Told::Serialized(4, digest, _) if *digest != of_ada);
    assert!(log.take().iter().any(other), "another value has another");
}

#[tokio::test]
async fn l1_hits_keep_nothing() {
    let (names, log) = names();
    names.set("7", "Ada".to_owned()).await.unwrap();
    log.take();
    names.get("7").await.unwrap();
    assert_eq!(log.take(), []);
}
