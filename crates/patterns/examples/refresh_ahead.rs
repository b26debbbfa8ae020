//! Refresh-ahead: `cargo run -p larder-patterns --example refresh_ahead`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_cache::CacheBuilder;
use larder_cache_core::Namespace;
use larder_memory_backend::MemoryBackend;
use larder_patterns::{RefreshAhead, RefreshAheadOptions};

/// Stands for a query that takes 200 ms, for all ids together.
async fn find_users(ids: Vec<String>) -> io::Result<Vec<(String, String)>> {
    tokio::time::sleep(Duration::from_millis(200)).await;
    println!("  the database was asked for {} users", ids.len());
    Ok(ids
        .into_iter()
        .map(|id| (id.clone(), format!("user {id}")))
        .collect())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cache = CacheBuilder::new()
        .namespace(Namespace::new("users").ttl(Duration::from_secs(2)))
        .build(Arc::new(MemoryBackend::new(64 << 20)))?;
    let users = cache.namespace("users")?.typed::<String>();
    let users = RefreshAhead::batched(users, RefreshAheadOptions::new(), find_users)?;

    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    while began.elapsed() < Duration::from_secs(8) {
        for id in 0..20 {
            let asked = Instant::now();
            users.get(id.to_string()).await?;
            if began.elapsed() > Duration::from_secs(5) {
                slowest = slowest.max(asked.elapsed());
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("20 keys of 2 s, read for 8 s: {:?}", users.stats());
    println!("the slowest read after warm-up took {slowest:?}");
    let report = users.shutdown(Duration::from_secs(1)).await;
    println!("left undone: {:?}", report.left);
    Ok(())
}
