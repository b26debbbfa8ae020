//! Readers, writers and loads all at once: nobody reads what was outdated before he asked.

use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::TypedCache;
use tokio::sync::Mutex;

use crate::backing::Backing;

const KEYS: u64 = 4;
const WORKERS: u64 = 8;
const STEPS: u64 = 150;

/// A row of a database: its version, and the latest one of which the cache was told.
#[derive(Debug, Default)]
struct Row {
    version: AtomicU64,
    announced: AtomicU64,
    writing: Mutex<()>,
}

pub(crate) async fn nobody_reads_what_was_outdated_before(backing: &Backing) {
    let cache = backing.cache().await;
    let versions = cache.namespace("users").unwrap().typed::<u64>();
    let rows: Arc<Vec<Row>> = Arc::new((0..KEYS).map(|_| Row::default()).collect());
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let (versions, rows) = (versions.clone(), rows.clone());
            tokio::spawn(async move {
                for step in 0..STEPS {
                    work(&versions, &rows, worker * STEPS + step).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let (loads, refused) = (versions.stats().loads, versions.stats().fills_refused);
    assert!(
        loads > refused,
        "{loads} loads, {refused} of them not stored"
    );
}

/// One step of a worker; `number` decides what it is.
async fn work(versions: &TypedCache<u64>, rows: &Arc<Vec<Row>>, number: u64) {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let (key, choice, pause) = (mixed % KEYS, mixed / KEYS % 16, mixed / 64 % 3);
    let (row, text) = (&rows[key as usize], key.to_string());
    if choice < 4 {
        let _writing = row.writing.lock().await;
        let version = row.version.fetch_add(1, Ordering::SeqCst) + 1;
        match choice {
            0 => versions.set(&text, version).await.unwrap(),
            1 => drop(versions.pipeline().delete(text).run().await.unwrap()),
            2 => drop(versions.delete_by_pattern(&text).await.unwrap()),
            _ => drop(versions.delete(&text).await.unwrap()),
        }
        row.announced.store(version, Ordering::SeqCst);
        return;
    }
    let announced = row.announced.load(Ordering::SeqCst);
    let loader = {
        let rows = rows.clone();
        move || async move {
            let version = rows[key as usize].version.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            Ok::<_, Error>(version)
        }
    };
    let found = match choice {
        4..8 => versions.get(&text).await.unwrap(),
        8 => {
            let many = move |_| async move { loader().await.map(|version| [(key, version)]) };
            versions
                .get_or_load_many([key], many)
                .await
                .unwrap()
                .remove(&key)
        }
        _ => Some(versions.get_or_load(&text, loader).await.unwrap()),
    };
    if let Some(found) = found {
        assert!(
            *found >= announced,
            "step {number}: key {key} was at {announced}, and {found} was read"
        );
    }
}
