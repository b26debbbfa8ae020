//! What the store keeps besides writes and letters, as of its last checkpoint.

use crate::codec::{Input, Output};
use crate::index::Index;

/// The generation of the log that goes on from here, and what the index can't be made from
/// writes and letters alone.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) generation: u64,
    shards: Vec<ShardState>,
}

#[derive(Debug, Default)]
struct ShardState {
    last: u64,
    settled: Vec<(u64, u64)>,
    deliveries: Vec<(u64, u32)>,
}

impl State {
    pub(crate) fn of(index: &Index, generation: u64) -> Self {
        let shards = index.shards.iter().map(|shard| ShardState {
            last: shard.last,
            settled: shard
                .writers
                .iter()
                .map(|(writer, known)| (*writer, known.settled))
                .collect(),
            deliveries: shard.all_runs(),
        });
        Self {
            generation,
            shards: shards.collect(),
        }
    }

    /// Completes an index that has all writes and letters.
    pub(crate) fn apply_to(&self, index: &mut Index) {
        for (shard, state) in index.shards.iter_mut().zip(&self.shards) {
            shard.last = shard.last.max(state.last);
            for (writer, settled) in &state.settled {
                shard.settle(*writer, *settled);
            }
            shard.deliver(0, &state.deliveries);
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut output = Output::default();
        output.u64(self.generation);
        output.u64(self.shards.len() as u64);
        for shard in &self.shards {
            output.u64(shard.last);
            output.u64(shard.settled.len() as u64);
            for (writer, sequence) in &shard.settled {
                output.u64(*writer);
                output.u64(*sequence);
            }
            output.u64(shard.deliveries.len() as u64);
            for (upto, count) in &shard.deliveries {
                output.u64(*upto);
                output.u32(*count);
            }
        }
        output.0
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let generation = input.u64()?;
        let mut shards = Vec::new();
        for _ in 0..input.u64()? {
            let mut shard = ShardState {
                last: input.u64()?,
                ..ShardState::default()
            };
            for _ in 0..input.u64()? {
                shard.settled.push((input.u64()?, input.u64()?));
            }
            for _ in 0..input.u64()? {
                shard.deliveries.push((input.u64()?, input.u32()?));
            }
            shards.push(shard);
        }
        Some(Self { generation, shards })
    }
}
