//! Random schedules of several processes that load, write and invalidate, with slow and lost
//! replies: whatever was announced, nobody reads what is older.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use larder_cache::{Cache, Loaded, SetOptions, TypedCache, Written};
use larder_cache_core::{Error, ErrorKind, Tags};
use larder_testkit::{ChaosBackend, Fault, ManualClock, Method};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::fleet::Fleet;
use crate::world::{DbError, World};

const KEYS: usize = 3;
const STEPS: usize = 40;
const WORKERS: usize = 6;

/// The rows of a database, each a version, and of each the latest version whose writer has
/// been told that nobody reads an older one.
#[derive(Debug, Default)]
struct Rows {
    versions: [AtomicU64; KEYS],
    announced: [AtomicU64; KEYS],
    writing: [Mutex<()>; KEYS],
}

/// One of several tasks, with a random sequence of its own.
struct Worker {
    case: String,
    rng: Rng,
    rows: Arc<Rows>,
    users: TypedCache<u64>,
}

/// One cache with L1 over a backend of its own.
#[tokio::test(start_paused = true)]
async fn an_embedded_cache_never_goes_back() {
    for seed in 0..100 {
        let world = World::new();
        trouble(&world.chaos, seed);
        let caches = vec![world.cache.clone(); WORKERS];
        run(seed, caches, &world.clock).await;
    }
}

/// Processes that ask the server for everything. Each has one worker: two might join in a
/// load that is as old as the changes of others that may go unseen.
#[tokio::test(start_paused = true)]
async fn a_fleet_never_goes_back() {
    for seed in 0..50 {
        let fleet = Fleet::new();
        let process = |number| {
            let process = fleet.plain();
            trouble(&process.chaos, seed * 10 + number as u64);
            process.cache
        };
        let caches = (0..WORKERS).map(process).collect();
        run(seed, caches, &fleet.clock).await;
    }
}

async fn run(seed: u64, caches: Vec<Cache>, clock: &ManualClock) {
    let rows = Arc::new(Rows::default());
    let mut workers = Vec::new();
    for (number, cache) in caches.iter().enumerate() {
        let mut worker = Worker {
            case: format!("seed {seed}, worker {number}"),
            rng: Rng::with_seed(seed * 100 + number as u64),
            rows: rows.clone(),
            users: cache.namespace("users").unwrap().typed(),
        };
        workers.push(tokio::spawn(async move {
            for _ in 0..STEPS {
                worker.step().await;
            }
        }));
    }
    let mut rng = Rng::with_seed(seed);
    while workers.iter().any(|worker| !worker.is_finished()) {
        sleep(Duration::from_millis(rng.u64(1..20))).await;
        if rng.u8(..6) == 0 {
            clock.advance(Duration::from_millis(rng.u64(1..20_000)));
        }
    }
    for worker in workers {
        worker.await.unwrap();
    }
}

/// Requests and replies take their time, and some are lost.
fn trouble(chaos: &ChaosBackend, seed: u64) {
    let lost = || Fault::LostReply(Error::new(ErrorKind::Connection, "lost, as the test wants"));
    for (number, method) in Method::ALL.into_iter().enumerate() {
        let (fault, share) = match number % 3 {
            _ if method == Method::Now => continue,
            0 => (lost(), 0.05),
            1 => (Fault::refused(), 0.05),
            _ => (Fault::Delay(Duration::from_millis(7)), 0.4),
        };
        let seed = seed.wrapping_mul(31).wrapping_add(number as u64);
        chaos.on(method).sometimes(seed, share, fault);
    }
    let slow = [
        Method::Get,
        Method::Renew,
        Method::Fill,
        Method::Delete,
        Method::Epochs,
    ];
    for method in slow.into_iter().skip(seed as usize % 3) {
        let delays = (0..40).map(|number| match (number + seed) % 3 {
            0 => Fault::Delay(Duration::from_millis(number % 11)),
            _ => Fault::None,
        });
        chaos.on(method).script(delays);
    }
}

impl Worker {
    async fn step(&mut self) {
        let row = self.rng.usize(..KEYS);
        sleep(Duration::from_millis(self.rng.u64(..6))).await;
        match self.rng.u8(..8) {
            0 | 1 => self.write(row).await,
            2 | 3 => self.read(row).await,
            _ => self.load(row).await,
        }
    }

    /// Changes a row, then announces that it has been invalidated.
    async fn write(&mut self, row: usize) {
        let rows = self.rows.clone();
        let _writing = rows.writing[row].lock().await;
        let (version, key) = (
            rows.versions[row].load(Ordering::SeqCst) + 1,
            row.to_string(),
        );
        let set = || rows.versions[row].store(version, Ordering::SeqCst);
        let way = self.rng.u8(..5);
        if way < 4 {
            set();
        }
        let pause = Duration::from_millis(self.rng.u64(..9));
        let done = match way {
            0 => self.users.delete(&key).await.is_ok(),
            1 => self.users.clear().await.is_ok(),
            2 => {
                let tags = Tags::any([format!("row{row}")]);
                self.users.invalidate_tags(tags).await.is_ok()
            }
            3 => {
                let tags = Tags::all([format!("row{row}"), "all".to_owned()]);
                self.users.invalidate_tags(tags).await.is_ok()
            }
            _ => {
                let writer = async || {
                    sleep(pause).await;
                    set();
                    Ok::<_, DbError>(())
                };
                let tags = SetOptions::new().tags([format!("row{row}"), "all".to_owned()]);
                let written = self.users.write_through_with(&key, version, tags, writer);
                let written = written.await;
                matches!(written.unwrap(), Written::Cached | Written::Invalidated)
            }
        };
        if done {
            rows.announced[row].store(version, Ordering::SeqCst);
        }
    }

    async fn read(&self, row: usize) {
        let announced = self.rows.announced[row].load(Ordering::SeqCst);
        if let Some(found) = self.users.get(row.to_string()).await.unwrap() {
            self.check(row, "get", *found, announced);
        }
    }

    async fn load(&mut self, row: usize) {
        let announced = self.rows.announced[row].load(Ordering::SeqCst);
        let rows = self.rows.clone();
        let pause = Duration::from_millis(self.rng.u64(..12));
        let tags = [format!("row{row}"), "all".to_owned()];
        let late = if self.rng.bool() {
            &tags[..]
        } else {
            &tags[1..]
        };
        let late: Vec<String> = late.to_vec();
        let loader = move || async move {
            let version = rows.versions[row].load(Ordering::SeqCst);
            sleep(pause).await;
            Ok::<_, DbError>(Loaded::value(version).tags(late))
        };
        let request = self.users.load(row.to_string());
        let found = request.tags([format!("row{row}")]).with(loader).await;
        let found = found.unwrap().unwrap();
        self.check(row, "load", *found, announced);
    }

    fn check(&self, row: usize, how: &str, found: u64, announced: u64) {
        let case = &self.case;
        assert!(
            found >= announced,
            "{case}: {how} of row {row} found {found}, and {announced} was announced"
        );
    }
}
