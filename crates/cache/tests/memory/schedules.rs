//! Random schedules of readers, writers, loads and slow replies: nobody reads what was
//! outdated before he asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use larder_cache::TypedCache;
use larder_testkit::{Fault, Method};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::world::{DbError, World, eventually};

const KEYS: usize = 3;
const WORKERS: u64 = 6;
const STEPS: usize = 30;

/// The rows of a database, each a version, and of each the latest version whose writer has
/// been told that the cache knows of it.
#[derive(Debug, Default)]
struct Rows {
    versions: [AtomicU64; KEYS],
    announced: [AtomicU64; KEYS],
    writing: [Mutex<()>; KEYS],
}

/// One of several tasks, with a random sequence of its own.
struct Worker {
    seed: u64,
    rng: Rng,
    rows: Arc<Rows>,
    users: TypedCache<u64>,
}

#[tokio::test(start_paused = true)]
async fn nobody_reads_what_was_outdated_before() {
    for seed in 0..150 {
        run(seed).await;
    }
}

async fn run(seed: u64) {
    let world = World::new();
    let rows = Arc::new(Rows::default());
    slow_down(&world, seed);
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let mut worker = Worker {
                seed,
                rng: Rng::with_seed(seed * WORKERS + number),
                rows: rows.clone(),
                users: world.typed("users"),
            };
            tokio::spawn(async move {
                for _ in 0..STEPS {
                    worker.step().await;
                }
            })
        })
        .collect();
    let trouble = tokio::spawn({
        let (chaos, clock) = (world.chaos.clone(), world.clock.clone());
        let mut rng = Rng::with_seed(seed);
        async move {
            loop {
                let method = [Method::Get, Method::Set, Method::Delete, Method::Pipeline];
                let held = chaos.gate_reply(method[rng.usize(..method.len())]);
                sleep(Duration::from_millis(rng.u64(1..10))).await;
                drop(held);
                if rng.u8(..10) == 0 {
                    clock.advance(Duration::from_secs(rng.u64(1..60)));
                }
            }
        }
    });
    for worker in workers {
        worker.await.unwrap();
    }
    trouble.abort();
    check_both_tiers(&world, &rows, seed).await;
}

/// Requests take their time as well as replies.
fn slow_down(world: &World, seed: u64) {
    for (share, method, millis) in [
        (0.5, Method::Get, 3),
        (0.5, Method::Set, 5),
        (0.5, Method::Delete, 4),
        (0.5, Method::Pipeline, 2),
        (0.3, Method::Scan, 3),
    ] {
        let delay = Fault::Delay(Duration::from_millis(millis));
        world.chaos.on(method).sometimes(seed, share, delay);
    }
}

async fn check_both_tiers(world: &World, rows: &Rows, seed: u64) {
    let idle = || world.cache.stats().background_tasks == 0;
    eventually("the end of all loads", idle).await;
    let (users, elsewhere) = (world.typed::<u64>("users"), world.elsewhere());
    let elsewhere = elsewhere.typed::<u64>();
    for key in 0..KEYS {
        let announced = rows.announced[key].load(Ordering::SeqCst);
        let there = elsewhere.get(key.to_string()).await.unwrap();
        let here = users.get(key.to_string()).await.unwrap();
        assert_eq!(here, there, "seed {seed}, key {key}: the tiers differ");
        let fresh = there.is_none_or(|version| *version >= announced);
        assert!(fresh, "seed {seed}, key {key}: older than {announced}");
    }
}

impl Worker {
    async fn step(&mut self) {
        sleep(Duration::from_millis(self.rng.u64(..6))).await;
        let key = self.rng.usize(..KEYS);
        if self.rng.u8(..4) == 0 {
            self.write(key).await;
        } else {
            self.read(key).await;
        }
    }

    /// Commits to the database, then tells the cache.
    async fn write(&mut self, key: usize) {
        let rows = self.rows.clone();
        let _writing = rows.writing[key].lock().await;
        let version = rows.versions[key].fetch_add(1, Ordering::SeqCst) + 1;
        let (users, text) = (&self.users, key.to_string());
        match self.rng.u8(..6) {
            0 => drop(users.delete(&text).await.unwrap()),
            1 => drop(users.delete_many([&text, "other"]).await.unwrap()),
            2 => drop(users.delete_by_pattern(&text).await.unwrap()),
            3 => drop(users.pipeline().delete(text).run().await.unwrap()),
            4 => drop(users.pipeline().set(text, version).run().await.unwrap()),
            _ => users.set(text, version).await.unwrap(),
        }
        rows.announced[key].store(version, Ordering::SeqCst);
    }

    async fn read(&mut self, key: usize) {
        let announced = self.rows.announced[key].load(Ordering::SeqCst);
        let (users, text) = (self.users.clone(), key.to_string());
        let (rows, slow) = (self.rows.clone(), self.rng.u64(..12));
        let query = move |key: usize| async move {
            let version = rows.versions[key].load(Ordering::SeqCst);
            sleep(Duration::from_millis(slow)).await;
            Ok::<_, DbError>(version)
        };
        let found = match self.rng.u8(..5) {
            0 => users.get(text).await.unwrap(),
            1 => {
                let replies = users.pipeline().get(text).run().await.unwrap();
                replies.into_iter().next().unwrap().unwrap().into_value()
            }
            2 => {
                let loader = move |keys: Vec<usize>| async move {
                    let version = query(keys[0]).await?;
                    Ok::<_, DbError>([(keys[0], version)])
                };
                users
                    .get_or_load_many([key], loader)
                    .await
                    .unwrap()
                    .remove(&key)
            }
            3 => users.load(&text).with(move || query(key)).await.unwrap(),
            _ => Some(users.get_or_load(text, move || query(key)).await.unwrap()),
        };
        if let Some(version) = found {
            let seed = self.seed;
            assert!(
                *version >= announced,
                "seed {seed}: key {key} was at {announced}, and {version} was read"
            );
        }
    }
}
