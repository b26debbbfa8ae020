//! Changes that don't reach the backend are made up for: until then their keys are not read
//! from it, so that an outage never brings back what was deleted.

use std::time::Duration;

use larder_cache::LoadError;
use larder_cache_core::{Error, ErrorKind};
use larder_testkit::{Fault, Method};

use crate::world::{DbError, World, eventually};

/// A cache without L1, so that everything is asked of the backend.
fn world() -> World {
    World::with(|builder| builder.l1_bytes(0).budget(Duration::from_millis(100)))
}

async fn load(world: &World, answer: &str) -> String {
    let answer = answer.to_owned();
    let loaded: Result<_, LoadError<DbError>> = world
        .users()
        .get_or_load("7", || async { Ok(answer) })
        .await;
    (*loaded.unwrap()).clone()
}

async fn replayed(world: &World) {
    eventually("the replay", || world.cache.stats().background_tasks == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_failed_is_made_up_for() {
    let world = world();
    world.users().set("7", "old".to_owned()).await.unwrap();
    world.chaos.on(Method::Delete).always(Fault::refused());
    world.users().delete("7").await.unwrap_err();
    assert_eq!(load(&world, "new").await, "new", "the old value is there");
    assert_eq!(world.users().get("7").await.unwrap(), None);
    assert!(!world.users().exists("7").await.unwrap());
    assert_eq!(world.cache.health().await.pending_changes, 1);
    assert!(world.stored("7").await.is_some(), "and stays there");
    world.chaos.heal();
    replayed(&world).await;
    assert_eq!(world.stored("7").await, None);
    assert_eq!(world.cache.health().await.pending_changes, 0);
    assert_eq!(load(&world, "newer").await, "newer");
    assert_eq!(load(&world, "newest").await, "newer", "it is cached again");
}

/// Nobody can tell whether a write that timed out was applied, before or after the next.
#[tokio::test(start_paused = true)]
async fn so_is_a_set_whose_answer_was_lost() {
    let world = world();
    world.users().set("7", "old".to_owned()).await.unwrap();
    let lost = Error::new(ErrorKind::Connection, "as the test wants");
    world.chaos.on(Method::Set).next(1, Fault::LostReply(lost));
    world.users().set("7", "new".to_owned()).await.unwrap_err();
    assert_eq!(world.users().get("7").await.unwrap(), None);
    replayed(&world).await;
    assert_eq!(world.stored("7").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_later_change_that_is_made_settles_it() {
    let world = world();
    world.users().set("7", "old".to_owned()).await.unwrap();
    world.chaos.on(Method::Delete).always(Fault::refused());
    world.users().delete("7").await.unwrap_err();
    world.users().set("7", "new".to_owned()).await.unwrap();
    let found = world.users().get("7").await.unwrap();
    assert_eq!(found.as_deref().map(String::as_str), Some("new"));
    replayed(&world).await;
    assert!(world.stored("7").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_is_loaded_meanwhile_is_not_stored() {
    let world = world();
    world.chaos.on(Method::Delete).always(Fault::refused());
    world.users().delete("7").await.unwrap_err();
    assert_eq!(load(&world, "loaded").await, "loaded");
    assert_eq!(world.stored("7").await, None);
    let events = world.events.take_all();
    assert!(
        events.iter().any(|event| event.contains("pending")),
        "{events:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_and_a_pipeline_are_remembered_by_their_keys() {
    let world = world();
    let users = world.users();
    for key in ["1", "2", "3"] {
        users.set(key, "old".to_owned()).await.unwrap();
    }
    world.chaos.on(Method::Delete).always(Fault::refused());
    users.delete_many(["1", "2"]).await.unwrap_err();
    world.chaos.on(Method::Pipeline).always(Fault::refused());
    users.pipeline().delete("3").run().await.unwrap_err();
    assert_eq!(world.cache.health().await.pending_changes, 3);
    let many = users.get_many(["1", "2", "3"]).await.unwrap();
    assert!(many.is_empty(), "{many:?}");
    world.chaos.heal();
    replayed(&world).await;
    for key in ["1", "2", "3"] {
        assert_eq!(world.stored(key).await, None, "{key}");
    }
}

/// What only moves a lifetime leaves nothing outdated behind.
#[tokio::test(start_paused = true)]
async fn an_expiry_that_failed_is_no_matter() {
    let world = world();
    world.users().set("7", "old".to_owned()).await.unwrap();
    world.chaos.on(Method::Expire).always(Fault::refused());
    let moved = world.users().expire("7", Duration::from_secs(5)).await;
    moved.unwrap_err();
    assert_eq!(world.cache.health().await.pending_changes, 0);
    assert!(world.users().get("7").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_replay() {
    let world = world();
    world.users().set("7", "old".to_owned()).await.unwrap();
    world.chaos.on(Method::Delete).next(3, Fault::refused());
    world.users().delete("7").await.unwrap_err();
    let report = world.cache.shutdown(Duration::from_secs(10)).await;
    assert!(report.aborted.is_empty(), "{report:?}");
    assert_eq!(
        world.chaos.calls(Method::Delete),
        4,
        "the third attempt after it was made"
    );
}

#[test]
fn a_caller_who_ends_with_the_runtime_harms_nobody() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(async {
        let world = World::new();
        world.chaos.on(Method::Delete).always(Fault::Hang);
        let users = world.users();
        tokio::spawn(async move { users.delete("7").await });
        tokio::task::yield_now().await;
        world
    });
    drop(runtime);
    assert_eq!(world.cache.stats().background_tasks, 0);
}

/// What is only made stale could still be served: the deletion is made up for.
#[tokio::test(start_paused = true)]
async fn making_stale_does_not_settle_a_deletion() {
    let world = world();
    world.users().set("7", "old".to_owned()).await.unwrap();
    world.chaos.on(Method::Delete).next(1, Fault::refused());
    world.users().delete("7").await.unwrap_err();
    world.users().mark_stale("7").await.unwrap();
    assert_eq!(load(&world, "new").await, "new", "the old value is there");
    replayed(&world).await;
    assert_eq!(world.stored("7").await, None);
}
