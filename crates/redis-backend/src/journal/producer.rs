//! What those who write ask of a journal.

use std::time::Duration;

use bytes::Bytes;
use larder_cache_core::{
    Append, Call, JournalDepth, JournalRecord, JournalWrite, Result, Sequence,
};
use redis::Value;
use tokio::time::Instant;

use super::answer::{Answer, array, number, text};
use super::record::{Marks, Read, record, sequence};
use super::shard::{Shard, hexadecimal, settled};
use super::{RedisStreamJournal, scripts};
use crate::error::unexpected_reply;
use crate::lane::deadline_of;

impl RedisStreamJournal {
    pub(super) async fn append_to(&self, number: u32, append: Append<'_>) -> Result<Vec<Sequence>> {
        self.check_open()?;
        let shard = self.shard(number)?;
        let deadline = deadline_of(self.call);
        let check = self.safety.check(&self.servers, shard.log(), self.call);
        check.await?;
        if let [write] = append.writes
            && !shard.is_news(append.writer, append.settled)
            && let Some(sequence) = self
                .append_one(shard, append.writer, write, deadline)
                .await?
        {
            return Ok(vec![sequence]);
        }
        let [millis, counter] = shard.floor();
        let mut arguments = vec![
            self.shards.len().to_string().into(),
            self.shard_capacity.to_string().into(),
            hexadecimal(append.writer),
            settled(append.settled),
            millis,
            counter,
        ];
        for write in append.writes {
            let kind: &'static [u8] = if write.value.is_some() { b"v" } else { b"d" };
            arguments.push(Bytes::copy_from_slice(write.key.as_bytes()));
            arguments.push(Bytes::from_static(kind));
            arguments.push(write.value.clone().unwrap_or_default());
        }
        let call = shard.call(&scripts::APPEND, arguments);
        let left = Call::within(deadline.saturating_duration_since(Instant::now()));
        let ids = self.ask_within(&call, left).await?.done()?;
        shard.told(append.writer, append.settled);
        self.appended(number, shard, ids)
    }

    /// Appends a write where nothing is out of the ordinary; `None`: something is, or the server
    /// gave it a place before what was seen there. It may be there then, to be superseded.
    async fn append_one(
        &self,
        shard: &Shard,
        writer: u64,
        write: &JournalWrite,
        deadline: Instant,
    ) -> Result<Option<Sequence>> {
        let (kind, value): (&'static [u8], _) = match &write.value {
            Some(value) => (b"v", value.clone()),
            None => (b"d", Bytes::new()),
        };
        let arguments = vec![
            Bytes::copy_from_slice(write.key.as_bytes()),
            hexadecimal(writer),
            Bytes::from_static(kind),
            value,
            self.shard_capacity.to_string().into(),
        ];
        let seen_before = shard.last_seen();
        let call = shard.call_one(&scripts::APPEND_ONE, arguments);
        let left = Call::within(deadline.saturating_duration_since(Instant::now()));
        let Value::BulkString(id) = self.reply_within(&call, left).await? else {
            return Ok(None);
        };
        let id = sequence(&String::from_utf8_lossy(&id));
        let id = id.ok_or_else(|| unexpected_reply("an id of the journal"))?;
        if id <= seen_before {
            return Ok(None);
        }
        shard.saw(id);
        Ok(Some(id))
    }

    /// Reads the state of the shard and ids, and remembers the last of them.
    pub(super) fn appended(
        &self,
        number: u32,
        shard: &Shard,
        answer: Vec<Value>,
    ) -> Result<Vec<Sequence>> {
        let mut words = answer.into_iter();
        let state = words.next();
        if text(state.unwrap_or(Value::Nil))? == "begun" {
            tracing::error!(
                journal = self.name,
                shard = number,
                "the journal's keys were gone and begin anew: what waited there is lost, so see \
                 who deletes keys, or which server took over without them"
            );
        }
        let read = |id| {
            let id = text(id)?;
            sequence(&id).ok_or_else(|| unexpected_reply("an id of the journal"))
        };
        let sequences: Vec<Sequence> = words.map(read).collect::<Result<_>>()?;
        if let Some(&last) = sequences.last() {
            shard.saw(last);
        }
        Ok(sequences)
    }

    pub(super) async fn latest_of(&self, key: &str) -> Result<Option<JournalRecord>> {
        use larder_cache_core::Journal as _;
        let shard = self.shard(self.shard_of(key))?;
        let key = Bytes::copy_from_slice(key.as_bytes());
        let answer = self.ask(&shard.call(&scripts::LATEST, vec![key])).await?;
        let [_, state, records] = match answer {
            Answer::Nothing => return Ok(None),
            found => found.parts()?,
        };
        let marks = Marks::read(state)?;
        let entry = array(records)?.pop();
        Ok(match record(entry.unwrap_or(Value::Nil), &marks)? {
            Read::Write(record) => Some(record),
            Read::Foreign { .. } => None,
        })
    }

    pub(super) async fn measure(&self) -> Result<JournalDepth> {
        let call = |shard| Shard::call(shard, &scripts::DEPTH, Vec::new());
        let calls: Vec<_> = self.shards.iter().map(call).collect();
        let mut sum = JournalDepth::default();
        for answer in self.ask_all(&calls).await? {
            let [records, oldest, letters, now] = answer?.parts()?;
            sum.records += number(&records)?;
            sum.dead_letters += number(&letters)?;
            let (oldest, now) = (text(oldest)?, number(&now)?);
            let written = oldest
                .split('-')
                .next()
                .and_then(|millis| millis.parse().ok());
            let age = written.map(|millis: u64| Duration::from_millis(now.saturating_sub(millis)));
            sum.oldest = sum.oldest.max(age);
        }
        Ok(sum)
    }

    /// The keys of each shard that has some.
    pub(super) fn by_shard(&self, keys: &[&str]) -> Vec<(u32, Vec<Bytes>)> {
        use larder_cache_core::Journal as _;
        let mut by_shard = std::collections::BTreeMap::<u32, Vec<Bytes>>::new();
        for key in keys {
            let keys = by_shard.entry(self.shard_of(key)).or_default();
            keys.push(Bytes::copy_from_slice(key.as_bytes()));
        }
        by_shard.into_iter().collect()
    }
}
