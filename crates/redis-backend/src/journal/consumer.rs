//! What the consumer of a shard asks of a journal.

use std::time::Duration;

use bytes::Bytes;
use larder_cache_core::{
    JournalRecord, Random, Result, Sequence, ShardClaim, SystemRandom, millis_rounded_up,
};

use super::answer::{Answer, array, number};
use super::letter;
use super::record::{Marks, Read, record};
use super::shard::{Shard, hexadecimal};
use super::{RedisStreamJournal, scripts};

/// After so many bytes of records a page ends: others are to get their turn in between.
const PAGE_BYTES: usize = 4 << 20;

/// The most records of a page, for the same reason.
const PAGE_RECORDS: usize = 1000;

/// One page of a shard.
struct Page {
    records: Vec<JournalRecord>,
    foreign: Vec<(String, &'static str)>,
    /// The id of the last entry, whatever it is.
    last: Option<String>,
    may_have_more: bool,
}

impl RedisStreamJournal {
    pub(super) async fn claim_shard(
        &self,
        number_of_shard: u32,
        lasts: Duration,
    ) -> Result<Option<ShardClaim>> {
        let shard = self.shard(number_of_shard)?;
        let token = SystemRandom.next_u64();
        let count = self.shards.len().to_string();
        let arguments = vec![count.into(), hexadecimal(token), millis(lasts)];
        let answer = self.ask(&shard.call(&scripts::CLAIM, arguments)).await?;
        let [lost] = match answer {
            Answer::Held => return Ok(None),
            granted => granted.parts()?,
        };
        let lost = number(&lost)?;
        if lost > 0 {
            tracing::error!(
                journal = self.name,
                shard = number_of_shard,
                lost,
                "somebody took writes off the journal's stream before the database had them: see \
                 who trims it or deletes from it"
            );
        }
        Ok(Some(ShardClaim {
            shard: number_of_shard,
            token,
        }))
    }

    pub(super) async fn renew_claim(&self, claim: &ShardClaim, lasts: Duration) -> Result<bool> {
        let shard = self.shard(claim.shard)?;
        let arguments = vec![hexadecimal(claim.token), millis(lasts)];
        let answer = self.ask(&shard.call(&scripts::RENEW, arguments)).await?;
        Ok(matches!(answer, Answer::Done(_)))
    }

    pub(super) async fn release_claim(&self, claim: &ShardClaim) -> Result<()> {
        let shard = self.shard(claim.shard)?;
        let call = shard.call(&scripts::RELEASE, vec![hexadecimal(claim.token)]);
        self.ask(&call).await.map(drop)
    }

    pub(super) async fn read_shard(
        &self,
        claim: &ShardClaim,
        after: Sequence,
        at_most: usize,
    ) -> Result<Vec<JournalRecord>> {
        let shard = self.shard(claim.shard)?;
        let (mut records, mut after) = (Vec::new(), after.to_string());
        loop {
            // Also where none are wanted: the claim is checked.
            let asked = (at_most - records.len()).min(PAGE_RECORDS);
            let arguments = vec![
                hexadecimal(claim.token),
                after.into(),
                asked.to_string().into(),
                PAGE_BYTES.to_string().into(),
            ];
            let answer = self.ask(&shard.call(&scripts::READ, arguments)).await?;
            let page = Page::read(answer)?;
            if !page.foreign.is_empty() {
                self.set_aside(claim, shard, &page.foreign).await?;
            }
            records.extend(page.records);
            match page.last {
                Some(last) if page.may_have_more && records.len() < at_most => after = last,
                _ => break,
            }
        }
        if let Some(last) = records.last() {
            shard.saw(last.sequence);
        }
        Ok(records)
    }

    async fn set_aside(
        &self,
        claim: &ShardClaim,
        shard: &Shard,
        foreign: &[(String, &'static str)],
    ) -> Result<()> {
        let mut arguments = vec![hexadecimal(claim.token)];
        for (id, reason) in foreign {
            tracing::error!(
                journal = self.name,
                shard = claim.shard,
                %id,
                reason,
                "an entry of the journal's stream is no write and is set aside: see who wrote it"
            );
            arguments.push(Bytes::copy_from_slice(id.as_bytes()));
            arguments.push(Bytes::from_static(reason.as_bytes()));
        }
        let call = shard.call_with_aside(&scripts::SET_ASIDE, arguments);
        self.ask(&call).await?.done().map(drop)
    }

    pub(super) async fn take_off(
        &self,
        claim: &ShardClaim,
        records: &[JournalRecord],
    ) -> Result<()> {
        let shard = self.shard(claim.shard)?;
        let mut arguments = Vec::with_capacity(1 + 2 * records.len());
        arguments.push(hexadecimal(claim.token));
        for record in records {
            arguments.extend(name(record));
        }
        let call = shard.call(&scripts::ACKNOWLEDGE, arguments);
        self.ask(&call).await?.done().map(drop)
    }

    pub(super) async fn move_to_dead(
        &self,
        claim: &ShardClaim,
        records: &[(JournalRecord, String)],
    ) -> Result<()> {
        let shard = self.shard(claim.shard)?;
        let mut arguments = Vec::with_capacity(1 + 3 * records.len());
        arguments.push(hexadecimal(claim.token));
        for (record, reason) in records {
            arguments.extend(name(record));
            arguments.push(letter::encode(record, reason));
        }
        let call = shard.call(&scripts::BURY, arguments);
        self.ask(&call).await?.done().map(drop)
    }
}

impl Page {
    fn read(answer: Answer) -> Result<Self> {
        let [more, state, entries] = answer.parts()?;
        let marks = Marks::read(state)?;
        let mut page = Self {
            records: Vec::new(),
            foreign: Vec::new(),
            last: None,
            may_have_more: number(&more)? > 0,
        };
        for entry in array(entries)? {
            match record(entry, &marks)? {
                Read::Write(record) => {
                    page.last = Some(record.sequence.to_string());
                    page.records.push(record);
                }
                Read::Foreign { id, reason } => {
                    page.last = Some(id.clone());
                    page.foreign.push((id, reason));
                }
            }
        }
        Ok(page)
    }
}

/// A record as scripts know it.
fn name(record: &JournalRecord) -> [Bytes; 2] {
    let key = Bytes::copy_from_slice(record.key.as_bytes());
    [record.sequence.to_string().into(), key]
}

/// For how long a claim lasts: at least a millisecond, at most a year.
fn millis(lasts: Duration) -> Bytes {
    const YEAR: u64 = 365 * 86_400_000;
    millis_rounded_up(lasts).clamp(1, YEAR).to_string().into()
}
