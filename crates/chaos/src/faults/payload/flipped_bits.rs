//! Every single bit of an entry, flipped in Redis.

use std::sync::Arc;

use async_trait::async_trait;
use larder::{Encryption, KeyRing, L1, Namespace, SetOptions, TypedCache};
use larder_cache_core::entry::MUTABLE_PART;
use larder_cache_core::{Backend, Bytes, Call, Key, KeyPrefix};

use super::super::{millis, seconds};
use super::key;
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct FlippedBits;

const VALUE: &str = "the words that everybody expects to read, the words that everybody expects";

/// How an entry is stored: as it is, and encrypted.
const SPACES: [&str; 2] = ["readable", "vault"];

#[async_trait]
impl Scenario for FlippedBits {
    fn facts(&self) -> Facts {
        let criterion = "every bit of an entry flipped: 0 wrong values, 0 errors";
        let mut facts = Facts::standalone(40, "flipped-bits", criterion);
        facts.fault = Span::always(seconds(2));
        facts.besides = seconds(1);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let plain = Namespace::new("readable").l1(L1::Off);
        let vault = Namespace::new("vault").l1(L1::Off);
        let vault = vault.encryption(Encryption::On);
        let cache = rig::cache(server.url())
            .namespace(plain)
            .namespace(vault)
            .cipher(Arc::new(KeyRing::new(key(1)?)))
            .build()
            .await?;
        let config = larder::RedisConfig::new(server.url());
        let redis = rig::backend(config).await?;
        let mut tally = Tally::default();
        for space in SPACES {
            let texts: TypedCache<String> = cache.namespace(space)?.typed();
            let tagged = SetOptions::new().tags(["tag"]);
            texts.set_with("key", VALUE.to_owned(), tagged).await?;
            let key = KeyPrefix::new("app")?.value(space, "key")?;
            let sound = stored(&redis, &key).await?;
            stage.progress.say(&format!("{} bits", sound.len() * 8));
            for bit in 0..sound.len() * 8 {
                let mut flipped = sound.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let write = rig::write(key.clone(), flipped);
                redis.set(&[write], CALL).await?;
                tally.take(&texts, bit).await;
            }
        }
        // A task that does not end is the business of other scenarios.
        let _report = cache.shutdown(seconds(2)).await;
        Ok(Verdict {
            operations: tally.reads,
            wrong_values: Some(tally.wrong),
            ..Verdict::default()
        }
        .with(Check::at_least("bits", tally.reads, 3_000))
        .with(Check::equal("wrong values", tally.wrong, 0))
        .with(Check::equal("failed reads", tally.failed, 0))
        .with(Check::equal(
            "bits of the fixed part that were not noticed",
            tally.unnoticed,
            0,
        )))
    }
}

const CALL: Call = Call::within(millis(2_000));

async fn stored(redis: &impl Backend, key: &Key) -> Result<Bytes, Failure> {
    let found = redis.get(std::slice::from_ref(key), CALL).await?;
    let found = found.into_iter().next().flatten();
    found.ok_or_else(|| "the value is not there".into())
}

#[derive(Default)]
struct Tally {
    reads: u64,
    wrong: u64,
    failed: u64,
    unnoticed: u64,
}

impl Tally {
    async fn take(&mut self, texts: &TypedCache<String>, bit: usize) {
        self.reads += 1;
        let strict = larder::GetOptions::new().on_error(larder::OnError::Fail);
        match texts.get_with("key", strict).await {
            Ok(Some(text)) if *text != VALUE => self.wrong += 1,
            // A lease or an expiry that changed is not the value.
            Ok(Some(_)) => self.unnoticed += u64::from(!MUTABLE_PART.contains(&(bit / 8))),
            Ok(None) => {}
            Err(_) => self.failed += 1,
        }
    }
}
