//! Small values that say that they are small and are not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use larder::compression::Optimizer;
use larder::{Algorithm, Codec, Compression, L1, LzStringForm, Namespace, TypedCache};
use larder_cache_core::{Backend, Bytes, Call, Entry, KeyPrefix, Place};

use super::super::{millis, seconds};
use crate::measure::resident_bytes;
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct Bomb;

/// What a bomb becomes.
const BOMB_BYTES: usize = 64 << 20;

/// The largest value that the namespace allows, which is what a bomb says that it is.
const CAP_BYTES: usize = 4 << 20;

/// The value and its copy, and the window of a decoder.
const MOST_GROWTH_BYTES: u64 = 2 * (CAP_BYTES as u64) + (16 << 20);

const MOST_TIME: Duration = millis(200);

const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::Lz4,
    Algorithm::Zstd(3),
    Algorithm::Brotli(5),
    Algorithm::Gzip(6),
    Algorithm::LzString(LzStringForm::Base64),
];

const CALL: Call = Call::within(seconds(2));

#[async_trait]
impl Scenario for Bomb {
    fn facts(&self) -> Facts {
        let criterion = "64 MiB that say they are 4: refused <= 200 ms; memory + <= 24 MiB";
        let mut facts = Facts::standalone(39, "bomb", criterion).alone();
        facts.fault = Span::always(seconds(2));
        facts.besides = seconds(2);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let codec = Arc::new(Optimizer::default());
        let space = Namespace::new("values").l1(L1::Off);
        let cache = rig::cache(server.url())
            .codec(codec.clone())
            .namespace(space.max_value_bytes(CAP_BYTES))
            .build()
            .await?;
        let values: TypedCache<String> = cache.namespace("values")?.typed();
        let redis = rig::backend(larder::RedisConfig::new(server.url())).await?;
        let key = KeyPrefix::new("app")?.value("values", "bomb")?;
        values.set("bomb", "sound".to_owned()).await?;
        let sound = redis.get(std::slice::from_ref(&key), CALL).await?;
        let sound = sound.into_iter().next().flatten().unwrap_or_default();
        let sound = Entry::decode(&sound).map_err(|why| why.name())?;
        let bombs = bombs(&codec, &sound, &key)?;
        let before = resident_bytes().unwrap_or_default();
        let (mut slowest, mut most, mut found) = (Duration::ZERO, before, 0);
        for (algorithm, bomb) in &bombs {
            stage
                .progress
                .say(&format!("{algorithm}, {} bytes", bomb.len()));
            let write = rig::write(key.clone(), bomb.clone());
            redis.set(&[write], CALL).await?;
            let began = Instant::now();
            let strict = larder::GetOptions::new().on_error(larder::OnError::Fail);
            found += u64::from(values.get_with("bomb", strict).await?.is_some());
            slowest = slowest.max(began.elapsed());
            most = most.max(resident_bytes().unwrap_or_default());
        }
        let stats = values.stats();
        // A task that does not end is the business of other scenarios.
        let _report = cache.shutdown(seconds(2)).await;
        let refused = stats.miss_reasons.iter().map(|(_, count)| count).sum();
        Ok(Verdict {
            operations: bombs.len() as u64,
            wrong_values: Some(found),
            longest_call: Some(slowest),
            ..Verdict::default()
        }
        .with(Check::equal(
            "bombs that were refused",
            refused,
            bombs.len() as u64,
        ))
        .with(Check::equal("values found", found, 0))
        .with(Check::within("the slowest refusal", slowest, MOST_TIME))
        .with(Check::at_most(
            "growth in bytes",
            most.saturating_sub(before),
            MOST_GROWTH_BYTES,
        )))
    }
}

/// For each algorithm an entry whose header lies about its length.
fn bombs(
    codec: &Optimizer,
    sound: &Entry,
    key: &larder_cache_core::Key,
) -> Result<Vec<(Algorithm, Bytes)>, Failure> {
    let place = Place {
        namespace: "values",
        key,
    };
    let plain = vec![b'0'; BOMB_BYTES];
    let mut bombs = Vec::new();
    for algorithm in ALGORITHMS {
        let wanted = Compression::With(algorithm);
        let packed = codec.encode(&plain, wanted, &place)?;
        let packed = packed.ok_or("zeros become smaller by any algorithm")?;
        let mut header = sound.header.clone();
        header.compression = packed.coding.algorithm;
        header.plain_bytes = u32::try_from(CAP_BYTES)?;
        let body = packed.bytes;
        bombs.push((algorithm, Entry { header, body }.encode()));
    }
    Ok(bombs)
}
