//! What people ask of the dead letters.

use bytes::Bytes;
use larder_cache_core::{DeadLetter, Result};
use redis::Value;

use super::answer::{array, number};
use super::letter::decode;
use super::record::sortable;
use super::shard::{Shard, hexadecimal};
use super::{RedisStreamJournal, scripts};
use crate::commands::all_done;
use crate::error::unexpected_reply;

/// So many letters are read at once.
const PAGE: usize = 100;

impl RedisStreamJournal {
    pub(super) async fn letters(&self, at_most: usize) -> Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        for shard in &self.shards {
            self.letters_of(shard, at_most, &mut letters).await?;
        }
        Ok(letters)
    }

    async fn letters_of(
        &self,
        shard: &Shard,
        at_most: usize,
        letters: &mut Vec<DeadLetter>,
    ) -> Result<()> {
        let mut after = Bytes::new();
        while letters.len() < at_most {
            let asked = (at_most - letters.len()).min(PAGE);
            let arguments = vec![after, asked.to_string().into()];
            let call = shard.call(&scripts::DEAD_LETTERS, arguments);
            let [page] = self.ask(&call).await?.parts()?;
            let page = array(page)?;
            let count = page.len();
            for kept in page {
                let Value::BulkString(kept) = kept else {
                    return Err(unexpected_reply("a dead letter"));
                };
                letters.push(decode(kept)?);
            }
            match letters.last() {
                Some(last) if count == asked => after = sortable(last.sequence).into(),
                _ => break,
            }
        }
        Ok(())
    }

    pub(super) async fn append_again(&self, keys: &[&str]) -> Result<u64> {
        let by_shard = self.by_shard(keys);
        let mut calls = Vec::with_capacity(by_shard.len());
        for (number, keys) in &by_shard {
            let shard = self.shard(*number)?;
            let [millis, counter] = shard.floor();
            let count = self.shards.len().to_string().into();
            let mut arguments = vec![count, hexadecimal(self.reviver), millis, counter];
            arguments.extend(keys.iter().cloned());
            calls.push(shard.call(&scripts::REVIVE, arguments));
        }
        let mut counts = Vec::with_capacity(calls.len());
        for ((number, _), answer) in by_shard.iter().zip(self.ask_all(&calls).await?) {
            let revived = || {
                let ids = answer?.done()?;
                Ok(self.appended(*number, self.shard(*number)?, ids)?.len() as u64)
            };
            counts.push(revived());
        }
        Ok(all_done(counts, 0)?.into_iter().sum())
    }

    pub(super) async fn drop_letters(&self, keys: &[&str]) -> Result<u64> {
        let by_shard = self.by_shard(keys);
        let mut calls = Vec::with_capacity(by_shard.len());
        for (number, keys) in &by_shard {
            let shard = self.shard(*number)?;
            calls.push(shard.call(&scripts::DISCARD, keys.clone()));
        }
        let answers = self.ask_all(&calls).await?.into_iter();
        let dropped = answers.map(|answer| {
            let [dropped] = answer?.parts()?;
            number(&dropped)
        });
        Ok(all_done(dropped.collect(), 0)?.into_iter().sum())
    }
}
