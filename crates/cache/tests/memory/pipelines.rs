//! Pipelines: different operations in one round trip.

use std::sync::Arc;
use std::time::Duration;

use larder_cache::{PipelineReply, SetOptions};
use larder_cache_core::{Bytes, ErrorKind, Ttl};
use larder_memory_backend::MemoryBackend;
use larder_testkit::Method;

use crate::world::{TTL, World};

fn words<T>(replies: Vec<larder_cache_core::Result<PipelineReply<T>>>) -> Vec<String>
where
    T: std::fmt::Debug,
{
    let word = |reply: larder_cache_core::Result<PipelineReply<T>>| match reply.unwrap() {
        PipelineReply::Value(value) => format!("{value:?}"),
        PipelineReply::Stored => "stored".to_owned(),
        PipelineReply::Deleted(deleted) => format!("deleted {deleted}"),
        PipelineReply::Expired(moved) => format!("expired {moved}"),
        _ => "something new".to_owned(),
    };
    replies.into_iter().map(word).collect()
}

#[tokio::test]
async fn steps_see_those_before_them() {
    let world = World::new();
    let users = world.users();
    let pipeline = users
        .pipeline()
        .get("7")
        .set("7", "Ada".to_owned())
        .get("7")
        .set_with(
            "7",
            "Eve".to_owned(),
            SetOptions::new().ttl(Ttl::Short).tags(["vip"]),
        )
        .get("7")
        .expire("7", Duration::from_secs(5))
        .expire("8", Duration::from_secs(5))
        .delete("7")
        .delete("7")
        .get("7");
    let expected = [
        "None",
        "stored",
        "Some(\"Ada\")",
        "stored",
        "Some(\"Eve\")",
        "expired true",
        "expired false",
        "deleted true",
        "deleted false",
        "None",
    ];
    assert_eq!(words(pipeline.run().await.unwrap()), expected);
    assert_eq!(world.chaos.calls(Method::Pipeline), 1);
    assert_eq!(users.get("7").await.unwrap(), None);
    let stats = users.stats();
    assert_eq!((stats.l2_hits, stats.misses), (2, 3));
    assert_eq!((stats.stored, stats.deleted), (2, 2));
}

#[tokio::test]
async fn l1_holds_what_the_backend_holds_after_it() {
    let world = World::new();
    let users = world.users();
    users.set("2", "old".to_owned()).await.unwrap();
    let pipeline = users.pipeline().set("1", "Ada".to_owned()).delete("2");
    pipeline
        .set("3", "Eve".to_owned())
        .set("3", "Bob".to_owned())
        .run()
        .await
        .unwrap();
    for (key, expected) in [("1", Some("Ada")), ("2", None), ("3", Some("Bob"))] {
        for users in [world.users(), world.elsewhere()] {
            let found = users.get(key).await.unwrap();
            assert_eq!(found.as_deref().map(String::as_str), expected, "{key}");
        }
    }
    world.clock.advance(TTL);
    assert_eq!(users.get("1").await.unwrap(), None);
}

#[tokio::test]
async fn an_empty_pipeline_asks_nobody() {
    let world = World::new();
    assert!(world.users().pipeline().run().await.unwrap().is_empty());
    assert_eq!(world.chaos.all_calls(), 0);
}

#[tokio::test]
async fn a_refused_step_sends_nothing() {
    let world = World::new();
    let users = world.users();
    let with_set = |options| {
        users
            .pipeline()
            .delete("7")
            .set_with("7", "Ada".to_owned(), options)
    };
    for (pipeline, kind) in [
        (users.pipeline().delete("7").get(""), ErrorKind::InvalidKey),
        (
            users.pipeline().delete("7").delete("a\nb"),
            ErrorKind::InvalidKey,
        ),
        (
            users.pipeline().delete("7").expire("7", Duration::ZERO),
            ErrorKind::InvalidTtl,
        ),
        (
            with_set(SetOptions::new().ttl(Duration::ZERO)),
            ErrorKind::InvalidTtl,
        ),
        (
            with_set(SetOptions::new().tags([""])),
            ErrorKind::InvalidTag,
        ),
    ] {
        assert_eq!(pipeline.run().await.unwrap_err().kind(), kind);
    }
    let small = |users: larder_cache_core::Namespace| users.max_value_bytes(1);
    world.cache.update_namespace("users", small).unwrap();
    let large = users
        .pipeline()
        .delete("7")
        .set("7", "Ada".to_owned())
        .run()
        .await;
    assert_eq!(large.unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(world.chaos.calls(Method::Pipeline), 0);
}

/// A server that can't tell its time spoils the reads of a pipeline, not what it changed.
#[tokio::test]
async fn a_read_that_cannot_be_judged_fails_alone() {
    let world = World::new();
    let users = world.users();
    users.set("7", "old".to_owned()).await.unwrap();
    users.set("8", "old".to_owned()).await.unwrap();
    let pipeline = users.pipeline().get("8").delete("7").get("9");
    world
        .chaos
        .on(Method::Now)
        .always(larder_testkit::Fault::refused());
    let replies = pipeline.run().await.unwrap();
    world.chaos.heal();
    let kinds: Vec<_> = replies
        .into_iter()
        .map(|r| r.map(drop).map_err(|e| e.kind()))
        .collect();
    assert_eq!(kinds, [Err(ErrorKind::Connection), Ok(()), Ok(())]);
    let reasons = [("not_found", 1), ("backend", 1)];
    assert_eq!(users.stats().miss_reasons, reasons);
    assert_eq!(users.get("7").await.unwrap(), None);
}

/// One step that fails does not undo the others, and L1 does not hold what it brought.
#[tokio::test]
async fn a_step_that_fails_fails_alone() {
    let builder = larder_cache::CacheBuilder::new();
    let cache = builder.build(Arc::new(MemoryBackend::new(10_000))).unwrap();
    let names = cache.namespace("default").unwrap().typed::<String>();
    names.set("large", "old".to_owned()).await.unwrap();
    let large = "x".repeat(20_000);
    let pipeline = names.pipeline().set("large", large.clone());
    let replies = pipeline
        .set("small", "Ada".to_owned())
        .get("small")
        .run()
        .await;
    let replies = replies.unwrap();
    assert_eq!(replies[0].as_ref().unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(replies[1].is_ok() && replies[2].is_ok());
    assert_eq!(cache.stats().l1.entries, 1, "the small one");
    let outdated = names.get("large").await.unwrap();
    assert_eq!(outdated, None, "what was to be replaced is not served");
    assert_eq!(*names.get("small").await.unwrap().unwrap(), "Ada");
    assert_eq!(names.stats().stored, 2);
    let set = names.set("large", large).await.unwrap_err();
    assert_eq!(set.kind(), ErrorKind::TooLarge);
    assert_eq!(names.get("large").await.unwrap(), None);
}

#[tokio::test]
async fn foreign_bytes_are_misses() {
    let world = World::new();
    let users = world.users();
    world.plant("7", Bytes::from_static(b"foreign")).await;
    let replies = users
        .pipeline()
        .get("7")
        .expire("7", TTL)
        .run()
        .await
        .unwrap();
    assert_eq!(words(replies), ["None", "expired false"]);
    assert_eq!(users.stats().miss_reasons, [("foreign", 1)]);
}
