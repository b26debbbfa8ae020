//! A server that forgets what it had confirmed: it was restarted, or a replica took over.

use std::time::Duration;

use larder_cache_core::{Invalidation, L1, Tags};
use larder_testkit::{Fault, Method};

use crate::coherence::{set, told};
use crate::fleet::{Fleet, epoch_of, epoch_of_users};

/// Changes that a server has confirmed and then forgot are made again: as deletions and as
/// new epochs, never as values.
#[tokio::test(start_paused = true)]
async fn what_a_server_may_have_forgotten_is_made_again() {
    let fleet = Fleet::new();
    let (process, other) = told(&fleet).await;
    process.update(|users| users.l1(L1::Off));
    let users = process.users();
    for key in ["set", "deleted", "stale", "others"] {
        set(&other, key, "old", &[]).await;
    }
    set(&other, "tagged", "old", &["t"]).await;
    let mut forgotten = Vec::new();
    for key in ["set", "deleted", "stale"] {
        forgotten.push((key, fleet.stored(key).await.unwrap()));
    }
    set(&process, "set", "new", &[]).await;
    users.delete("deleted").await.unwrap();
    users.mark_stale("stale").await.unwrap();
    // A replica takes over that lacks it all.
    for (key, bytes) in forgotten {
        fleet.plant(key, bytes).await;
    }
    let [sets, deletes] = [Method::Set, Method::Delete].map(|of| process.chaos.calls(of));
    process.chaos.on(Method::Delete).next(1, Fault::refused());
    process.server.watcher().may_have_forgotten();
    for key in ["set", "deleted", "stale"] {
        assert_eq!(process.get(key).await, None, "{key} is not read");
    }
    assert_eq!(process.get("others").await.as_deref(), Some("old"));
    process.idle().await;
    for key in ["set", "deleted", "stale"] {
        assert_eq!(fleet.stored(key).await, None, "{key}");
        assert_eq!(process.events.count(&format!("miss pending {key}")), 1);
    }
    assert_eq!(process.chaos.calls(Method::Set), sets);
    assert_eq!(process.chaos.calls(Method::Delete), deletes + 2);
}

#[tokio::test(start_paused = true)]
async fn forgotten_invalidations_are_made_again() {
    for (effect, of_tag) in [
        (Invalidation::Hard, true),
        (Invalidation::Soft, true),
        (Invalidation::Hard, false),
    ] {
        let fleet = Fleet::new();
        let (process, other) = told(&fleet).await;
        let users = process.users();
        set(&other, "7", "old", &["t"]).await;
        let epoch = if of_tag {
            epoch_of("t")
        } else {
            epoch_of_users()
        };
        let before = fleet.bytes(&epoch).await;
        match of_tag {
            true => drop(
                users
                    .invalidate_tags_with(Tags::any(["t"]), effect)
                    .await
                    .unwrap(),
            ),
            false => drop(users.clear().await.unwrap()),
        }
        fleet.put(&epoch, before.clone()).await;
        assert!(other.get("7").await.is_some(), "the server forgot");
        process.server.watcher().changed_all();
        process.server.watcher().may_have_forgotten();
        assert_eq!(process.get("7").await, None);
        process.idle().await;
        assert_ne!(fleet.bytes(&epoch).await, before);
        for process in [&process, &other] {
            assert_eq!(
                process.get("7").await,
                None,
                "{effect:?}, of a tag: {of_tag}"
            );
        }
    }
}

/// What was changed long ago has reached every replica.
#[tokio::test(start_paused = true)]
async fn old_changes_are_not_made_again() {
    let fleet = Fleet::new();
    let (process, _) = told(&fleet).await;
    process.users().delete("7").await.unwrap();
    fleet.clock.advance(Duration::from_secs(31));
    process.users().delete("8").await.unwrap();
    process.server.watcher().may_have_forgotten();
    assert_eq!(process.cache.health().await.pending_changes, 1);
    process.idle().await;
    assert_eq!(process.chaos.calls(Method::Delete), 3);
}
