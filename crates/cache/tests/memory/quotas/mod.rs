//! The quota of a namespace: what is too much goes, the oldest first, and one process at a time
//! sees to it.

mod lease;
mod measuring;
mod sweeping;

use std::time::Duration;

use larder_cache::{SetOptions, TypedCache};
use larder_cache_core::Namespace;

use crate::fleet::{Fleet, Process};
use crate::world::{Database, World, eventually, physical, settle};

const QUOTA: u64 = 64 << 10;

/// What one entry takes: the header, the value and its length, the key.
const VALUE: usize = 1000;
const ENTRY: u64 = 104 + 3 + VALUE as u64 + "app:users:000".len() as u64;

/// For how long a process does not look twice.
const PAUSE: Duration = Duration::from_secs(1);

/// Until a measurement is too old where much is used, and where little is.
const SOON: Duration = Duration::from_secs(10);
const LATE: Duration = Duration::from_secs(60);

/// For how long a process that sweeps keeps others away.
const LEASE: Duration = Duration::from_secs(15);

fn limited(users: Namespace) -> Namespace {
    users.quota_bytes(QUOTA).ttl(Duration::from_secs(3600))
}

fn world() -> World {
    let world = World::with(|builder| builder.l1_bytes(0));
    world.cache.update_namespace("users", limited).unwrap();
    world
}

fn process(fleet: &Fleet) -> Process {
    let process = fleet.plain();
    process.update(limited);
    process
}

async fn set(users: &TypedCache<String>, n: usize, tags: &[&str]) {
    let options = SetOptions::new().tags(tags.iter().copied());
    let value = "x".repeat(VALUE);
    users
        .set_with(format!("{n:03}"), value, options)
        .await
        .unwrap();
}

async fn found(users: &TypedCache<String>, range: std::ops::Range<usize>) -> Vec<usize> {
    let mut found = Vec::new();
    for n in range {
        let there = users.get(format!("{n:03}")).await.unwrap();
        found.extend(there.map(|_| n));
    }
    found
}

async fn idle(world: &World) {
    let idle = || world.cache.stats().background_tasks == 0;
    eventually("the end of all tasks", idle).await;
}

/// Writes these, a second apart, and waits for what comes of each.
async fn write(world: &World, range: std::ops::Range<usize>, tags: &[&str]) {
    for n in range {
        set(&world.users(), n, tags).await;
        idle(world).await;
        world.clock.advance(PAUSE);
    }
}

/// Writes a hundred in one moment. After the first nothing is due for a second.
async fn burst(world: &World) {
    set(&world.users(), 0, &[]).await;
    idle(world).await;
    for n in 1..100 {
        set(&world.users(), n, &[]).await;
    }
}
