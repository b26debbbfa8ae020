//! L1 at one size, on all accesses.

use std::convert::Infallible;

use larder::Namespace;
use larder_benches::Failure;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::traces::{Trace, weight};

/// More than there are types.
pub(crate) const SPACES: usize = 32;

/// Hits by namespace.
pub(crate) type Hits = [u64; SPACES];

/// The table of L1.
pub(crate) struct Table(Cache<u32, u64, InBytes>);

#[derive(Clone)]
struct InBytes;

impl Weighter<u32, u64> for InBytes {
    fn weight(&self, _: &u32, bytes: &u64) -> u64 {
        *bytes
    }
}

impl Table {
    /// As `crates/cache/src/l1` makes it.
    pub(crate) fn new(bytes: u64) -> Result<Self, Failure> {
        let shards = shards(bytes);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(usize::try_from(bytes / 512)?.clamp(64, 1 << 20))
            .weight_capacity(bytes - bytes % shards as u64)
            .shards(shards)
            .build()?;
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Ok(Self(Cache::with_options(
            options, InBytes, hasher, lifecycle,
        )))
    }

    /// Reads a key, or takes it in; says whether it was there.
    pub(crate) fn read(&self, key: u32) -> bool {
        let is_hit = self.0.get(&key).is_some();
        if !is_hit {
            self.0.insert(key, weight(key));
        }
        is_hit
    }
}

/// What the table of L1 hits.
pub(crate) fn hits(trace: &Trace, bytes: u64) -> Result<Hits, Failure> {
    let table = Table::new(bytes)?;
    let mut hits = [0; SPACES];
    for key in &trace.keys {
        hits[trace.space(*key) as usize] += u64::from(table.read(*key));
    }
    Ok(hits)
}

/// What a whole cache hits in L1, by its own statistics: the table above is held against it.
pub(crate) async fn hits_of_cache(trace: &Trace) -> Result<u64, Failure> {
    let cache = larder::builder()
        .l1_bytes(trace.l1_bytes)
        .namespace(Namespace::new("trace"))
        .build()
        .await?;
    let values = cache.namespace("trace")?.typed::<u32>();
    for key in trace.keys.iter().copied() {
        let load = move || async move { Ok::<_, Infallible>(key) };
        values.get_or_load(key.to_string(), load).await?;
    }
    Ok(cache.stats().total().l1_hits)
}

fn shards(bytes: u64) -> usize {
    let cores = std::thread::available_parallelism().map_or(4, usize::from);
    let wanted = usize::try_from(bytes >> 20).unwrap_or(usize::MAX);
    1 << wanted.clamp(1, cores * 4).ilog2()
}
