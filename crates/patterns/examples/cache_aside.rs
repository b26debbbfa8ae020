//! Cache-aside: `cargo run -p larder-patterns --example cache_aside`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use larder_cache::CacheBuilder;
use larder_cache_core::Namespace;
use larder_memory_backend::MemoryBackend;
use larder_patterns::{CacheAside, CacheAsideOptions};

/// Stands for a query that takes 50 ms.
async fn find_user(id: &str) -> io::Result<Option<String>> {
    tokio::time::sleep(Duration::from_millis(50)).await;
    println!("  the database was asked for {id}");
    Ok((id == "7").then(|| "Ada".to_owned()))
}

async fn save_user(id: &str, name: &str) -> io::Result<()> {
    println!("  the database has {id}: {name}");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cache = CacheBuilder::new()
        .namespace(Namespace::new("users").ttl(Duration::from_secs(60)))
        .build(Arc::new(MemoryBackend::new(64 << 20)))?;
    let users = cache.namespace("users")?.typed::<String>();
    let users = CacheAside::new(users, CacheAsideOptions::new());

    println!("100 readers of a cold key:");
    let readers: Vec<_> = (0..100)
        .map(|_| {
            let users = users.clone();
            tokio::spawn(async move { users.get("7", || find_user("7")).await })
        })
        .collect();
    for reader in readers {
        reader.await??;
    }

    println!("one of somebody who is not there, twice:");
    for _ in 0..2 {
        assert_eq!(users.get("8", || find_user("8")).await?, None);
    }

    println!("a change: the database first, then `delete`:");
    save_user("7", "Ada Lovelace").await?;
    users.delete("7").await?;
    users.get("7", || find_user("7")).await?;
    Ok(())
}
