//! Invalidating a tag that one entry carries, and one that many carry.

use std::time::{Duration, Instant};

use larder::{Namespace, Tags, TypedCache};
use larder_benches::{Failure, Ratio, quantile};

use crate::articles;
use crate::options::Options;
use crate::results::Invalidation;
use crate::store::Store;

/// How often each tag is invalidated in a round, in turn.
const CALLS: usize = 500;

/// Longer than any measurement.
const TTL: Duration = Duration::from_secs(3600);

const ONE: &str = "one";
const MANY: &str = "many";

/// Stores the entries, checks that an invalidation reaches them, and measures.
pub(crate) async fn measure(store: &Store, options: &Options) -> Result<Invalidation, Failure> {
    let entries = Namespace::new("entries").ttl(TTL);
    let cache = store.builder().namespace(entries).build().await?;
    let entries = cache.namespace("entries")?.typed();
    articles::store_crowd(&entries, 1, ONE).await?;
    let began = Instant::now();
    articles::store_crowd(&entries, options.entries, MANY).await?;
    let stored_in = began.elapsed();
    let first = check(&entries, options.entries).await?;
    let mut one = Vec::with_capacity(options.rounds.count);
    let mut many = Vec::with_capacity(options.rounds.count);
    for _ in 0..options.rounds.count {
        let (of_one, of_many) = round(&entries).await?;
        one.push(of_one);
        many.push(of_many);
    }
    let ratios = many.iter().zip(&one).map(|(many, one)| many / one);
    Ok(Invalidation {
        store: store.name(),
        entries: options.entries,
        stored_in_seconds: stored_in.as_secs_f64(),
        first_us: micros(first),
        one_p50_us: quantile(one.iter().copied(), 0.5),
        many_p50_us: quantile(many.iter().copied(), 0.5),
        ratio: Ratio::of(ratios),
    })
}

/// The first invalidation, which has to be seen in the entries. Says what it took.
async fn check(entries: &TypedCache<u64>, count: usize) -> Result<Duration, Failure> {
    let some = [0, count / 2, count - 1].map(|id| format!("{MANY}:{id}"));
    for key in &some {
        let expected = "expected all entries to be stored; the store has no room for them";
        entries.get(key).await?.ok_or(expected)?;
    }
    let first = invalidate(entries, MANY).await?;
    for key in &some {
        if entries.get(key).await?.is_some() {
            return Err(format!("`{key}` was served after its tag was invalidated").into());
        }
    }
    Ok(first)
}

/// The medians of both, in microseconds.
async fn round(entries: &TypedCache<u64>) -> Result<(f64, f64), Failure> {
    let mut one = Vec::with_capacity(CALLS);
    let mut many = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        one.push(micros(invalidate(entries, ONE).await?));
        many.push(micros(invalidate(entries, MANY).await?));
    }
    Ok((
        quantile(one.into_iter(), 0.5),
        quantile(many.into_iter(), 0.5),
    ))
}

async fn invalidate(entries: &TypedCache<u64>, tag: &str) -> Result<Duration, Failure> {
    let tags = Tags::any([tag]);
    let began = Instant::now();
    entries.invalidate_tags(tags).await?;
    Ok(began.elapsed())
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
