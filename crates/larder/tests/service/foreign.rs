//! Others who use the same backend: programs that know nothing of caches, and other
//! processes of the same service.

use larder_cache_core::Bytes;

use crate::backing::{Backing, TTL, physical, scanned};

pub(crate) async fn another_programs_changes(backing: &Backing) {
    let (cache, program) = (backing.cache().await, backing.program().await);
    let names = cache.namespace("remote").unwrap().typed::<String>();
    let (one, two) = (physical("remote", "1"), physical("remote", "2"));
    names.set("1", "Ada".to_owned()).await.unwrap();
    let entry = program.get(&one).await.unwrap();
    program.set(&two, entry).await;
    assert_eq!(
        *names.get("2").await.unwrap().unwrap(),
        "Ada",
        "a restored backup"
    );
    assert_eq!(scanned(&names, "*").await, ["1", "2"]);
    program.delete(&one).await;
    assert_eq!(names.get("1").await.unwrap(), None);
    assert!(!names.exists("1").await.unwrap());
    assert_eq!(names.ttl("1").await.unwrap(), None);
    assert_eq!(scanned(&names, "*").await, ["2"]);
    assert!(!names.delete("1").await.unwrap());
    let loaded = names.get_or_load("1", || async { Ok::<_, std::fmt::Error>("Eve".to_owned()) });
    assert_eq!(*loaded.await.unwrap(), "Eve");
}

pub(crate) async fn bytes_of_other_programs(backing: &Backing) {
    let (cache, program) = (backing.cache().await, backing.program().await);
    let names = cache.namespace("users").unwrap().typed::<String>();
    let key = physical("users", "7");
    names.set("7", "Ada".to_owned()).await.unwrap();
    let sound = program.get(&key).await.unwrap();
    names.delete("7").await.unwrap();
    let mut damaged = sound.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let mut newer = sound.to_vec();
    newer[3] = 2;
    for (bytes, reason) in [
        (Bytes::new(), "foreign"),
        (Bytes::from_static(b"Ada"), "foreign"),
        (Bytes::from(newer), "unknown_version"),
        (sound.slice(..sound.len() - 1), "truncated"),
        (sound.slice(..50), "truncated"),
        (Bytes::from(damaged), "corrupt"),
    ] {
        program.set(&key, bytes).await;
        assert_eq!(names.get("7").await.unwrap(), None, "{reason}");
        let counted = names.stats().miss_reasons;
        assert!(
            counted.iter().any(|(r, _)| *r == reason),
            "{reason}: {counted:?}"
        );
        if reason != "corrupt" {
            assert!(!names.exists("7").await.unwrap(), "{reason}");
            assert_eq!(names.ttl("7").await.unwrap(), None, "{reason}");
            assert!(!names.expire("7", TTL).await.unwrap(), "{reason}");
            assert_eq!(scanned(&names, "*").await, [""; 0], "{reason}");
        }
        let loaded =
            names.get_or_load("7", || async { Ok::<_, std::fmt::Error>("new".to_owned()) });
        assert_eq!(*loaded.await.unwrap(), "new", "{reason}");
        assert!(names.exists("7").await.unwrap());
        assert!(names.delete("7").await.unwrap());
    }
}

/// Two processes of one service share what is stored.
pub(crate) async fn another_process(backing: &Backing) {
    let (here, there) = (backing.cache().await, backing.cache().await);
    let here = here.namespace("remote").unwrap().typed::<String>();
    let there = there.namespace("remote").unwrap().typed::<String>();
    let loaded = here.get_or_load("7", || async { Ok::<_, std::fmt::Error>("Ada".to_owned()) });
    assert_eq!(*loaded.await.unwrap(), "Ada");
    let hit = there
        .get_or_load("7", || async { Err(std::fmt::Error) })
        .await;
    assert_eq!(*hit.unwrap(), "Ada");
    there.set("7", "Eve".to_owned()).await.unwrap();
    assert_eq!(*here.get("7").await.unwrap().unwrap(), "Eve");
    assert_eq!(here.delete_by_pattern("*").await.unwrap(), 1);
    assert_eq!(there.get("7").await.unwrap(), None);
}
