//! Epochs: what makes many entries invalid at once, by changing one number.

use xxhash_rust::xxh3::Xxh3Default;

use crate::tag::Tag;

/// What was current of a tag or of a namespace when an entry was loaded: two random
/// numbers. The entry is gone where the first differs from the present one, and stale where
/// the second does.
///
/// Random, so that an epoch that was lost and made anew never equals an old one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Epoch {
    /// Changes when entries are to be gone.
    pub hard: u64,
    /// Changes when entries are to be stale.
    pub soft: u64,
}

/// What an entry's epoch says beside the present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// They are the same.
    Valid,
    /// The entry is stale, and usable where no better can be had.
    Stale,
    /// The entry counts for nothing.
    Gone,
}

/// How thoroughly entries are invalidated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Invalidation {
    /// They are gone.
    #[default]
    Hard,
    /// They are stale: usable where a load fails, or until it ends.
    Soft,
}

/// Tags whose entries are to be invalidated.
///
/// ```
/// use larder_cache_core::Tags;
///
/// let either = Tags::any(["vip", "trial"]);
/// let both = Tags::all(["berlin", "inactive"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    pub(crate) names: Vec<String>,
    pub(crate) together: bool,
}

/// What is stored under the key of an epoch: the epoch, and those of the sets of tags that
/// begin with this one and were invalidated together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochRecord {
    own: Epoch,
    sets: Vec<TagSet>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TagSet {
    /// The other tags of the set, sorted.
    others: Vec<Tag>,
    epoch: Epoch,
}

/// A wish for the record under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochRequest {
    /// The key of the record.
    pub key: crate::Key,
    /// The epoch of the record if there is none: random, never used before.
    pub proposed: Epoch,
}

/// A change of the record under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochChange {
    /// The key of the record.
    pub key: crate::Key,
    /// The tags that an entry must have besides the record's own to be meant; sorted.
    pub others: Vec<Tag>,
    /// How thoroughly.
    pub effect: Invalidation,
    /// Random, never used before, not zero.
    pub fresh: u64,
}

/// The most sets of tags that one record tells apart. One more, and the record's own epoch
/// changes instead: more entries are invalidated than were meant, never fewer.
pub const MAX_TAG_SETS: usize = 32;

/// The bytes of an epoch alone.
pub const EPOCH_BYTES: usize = 16;

impl Epoch {
    /// Of an entry whose load nobody knew an epoch for: never valid.
    pub const UNKNOWN: Self = Self { hard: 0, soft: 0 };

    /// What an entry of this epoch is worth where `current` is the present one.
    #[must_use]
    pub const fn standing(self, current: Self) -> Standing {
        if self.hard == 0 || self.hard != current.hard {
            Standing::Gone
        } else if self.soft != current.soft {
            Standing::Stale
        } else {
            Standing::Valid
        }
    }

    /// The epoch in bytes, little-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; EPOCH_BYTES] {
        let mut bytes = [0; EPOCH_BYTES];
        bytes[..8].copy_from_slice(&self.hard.to_le_bytes());
        bytes[8..].copy_from_slice(&self.soft.to_le_bytes());
        bytes
    }

    /// The epoch in bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; EPOCH_BYTES]) -> Self {
        let (mut hard, mut soft) = ([0; 8], [0; 8]);
        hard.copy_from_slice(&bytes[..8]);
        soft.copy_from_slice(&bytes[8..]);
        Self {
            hard: u64::from_le_bytes(hard),
            soft: u64::from_le_bytes(soft),
        }
    }
}

impl EpochChange {
    /// The record after the change: the one definition of what every backend does.
    ///
    /// Where there was none, nothing is valid; but a record is made, so that whoever loads
    /// meanwhile is told of a change.
    #[must_use]
    pub fn apply_to(&self, stored: Option<&[u8]>) -> EpochRecord {
        match stored.and_then(EpochRecord::decode) {
            Some(mut record) => {
                record.apply(&self.others, self.effect, self.fresh);
                record
            }
            None => EpochRecord::new(Epoch {
                hard: self.fresh,
                soft: self.fresh,
            }),
        }
    }
}

impl Tags {
    /// Entries that have at least one of these tags.
    pub fn any<T: Into<String>>(tags: impl IntoIterator<Item = T>) -> Self {
        Self {
            names: tags.into_iter().map(Into::into).collect(),
            together: false,
        }
    }

    /// Entries that have all of these tags.
    pub fn all<T: Into<String>>(tags: impl IntoIterator<Item = T>) -> Self {
        Self {
            names: tags.into_iter().map(Into::into).collect(),
            together: true,
        }
    }

    /// Each tag to be changed, with the others that an entry must have.
    ///
    /// # Errors
    /// Kind `InvalidTag`.
    pub fn changes(&self) -> crate::Result<Vec<(Tag, Vec<Tag>)>> {
        if !self.together {
            let tags: Result<Vec<_>, _> = self.names.iter().map(|tag| Tag::new(tag)).collect();
            let mut tags = tags?;
            tags.sort();
            tags.dedup();
            return Ok(tags.into_iter().map(|tag| (tag, Vec::new())).collect());
        }
        let mut tags = Tag::list(&self.names)?.into_iter();
        Ok(tags
            .next()
            .map(|first| (first, tags.collect()))
            .into_iter()
            .collect())
    }
}

impl EpochRecord {
    /// A record with no sets.
    #[must_use]
    pub const fn new(own: Epoch) -> Self {
        Self {
            own,
            sets: Vec::new(),
        }
    }

    /// Reads a stored record; `None` for anything else.
    #[must_use]
    pub fn decode(stored: &[u8]) -> Option<Self> {
        let (own, mut rest) = stored.split_first_chunk()?;
        let mut sets = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk()?;
            let (names, after) = after.split_at_checked(u16::from_le_bytes(*length).into())?;
            let (epoch, after) = after.split_first_chunk()?;
            sets.push(TagSet {
                others: read_names(names)?,
                epoch: Epoch::from_bytes(*epoch),
            });
            rest = after;
        }
        Some(Self {
            own: Epoch::from_bytes(*own),
            sets,
        })
    }

    /// The bytes to store.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::from(self.own.to_bytes());
        for set in &self.sets {
            let names = names_of(&set.others);
            out.extend(u16::try_from(names.len()).unwrap_or(u16::MAX).to_le_bytes());
            out.extend(names);
            out.extend(set.epoch.to_bytes());
        }
        out
    }

    /// The epoch that counts for an entry with these tags, which are sorted.
    #[must_use]
    pub fn of_entry(&self, tags: &[Tag]) -> Epoch {
        self.of_entry_with(|tag| tags.binary_search(tag).is_ok())
    }

    /// The epoch that counts for an entry that has the tags for which this says so.
    pub fn of_entry_with(&self, has_tag: impl Fn(&Tag) -> bool) -> Epoch {
        let meant = |set: &&TagSet| set.others.iter().all(&has_tag);
        let mut sets = self.sets.iter().filter(meant).peekable();
        if sets.peek().is_none() {
            return self.own;
        }
        let (mut hard, mut soft) = (Xxh3Default::new(), Xxh3Default::new());
        hard.update(&self.own.hard.to_le_bytes());
        soft.update(&self.own.soft.to_le_bytes());
        for set in sets {
            // The names too: a set that takes the place of another must not look like it.
            let names = names_of(&set.others);
            hard.update(&names);
            hard.update(&set.epoch.hard.to_le_bytes());
            soft.update(&names);
            soft.update(&set.epoch.soft.to_le_bytes());
        }
        Epoch {
            hard: hard.digest().max(1),
            soft: soft.digest(),
        }
    }

    /// Makes a change.
    pub fn apply(&mut self, others: &[Tag], effect: Invalidation, fresh: u64) {
        let known = self.sets.iter().position(|set| set.others == others);
        let full = known.is_none() && self.sets.len() >= MAX_TAG_SETS;
        match (effect, others) {
            (Invalidation::Soft, []) => self.own.soft = fresh,
            (Invalidation::Hard, []) => self.renew(fresh),
            _ if full => self.renew(fresh),
            _ => {
                let at = known.unwrap_or_else(|| {
                    self.sets.push(TagSet {
                        others: others.to_vec(),
                        epoch: Epoch { hard: 0, soft: 0 },
                    });
                    self.sets.len() - 1
                });
                let epoch = &mut self.sets[at].epoch;
                match effect {
                    Invalidation::Hard => epoch.hard = fresh,
                    Invalidation::Soft => epoch.soft = fresh,
                }
            }
        }
    }

    fn renew(&mut self, fresh: u64) {
        *self = Self::new(Epoch {
            hard: fresh,
            soft: fresh,
        });
    }
}

/// The names as they are stored: each behind its length.
pub fn names_of(tags: &[Tag]) -> Vec<u8> {
    let mut out = Vec::new();
    for tag in tags {
        out.push(u8::try_from(tag.as_str().len()).unwrap_or(u8::MAX));
        out.extend(tag.as_str().as_bytes());
    }
    out
}

fn read_names(mut bytes: &[u8]) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    while let Some((&length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(length.into())?;
        tags.push(Tag::new(std::str::from_utf8(name).ok()?).ok()?);
        bytes = rest;
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(names: &[&str]) -> Vec<Tag> {
        Tag::list(names).unwrap()
    }

    fn record() -> EpochRecord {
        EpochRecord::new(Epoch { hard: 1, soft: 2 })
    }

    #[test]
    fn a_change_outdates_those_it_means() {
        let mut record = record();
        let (plain, both) = (tags(&["a"]), tags(&["a", "b"]));
        let before = (record.of_entry(&plain), record.of_entry(&both));
        record.apply(&tags(&["b"]), Invalidation::Hard, 3);
        assert_eq!(before.0.standing(record.of_entry(&plain)), Standing::Valid);
        assert_eq!(before.1.standing(record.of_entry(&both)), Standing::Gone);
        let between = record.of_entry(&both);
        record.apply(&tags(&["b"]), Invalidation::Soft, 4);
        assert_eq!(between.standing(record.of_entry(&both)), Standing::Stale);
        record.apply(&[], Invalidation::Soft, 5);
        assert_eq!(before.0.standing(record.of_entry(&plain)), Standing::Stale);
        record.apply(&[], Invalidation::Hard, 6);
        assert_eq!(before.0.standing(record.of_entry(&plain)), Standing::Gone);
        assert_eq!(between.standing(record.of_entry(&both)), Standing::Gone);
    }

    #[test]
    fn too_many_sets_outdate_all() {
        let mut record = record();
        let plain = tags(&["a"]);
        let before = record.of_entry(&plain);
        for set in 0..MAX_TAG_SETS as u64 {
            record.apply(&tags(&[&format!("s{set}")]), Invalidation::Hard, 100 + set);
            assert_eq!(before.standing(record.of_entry(&plain)), Standing::Valid);
        }
        record.apply(&tags(&["s3"]), Invalidation::Hard, 200);
        assert_eq!(before.standing(record.of_entry(&plain)), Standing::Valid);
        record.apply(&tags(&["one more"]), Invalidation::Soft, 201);
        assert_eq!(before.standing(record.of_entry(&plain)), Standing::Gone);
    }

    #[test]
    fn records_survive_storage() {
        let mut record = record();
        record.apply(&tags(&["b", "c"]), Invalidation::Hard, 3);
        record.apply(&tags(&["d"]), Invalidation::Soft, 4);
        let stored = record.encode();
        assert_eq!(EpochRecord::decode(&stored), Some(record));
        for end in 0..stored.len() {
            let cut = EpochRecord::decode(&stored[..end]);
            assert!(cut.is_none_or(|cut| cut.encode() == stored[..end]), "{end}");
        }
    }

    #[test]
    fn what_nobody_knew_is_never_valid() {
        let unknown = Epoch::UNKNOWN;
        assert_eq!(unknown.standing(unknown), Standing::Gone);
    }
}
