//! The least a service needs: `cargo run -p larder --example hello`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use larder::{Namespace, Ttl};

static QUERIES: AtomicU32 = AtomicU32::new(0);

/// Stands for the database.
async fn query() -> io::Result<String> {
    QUERIES.fetch_add(1, Relaxed);
    Ok("Ada".to_owned())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users = Namespace::new("users").ttl(Ttl::Medium);
    // Or `.redis("redis://127.0.0.1")`.
    let cache = larder::builder().memory().namespace(users).build().await?;
    let users = cache.namespace("users")?.typed::<String>();

    for _ in 0..2 {
        let name = users.get_or_load("name:7", query).await?;
        println!("hello {name}; queries so far: {}", QUERIES.load(Relaxed));
    }
    users.delete("name:7").await?;
    users.get_or_load("name:7", query).await?;
    println!("after a deletion: {}", QUERIES.load(Relaxed));

    let rate = users.stats().hit_rate().unwrap_or_default();
    println!("hit rate: {:.0} %", 100.0 * rate);
    Ok(())
}
