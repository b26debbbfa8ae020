//! Being told what changes on all nodes.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Backend, Call};
use larder_redis_backend::{ReadFrom, RedisBackend};
use larder_testkit::{MigrationPace, RedisCluster};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::{backend, config, key_on, names};
use crate::redis::watching::{News, Told, Watched, check_nothing_is_told_late, watch};
use crate::redis::{SOON, connect, eventually, key, write};

/// Writes keys by another client, in turn; `None` where a write was not confirmed.
fn changes(other: RedisBackend, names: Vec<String>) -> impl FnMut(u64) -> Option<String> {
    let runtime = Handle::current();
    move |number| {
        let name = &names[usize::try_from(number).unwrap() % names.len()];
        let budget = Call::within(Duration::from_millis(250));
        let done = runtime.block_on(other.set(&[write(name, "1")], budget));
        done.ok().map(|_| key(name).as_str().to_owned())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_masters_tell() {
    let cluster = RedisCluster::start().unwrap();
    let watched = Watched::connect(config(&cluster)).await;
    let other = backend(&cluster).await;
    for master in 0..3 {
        let (name, key) = key_on(&cluster, master);
        other.set(&[write(&name, "1")], SOON).await.unwrap();
        watched.caught_up().await;
        let expected = News::Changed(key.as_str().into());
        assert_eq!(watched.told.take(), [expected], "{master}");
    }
    let long = Duration::from_secs(2);
    check_nothing_is_told_late(&watched, changes(other, names(5000)), long).await;
    // As long as one of them does not tell, nothing counts as told.
    cluster.pause(1).unwrap();
    let paused = larder_cache_core::Clock::now(&watched.clock);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(watched.told.until().unwrap() <= paused);
    cluster.resume(1).unwrap();
    watched.caught_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_moves_with_its_slot_is_told() {
    let cluster = Arc::new(RedisCluster::start().unwrap());
    let watched = Watched::connect(config(&cluster)).await;
    let (name, moving) = key_on(&cluster, 0);
    let slot = cluster.slot_of(moving.as_bytes());
    watched
        .backend
        .set(&[write(&name, "1")], SOON)
        .await
        .unwrap();
    let others = names(200).into_iter().filter(|other| {
        let (key, moving) = (key(other), &moving);
        key != *moving && cluster.slot_of(key.as_bytes()) != slot
    });
    let changes = changes(backend(&cluster).await, others.collect());
    let migration = {
        let cluster = Arc::clone(&cluster);
        spawn_blocking(move || {
            for (from, to) in [(0, 1), (1, 2), (2, 0)] {
                let pace = MigrationPace::default().pause(Duration::from_millis(200));
                cluster.migrate_slot(slot, from, to, pace).unwrap();
            }
        })
    };
    let reader = tokio::spawn({
        let backend = Arc::clone(&watched.backend);
        let (moving, told) = (moving.clone(), Arc::clone(&watched.told));
        async move {
            loop {
                let found = backend
                    .get(std::slice::from_ref(&moving), SOON)
                    .await
                    .unwrap();
                assert_eq!(found, [Some("1".into())]);
                let news = told.news().len();
                assert!(news < 1_000_000);
            }
        }
    });
    check_nothing_is_told_late(&watched, changes, Duration::from_secs(2)).await;
    migration.await.unwrap();
    assert!(!reader.is_finished());
    reader.abort();
    let news = watched.told.take();
    assert!(news.contains(&News::Changed(moving.as_str().into())));
    assert!(news.contains(&News::ChangedAll), "the map has changed");
    assert!(!news.contains(&News::Forgotten), "no replica took over");
    // The node that has it now tells.
    let other = backend(&cluster).await;
    other.set(&[write(&name, "2")], SOON).await.unwrap();
    watched.caught_up().await;
    let news = watched.told.take();
    assert!(
        news.contains(&News::Changed(moving.as_str().into())) || news.contains(&News::ChangedAll)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_takes_over_may_have_forgotten() {
    let cluster = RedisCluster::start().unwrap();
    let watched = Watched::connect(config(&cluster)).await;
    let (name, struck) = key_on(&cluster, 0);
    let changes = changes(backend(&cluster).await, names(300));
    let stress = check_nothing_is_told_late(&watched, changes, Duration::from_secs(8));
    let failover = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        cluster.kill(0);
        // Nobody reads here: it is noticed all the same.
        eventually("the news of it", async || {
            watched.told.news().contains(&News::Forgotten).then_some(())
        })
        .await;
    };
    tokio::join!(stress, failover);
    watched.caught_up().await;
    watched.told.take();
    let other = backend(&cluster).await;
    other.set(&[write(&name, "2")], SOON).await.unwrap();
    watched.caught_up().await;
    let expected = News::Changed(struck.as_str().into());
    assert!(watched.told.take().contains(&expected));
}

#[tokio::test]
async fn where_replicas_are_read_nothing_is_watched() {
    let cluster = RedisCluster::start().unwrap();
    let config = config(&cluster).read_from(ReadFrom::Replica);
    let backend = connect(config).await.unwrap();
    assert!(!watch(&backend, &Arc::<Told>::default()));
}
