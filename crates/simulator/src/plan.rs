//! What a seed decides before anything runs.

use std::time::Duration;

use larder_cache_core::{Error, Key, KeyPrefix, L1, Namespace, Result, Tag};

use crate::database::{SITE, TAGS};
use crate::dice::Dice;

/// What all keys begin with.
pub(crate) const PREFIX: &str = "sim";

/// The shape of one simulation.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) processes: u32,
    pub(crate) tasks: u32,
    /// Of each task.
    pub(crate) operations: u32,
    pub(crate) namespaces: usize,
    /// Of each namespace.
    pub(crate) keys: usize,
    /// The longest pause between two operations of a task, in milliseconds.
    pub(crate) think_millis: u64,
    /// The longest that a read of the database takes, before and after its moment.
    pub(crate) load_millis: u64,
    pub(crate) max_staleness: Duration,
    pub(crate) outage: Duration,
    pub(crate) ttl: Duration,
    pub(crate) grace: Duration,
    pub(crate) lease: Duration,
    pub(crate) budget: Duration,
    pub(crate) l1: Tiers,
    pub(crate) soft_timeout: Duration,
    pub(crate) throttle: Duration,
    pub(crate) early_refresh: f64,
    /// How much of each kind of operation there is.
    pub(crate) mood: Mood,
}

/// Whether values are kept in process memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tiers {
    Both,
    BackendAlone,
}

/// Which operations prevail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Reading,
    Mixed,
    Writing,
    Tagging,
}

impl Plan {
    pub(crate) fn of(dice: &mut Dice) -> Self {
        let millis = Duration::from_millis;
        let ttl = millis(dice.pick(&[300, 1000, 3000, 10_000]));
        Self {
            processes: u32::try_from(dice.between(2, 4)).unwrap_or(2),
            tasks: u32::try_from(dice.between(2, 3)).unwrap_or(2),
            operations: u32::try_from(dice.between(15, 45)).unwrap_or(15),
            namespaces: dice.pick(&[1, 1, 2]),
            keys: dice.pick(&[1, 2, 2, 3]),
            think_millis: dice.pick(&[5, 20, 60, 150]),
            load_millis: dice.pick(&[2, 10, 40, 120]),
            max_staleness: millis(dice.pick(&[250, 300, 500])),
            outage: millis(dice.pick(&[0, 0, 0, 300])),
            ttl,
            grace: millis(dice.pick(&[0, 500, 3000])),
            lease: millis(dice.pick(&[60, 200, 600])),
            budget: millis(dice.pick(&[40, 100, 250])),
            l1: dice.pick(&[Tiers::Both, Tiers::Both, Tiers::Both, Tiers::BackendAlone]),
            soft_timeout: millis(dice.pick(&[0, 0, 15])),
            throttle: millis(dice.pick(&[50, 400])),
            early_refresh: dice.pick(&[0.0, 1.0, 8.0]),
            mood: dice.pick(&[Mood::Reading, Mood::Mixed, Mood::Writing, Mood::Tagging]),
        }
    }

    /// After this long, nothing is left of what was stored.
    pub(crate) fn hard_millis(&self) -> u64 {
        u64::try_from((self.ttl + self.grace).as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn staleness_millis(&self) -> u64 {
        u64::try_from(self.max_staleness.as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn outage_millis(&self) -> u64 {
        u64::try_from(self.outage.as_millis()).unwrap_or(u64::MAX)
    }

    /// The settings of the namespaces.
    pub(crate) fn settings(&self) -> Vec<Namespace> {
        let l1 = match self.l1 {
            Tiers::Both => L1::Coherent {
                max_staleness: self.max_staleness,
                outage_ttl: self.outage,
            },
            Tiers::BackendAlone => L1::Off,
        };
        let settings = |space: usize| {
            let namespace = Namespace::new(space_name(space))
                .ttl(self.ttl)
                .grace(self.grace)
                .l1(l1)
                .soft_timeout(self.soft_timeout)
                .throttle(self.throttle)
                .early_refresh(self.early_refresh)
                .negative_ttl(Duration::from_millis(200));
            if Self::tags_of_space(space) == 0 {
                namespace
            } else {
                namespace.tags([TAGS[3]])
            }
        };
        (0..self.namespaces).map(settings).collect()
    }

    /// The tags that all values of a namespace carry.
    pub(crate) const fn tags_of_space(space: usize) -> u8 {
        if space == 0 { SITE } else { 0 }
    }

    /// Tags for a new version of a row. The first row of a namespace has none of its own.
    pub(crate) fn some_tags(&self, key: usize, dice: &mut Dice) -> u8 {
        let own = match key % self.keys {
            0 => 0,
            _ => u8::try_from(dice.below(8)).unwrap_or(0),
        };
        own | Self::tags_of_space(self.space_of(key))
    }

    pub(crate) fn key_count(&self) -> usize {
        self.namespaces * self.keys
    }

    pub(crate) fn space_of(&self, key: usize) -> usize {
        key / self.keys
    }

    /// The text of a key within its namespace.
    pub(crate) fn text_of(&self, key: usize) -> String {
        format!("k{}", key % self.keys)
    }

    /// The key of which an event tells.
    pub(crate) fn key_of(&self, space: &str, text: &str) -> Option<usize> {
        let space: usize = space.strip_prefix('n')?.parse().ok()?;
        let key: usize = text.strip_prefix('k')?.parse().ok()?;
        (space < self.namespaces && key < self.keys).then_some(space * self.keys + key)
    }

    /// Where a key's value stands on the server.
    pub(crate) fn physical(&self, key: usize) -> Result<Key> {
        let space = space_name(self.space_of(key));
        KeyPrefix::new(PREFIX)?.value(&space, &self.text_of(key))
    }

    /// Where the epoch of a namespace stands.
    pub(crate) fn epoch_of_space(&self, space: usize) -> Result<Key> {
        Ok(KeyPrefix::new(PREFIX)?.namespace_epoch(&space_name(space)))
    }

    /// Where the epochs stand that a change of these tags changes.
    pub(crate) fn epochs_of_tags(tags: u8, together: bool) -> Result<Vec<Key>, Error> {
        let prefix = KeyPrefix::new(PREFIX)?;
        let tags = Tag::list(crate::database::names_of(tags))?;
        let changed = if together { 1 } else { tags.len() };
        let keys = tags.iter().take(changed);
        Ok(keys.map(|tag| prefix.tag_epoch(tag)).collect())
    }
}

pub(crate) fn space_name(space: usize) -> String {
    format!("n{space}")
}
