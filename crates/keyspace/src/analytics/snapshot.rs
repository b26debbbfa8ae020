//! Everything that is known of a namespace, in a form that can be stored and merged.

use serde::{Deserialize, Serialize};

use super::book::Book;
use super::counts::Counts;
use super::followed::{Followed, Halved};
use super::ledger::Slot;
use super::life::{Lives, Values};
use super::observer::Analytics;
use super::space::{Keys, SpaceState};
use super::time::{Elapsed, millis_of_tick};

/// Keys that a snapshot lists at most.
const MOST_HOT_KEYS: usize = 500;

/// What is known of a namespace. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) namespace: String,
    pub(crate) processes: u32,
    pub(crate) since: u64,
    pub(crate) until: u64,
    pub(crate) totals: Counts,
    pub(crate) memory_bytes: u64,
    /// `None`: there was no memory to follow keys.
    pub(crate) keys: Option<KeysSnapshot>,
}

/// What is known of the keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeysSnapshot {
    /// The hottest keys, in this order.
    pub(crate) hot: Vec<Hot>,
    /// A key that is not among them was read so often at most.
    pub(crate) unlisted: u64,
    /// How many seconds the counts of hot keys stand for.
    pub(crate) seconds: f64,
    pub(crate) shapes: Vec<ShapeSnapshot>,
    pub(crate) panel: PanelSnapshot,
}

/// A hot key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hot {
    pub(crate) key: String,
    pub(crate) count: u64,
    /// That often it was seen for certain.
    pub(crate) least: u64,
    /// It was read so often at most, as good as certainly.
    pub(crate) most: u64,
    pub(crate) last: u64,
}

/// A shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShapeSnapshot {
    pub(crate) shape: String,
    pub(crate) counts: Counts,
    pub(crate) values: Values,
    pub(crate) last: u64,
}

/// The sample of the keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PanelSnapshot {
    /// It has all keys whose hash is at most this.
    pub(crate) limit: u64,
    pub(crate) keys: Vec<PanelKey>,
    pub(crate) lives: Lives,
}

/// A key of the sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PanelKey {
    pub(crate) hash: u64,
    /// The number of its shape, in the list of shapes.
    pub(crate) shape: u16,
    pub(crate) reads: u32,
    pub(crate) writes: u32,
    pub(crate) bytes: u32,
    /// Whether its value was not read yet; `None`: none is known.
    pub(crate) unread: Option<bool>,
}

impl Analytics {
    pub(crate) fn snapshot(&self, space: &SpaceState) -> Snapshot {
        let now = self.time().now();
        let wall = |millis: u64| self.time().wall_millis(millis);
        let (keys, bytes) = match &space.keys {
            Keys::Followed(followed) => {
                let snapshot = keys_of(followed, &followed.settled(now), now, wall);
                (Some(snapshot), followed.room().bytes())
            }
            Keys::Counted(striped) => (None, size_of_val(&**striped)),
        };
        Snapshot {
            namespace: space.name.to_string(),
            processes: 1,
            since: wall(0),
            until: wall(now.millis()),
            totals: space.totals(now),
            memory_bytes: (bytes + size_of::<SpaceState>()) as u64,
            keys,
        }
    }
}

fn keys_of(
    followed: &Followed,
    halved: &Halved,
    now: Elapsed,
    wall: impl Fn(u64) -> u64,
) -> KeysSnapshot {
    let book = &halved.book;
    let (hot, unlisted) = hot_keys(followed, book, MOST_HOT_KEYS, &wall);
    let shape = |shape: &super::shapes::Shape| ShapeSnapshot {
        shape: shape.shape.clone(),
        counts: shape.counts.clone(),
        values: shape.values.clone(),
        last: wall(shape.last),
    };
    KeysSnapshot {
        hot,
        unlisted,
        seconds: halved.seconds(now),
        shapes: book.shapes.iter().map(shape).collect(),
        panel: panel_of(book),
    }
}

/// The hottest keys, and how often any other was read at most.
pub(crate) fn hot_keys(
    followed: &Followed,
    book: &Book,
    limit: usize,
    wall: impl Fn(u64) -> u64,
) -> (Vec<Hot>, u64) {
    let ledger = followed.ledger();
    let all = (0..book.notes.len()).map(|index| Slot(index as u32));
    let mut ranked: Vec<(u64, Slot)> = all.map(|slot| (ledger.counted(slot), slot)).collect();
    ranked.sort_unstable_by_key(|(count, slot)| (u64::MAX - count, slot.0));
    ranked.retain(|(count, slot)| *count > 0 && ledger.is_taken(*slot));
    let hot = |(count, slot): &(u64, Slot)| {
        let unseen = u64::from(book.notes[slot.index()].unseen);
        let key = book.texts.get(*slot)?.to_owned();
        let last = wall(millis_of_tick(ledger.last_tick(*slot)));
        let (least, most) = (count.saturating_sub(unseen), book.most_reads(ledger, *slot));
        Some(Hot {
            key,
            count: *count,
            least,
            most,
            last,
        })
    };
    let listed: Vec<Hot> = ranked.iter().filter_map(hot).take(limit).collect();
    let unlisted = ranked
        .iter()
        .find(|(_, slot)| book.texts.get(*slot).is_none());
    let unlisted = unlisted.map_or(0, |(count, _)| *count);
    let next = ranked.get(listed.len()).map_or(0, |(count, _)| *count);
    (listed, unlisted.max(next).max(book.most_unfollowed(ledger)))
}

fn panel_of(book: &Book) -> PanelSnapshot {
    let key = |(hash, member): (crate::key_hash::KeyHash, &super::panel::Member)| PanelKey {
        hash: hash.0,
        shape: member.record.shape,
        reads: member.record.reads,
        writes: member.record.written.saturating_add(member.record.loaded),
        bytes: member.record.bytes,
        unread: member.record.is_unread(),
    };
    let mut keys: Vec<PanelKey> = book.panel.members().map(key).collect();
    keys.sort_unstable_by_key(|key| key.hash);
    PanelSnapshot {
        limit: book.panel.limit(),
        keys,
        lives: book.panel.lives.clone(),
    }
}
