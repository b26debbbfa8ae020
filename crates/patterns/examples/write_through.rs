//! Write-through: `cargo run -p larder-patterns --example write_through`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use larder_cache::{CacheBuilder, WriteError};
use larder_cache_core::Namespace;
use larder_memory_backend::MemoryBackend;
use larder_patterns::{WriteThrough, WriteThroughOptions};

/// Stands for a table.
#[derive(Clone, Default)]
struct Users(Arc<Mutex<HashMap<String, String>>>);

impl Users {
    async fn save(self, id: String, name: Arc<String>) -> io::Result<()> {
        if name.is_empty() {
            return Err(io::Error::other("a user has a name"));
        }
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.insert(id, name.to_string());
        Ok(())
    }

    async fn find(self, id: &str) -> io::Result<Option<String>> {
        println!("  the database was asked for {id}");
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(rows.get(id).cloned())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cache = CacheBuilder::new()
        .namespace(Namespace::new("users").ttl(Duration::from_secs(60)))
        .build(Arc::new(MemoryBackend::new(64 << 20)))?;
    let users = cache.namespace("users")?.typed::<String>();
    let users = WriteThrough::new(users, WriteThroughOptions::new());
    let database = Users::default();

    let save = |id, name| database.clone().save(id, name);
    let written = users.set("7", "Ada".to_owned(), save).await?;
    println!("written: {written:?}");
    let of = database.clone();
    let ada = users.get("7", || of.find("7")).await?;
    println!("read from the cache: {ada:?}");

    let save = |id, name| database.clone().save(id, name);
    match users.set("7", String::new(), save).await {
        Err(WriteError::Writer(error)) => println!("the writer failed: {error}"),
        other => println!("unexpected: {other:?}"),
    }
    let of = database.clone();
    let ada = users.get("7", || of.find("7")).await?;
    println!("read from the database, as nobody knew what it has: {ada:?}");
    Ok(())
}
