//! What an operation changes: the one thing that is logged, stored, and applied to the index.

use std::sync::Arc;

use bytes::Bytes;

use crate::codec::{Input, Output};

/// A change of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) shard: u32,
    pub(crate) what: What,
}

/// What changes. Numbers are those of [`Sequence`](larder_cache_core::Sequence).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A write is there.
    Put {
        sequence: u64,
        key: Arc<str>,
        value: Option<Bytes>,
        writer: u64,
    },
    /// A write is gone.
    Take { sequence: u64, key: Arc<str> },
    /// A key has this letter, and no other.
    Letter {
        sequence: u64,
        key: Arc<str>,
        value: Option<Bytes>,
        reason: String,
    },
    /// A key has no letter.
    NoLetter { key: Arc<str> },
    /// A writer has settled its writes up to here.
    Settled { writer: u64, sequence: u64 },
    /// Writes after `from` have been read so often, each run up to a number.
    Delivered { from: u64, runs: Vec<(u64, u32)> },
}

impl Change {
    pub(crate) fn encode(&self, output: &mut Output) {
        output.u8(self.what.tag());
        output.u32(self.shard);
        match &self.what {
            What::Put {
                sequence,
                key,
                value,
                writer,
            } => {
                output.u64(*sequence);
                output.bytes(key.as_bytes());
                output.value(value.as_deref());
                output.u64(*writer);
            }
            What::Take { sequence, key } => {
                output.u64(*sequence);
                output.bytes(key.as_bytes());
            }
            What::Letter {
                sequence,
                key,
                value,
                reason,
            } => {
                output.u64(*sequence);
                output.bytes(key.as_bytes());
                output.value(value.as_deref());
                output.bytes(reason.as_bytes());
            }
            What::NoLetter { key } => output.bytes(key.as_bytes()),
            What::Settled { writer, sequence } => {
                output.u64(*writer);
                output.u64(*sequence);
            }
            What::Delivered { from, runs } => {
                output.u64(*from);
                output.u64(runs.len() as u64);
                for (upto, count) in runs {
                    output.u64(*upto);
                    output.u32(*count);
                }
            }
        }
    }

    pub(crate) fn decode(input: &mut Input<'_>) -> Option<Self> {
        let tag = input.u8()?;
        let shard = input.u32()?;
        let what = What::decode(tag, input)?;
        Some(Self { shard, what })
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        let payload = match &self.what {
            What::Put { key, value, .. } | What::Letter { key, value, .. } => {
                key.len() + value.as_ref().map_or(0, Bytes::len)
            }
            What::Delivered { runs, .. } => runs.len() * 12,
            _ => 0,
        };
        payload + 64
    }
}

impl What {
    const fn tag(&self) -> u8 {
        match self {
            Self::Put { .. } => 1,
            Self::Take { .. } => 2,
            Self::Letter { .. } => 3,
            Self::NoLetter { .. } => 4,
            Self::Settled { .. } => 5,
            Self::Delivered { .. } => 6,
        }
    }

    fn decode(tag: u8, input: &mut Input<'_>) -> Option<Self> {
        match tag {
            1 => Some(Self::Put {
                sequence: input.u64()?,
                key: input.text()?.into(),
                value: input.value()?.map(Bytes::copy_from_slice),
                writer: input.u64()?,
            }),
            2 => Some(Self::Take {
                sequence: input.u64()?,
                key: input.text()?.into(),
            }),
            3 => Some(Self::Letter {
                sequence: input.u64()?,
                key: input.text()?.into(),
                value: input.value()?.map(Bytes::copy_from_slice),
                reason: input.text()?.to_owned(),
            }),
            4 => Some(Self::NoLetter {
                key: input.text()?.into(),
            }),
            5 => Some(Self::Settled {
                writer: input.u64()?,
                sequence: input.u64()?,
            }),
            6 => {
                let from = input.u64()?;
                let count = input.u64()?;
                let mut runs = Vec::new();
                for _ in 0..count {
                    runs.push((input.u64()?, input.u32()?));
                }
                Some(Self::Delivered { from, runs })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_back_and_damage_is_seen() {
        let key: Arc<str> = "key".into();
        let all = [
            What::Put {
                sequence: 7,
                key: key.clone(),
                value: None,
                writer: 9,
            },
            What::Take {
                sequence: 7,
                key: key.clone(),
            },
            What::Letter {
                sequence: 8,
                key: key.clone(),
                value: Some(Bytes::new()),
                reason: "no".to_owned(),
            },
            What::NoLetter { key },
            What::Settled {
                writer: 1,
                sequence: 2,
            },
            What::Delivered {
                from: 1,
                runs: vec![(5, 1), (9, 3)],
            },
        ];
        for what in all {
            let change = Change { shard: 3, what };
            let mut output = Output::default();
            change.encode(&mut output);
            let bytes = output.0;
            assert_eq!(Change::decode(&mut Input(&bytes)), Some(change));
            for length in 0..bytes.len() {
                assert_eq!(Change::decode(&mut Input(&bytes[..length])), None);
            }
        }
    }
}
