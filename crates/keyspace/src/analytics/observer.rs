//! The observer that analytics is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder_cache_core::{Event, KeptFrom, Observer, Space, Tier};

use super::cold::Scans;
use super::fleet::OwnPlace;
use super::followed::Followed;
use super::options::AnalyticsOptions;
use super::room::Room;
use super::sampled::is_looked_at;
use super::space::{Keys, SpaceState};
use super::spaces::Spaces;
use super::striped::Striped;
use super::time::Time;
use crate::curve::{Access, Curve, CurveOptions};
use crate::key_hash::SpaceSeed;

/// What is read and written in the namespaces of a cache, in fixed memory.
///
/// Give it to a cache as one of its observers, and ask it for reports.
///
/// # Concurrency
/// A hit in L1 of a followed key takes no lock; the others take one of their namespace, for
/// well under a microsecond.
///
/// # Cost
/// Some 20 ns on a hit in L1, or less where [one of so many](AnalyticsOptions::hit_interval) is
/// looked at, and a few hundred on a miss or a store. At most
/// [`bytes_per_namespace`](AnalyticsOptions::bytes_per_namespace), whatever the number of
/// keys, from the first event of a namespace on.
#[derive(Debug)]
pub struct Analytics {
    options: AnalyticsOptions,
    room: Room,
    time: Time,
    curve: Curve,
    spaces: Spaces<SpaceState>,
    scans: Scans,
    own_place: OwnPlace,
    /// Bytes that namespaces have taken.
    taken: AtomicUsize,
}

impl Analytics {
    /// Analytics that begins now.
    #[must_use]
    pub fn new(options: AnalyticsOptions) -> Self {
        Self {
            room: Room::within(options.bytes_per_namespace),
            time: Time::new(Arc::clone(&options.clock)),
            curve: Curve::new(
                &CurveOptions::new(options.l1_bytes),
                Arc::clone(&options.clock),
            ),
            spaces: Spaces::new(),
            scans: Scans::default(),
            own_place: OwnPlace::new(&*options.random),
            taken: AtomicUsize::new(0),
            options,
        }
    }

    /// The most memory that it takes now, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let spaces = self.taken.load(Ordering::Relaxed);
        size_of::<Self>() + spaces + self.curve.memory_bytes()
    }

    pub(crate) fn own_place(&self) -> &OwnPlace {
        &self.own_place
    }

    /// The curve of L1, which goes by the numbers of namespaces.
    pub(crate) fn simulated(&self) -> &Curve {
        &self.curve
    }

    pub(crate) fn scans(&self) -> &Scans {
        &self.scans
    }

    pub(crate) fn time(&self) -> &Time {
        &self.time
    }

    pub(crate) fn numbered_spaces(&self) -> impl Iterator<Item = (u32, &SpaceState)> {
        self.spaces.numbered()
    }

    pub(crate) fn spaces(&self) -> impl Iterator<Item = &SpaceState> {
        self.spaces.iter()
    }

    fn space(&self, space: Space<'_>) -> Option<&SpaceState> {
        self.spaces.get_or_make(space.id, || {
            let seed = SpaceSeed::of(space.name);
            let keys = if self.take(self.room.bytes()) {
                let half_life = self.options.half_life;
                Keys::Followed(Followed::new(seed, self.room, half_life, self.time.now()))
            } else {
                self.taken
                    .fetch_add(size_of::<Striped>(), Ordering::Relaxed);
                Keys::Counted(Box::default())
            };
            let bytes = size_of::<SpaceState>() + space.name.len();
            self.taken.fetch_add(bytes, Ordering::Relaxed);
            SpaceState::new(space.name, seed, keys)
        })
    }

    /// Whether there was so much left.
    fn take(&self, bytes: usize) -> bool {
        let most = self.options.max_bytes;
        let take = |taken: usize| taken.checked_add(bytes).filter(|sum| *sum <= most);
        let taken = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.is_ok()
    }
}

impl Default for Analytics {
    fn default() -> Self {
        Self::new(AnalyticsOptions::new())
    }
}

impl Observer for Analytics {
    #[inline]
    fn observe(&self, event: &Event<'_>) {
        // By reference: a copy of what the caller has just written would wait for it.
        if let Event::Hit {
            space,
            key,
            tier: Tier::L1,
        } = event
            && let Some(state) = self.spaces.get(space.id)
        {
            let hash = state.hash(key);
            self.curve.accessed(space.id, hash, Access::L1Hit);
            let interval = self.options.hit_interval;
            if interval <= 1 {
                state.hit_in_l1(key, hash, 1, &self.time);
            } else if is_looked_at(interval) {
                state.hit_in_l1(key, hash, u64::from(interval), &self.time);
            }
            return;
        }
        self.observe_other(event);
    }
}

impl Analytics {
    #[inline(never)]
    fn observe_other(&self, event: &Event<'_>) {
        let Some(space) = space_of(event) else {
            return;
        };
        if let Some(state) = self.space(space) {
            state.observe(event, &self.time);
            self.simulate(space.id, state, event);
        }
    }

    /// What the curve needs to know. An L2 hit concerns it where L1 took the value in.
    fn simulate(&self, space: u32, state: &SpaceState, event: &Event<'_>) {
        let accessed = |key, was| self.curve.accessed(space, state.hash(key), was);
        match *event {
            Event::Hit { key, tier, .. } | Event::NegativeHit { key, tier, .. }
                if tier == Tier::L1 =>
            {
                accessed(key, Access::L1Hit);
            }
            Event::Miss { key, .. } => accessed(key, Access::Miss),
            Event::Kept {
                key, bytes, from, ..
            } => {
                state.enter_l1();
                if from == KeptFrom::Backend {
                    accessed(key, Access::Elsewhere);
                }
                self.curve.kept(space, state.hash(key), bytes);
            }
            Event::Deleted { keys, .. } => {
                let hashes = keys.iter().map(|key| state.hash(key));
                hashes.for_each(|hash| self.curve.removed(hash));
            }
            _ => {}
        }
    }
}

fn space_of<'e>(event: &Event<'e>) -> Option<Space<'e>> {
    match *event {
        Event::Hit { space, .. }
        | Event::NegativeHit { space, .. }
        | Event::Miss { space, .. }
        | Event::StaleServed { space, .. }
        | Event::OutageServed { space, .. }
        | Event::Serialized { space, .. }
        | Event::Stored { space, .. }
        | Event::Kept { space, .. }
        | Event::Deleted { space, .. } => Some(space),
        _ => None,
    }
}
