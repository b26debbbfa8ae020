//! Which node holds which slot.

use std::sync::Arc;

use larder_cache_core::{Random, SystemRandom};

use super::member::Member;
use super::slot::{SLOTS, Slot};
use super::view::{Place, View};
use crate::lane::Role;

/// Which node holds which slot, as far as this process knows. Never changed, but replaced.
#[derive(Clone, Debug)]
pub(super) struct Map {
    /// For each slot, the place of its shard in `shards`.
    owners: Arc<[u16]>,
    pub(super) shards: Vec<Shard>,
    /// Nodes without slots that a redirection has led to: the targets of slots that move.
    others: Vec<Arc<Member>>,
    pub(super) epoch: u64,
}

/// A primary and its replicas.
#[derive(Clone, Debug)]
pub(super) struct Shard {
    pub(super) primary: Arc<Member>,
    pub(super) replicas: Vec<Arc<Member>>,
}

/// What has become of the slots from one map to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handover {
    /// All are where they were.
    None,
    /// Some went to another node that had slots before, which has got their keys.
    Moved,
    /// Some are at a node that had none: a replica may have taken over, and lack changes.
    MayLack,
}

const NOBODY: u16 = u16::MAX;

impl Shard {
    /// One of the replicas there is a connection to, at random; the primary where there is
    /// none. Connections that are missing are begun meanwhile.
    pub(super) fn any_replica(&self) -> Arc<Member> {
        let usable: Vec<_> = self
            .replicas
            .iter()
            .filter(|replica| replica.lane().is_up())
            .collect();
        let count = usable.len().max(1) as u64;
        let index = usize::try_from(SystemRandom.next_u64() % count).unwrap_or(0);
        Arc::clone(usable.get(index).copied().unwrap_or(&self.primary))
    }
}

impl Map {
    pub(super) fn empty() -> Self {
        Self {
            owners: vec![NOBODY; usize::from(SLOTS)].into(),
            shards: Vec::new(),
            others: Vec::new(),
            epoch: 0,
        }
    }

    /// The map after a view. Members that go on keep their connection; `make` makes others.
    pub(super) fn after(&self, view: &View, mut make: impl FnMut(Place, Role) -> Member) -> Self {
        let mut owners = vec![NOBODY; usize::from(SLOTS)];
        let mut shards: Vec<Shard> = Vec::new();
        let mut member = |place: &Place, role| {
            let known = self.members().find(|m| m.place == *place && m.role == role);
            known
                .cloned()
                .unwrap_or_else(|| Arc::new(make(place.clone(), role)))
        };
        for range in &view.ranges {
            let is_its = |shard: &Shard| shard.primary.place == range.primary;
            let index = shards.iter().position(is_its).unwrap_or_else(|| {
                let replicas = range.replicas.iter();
                shards.push(Shard {
                    primary: member(&range.primary, Role::MasterSoon),
                    replicas: replicas.map(|place| member(place, Role::Replica)).collect(),
                });
                shards.len() - 1
            });
            let slots = usize::from(range.first)..=usize::from(range.last);
            if let Some(slots) = owners.get_mut(slots) {
                slots.fill(u16::try_from(index).unwrap_or(NOBODY));
            }
        }
        let has_slots = |place: &Place| shards.iter().any(|shard| shard.primary.place == *place);
        // Who has lost all slots is none of them: it may have died, or be a replica now.
        let others = self
            .others
            .iter()
            .filter(|other| !has_slots(&other.place) && other.is_wanted());
        Self {
            others: others.cloned().collect(),
            owners: owners.into(),
            shards,
            epoch: view.epoch,
        }
    }

    /// The map after one slot has moved to a primary of this map.
    pub(super) fn moved(&self, slot: Slot, to: &Arc<Member>) -> Self {
        let mut map = self.clone();
        let is_there = |shard: &Shard| Arc::ptr_eq(&shard.primary, to);
        let index = map.shards.iter().position(is_there).unwrap_or_else(|| {
            map.others.retain(|other| !Arc::ptr_eq(other, to));
            map.shards.push(Shard {
                primary: Arc::clone(to),
                replicas: Vec::new(),
            });
            map.shards.len() - 1
        });
        let mut owners = map.owners.to_vec();
        if let Some(owner) = owners.get_mut(usize::from(slot.0)) {
            *owner = u16::try_from(index).unwrap_or(NOBODY);
        }
        map.owners = owners.into();
        map
    }

    /// The map with one more node.
    pub(super) fn with(&self, other: Arc<Member>) -> Self {
        let mut map = self.clone();
        map.others.push(other);
        map
    }

    /// What becomes of the slots with the next map.
    pub(super) fn handover(&self, after: &Self) -> Handover {
        let mut handover = Handover::None;
        for slot in (0..SLOTS).map(Slot) {
            let before = self.owner(slot).map(|shard| shard.primary.id);
            let Some(now) = after.owner(slot).map(|shard| shard.primary.id) else {
                continue;
            };
            if before == Some(now) {
                continue;
            }
            if !self.shards.iter().any(|shard| shard.primary.id == now) {
                return Handover::MayLack;
            }
            handover = Handover::Moved;
        }
        handover
    }

    pub(super) fn owner(&self, slot: Slot) -> Option<&Shard> {
        let index = self.owners.get(usize::from(slot.0))?;
        self.shards.get(usize::from(*index))
    }

    /// The node at a place that takes writes, or may.
    pub(super) fn primary_at(&self, place: &Place) -> Option<&Arc<Member>> {
        self.primaries().find(|member| member.place == *place)
    }

    pub(super) fn primaries(&self) -> impl Iterator<Item = &Arc<Member>> {
        let owners = self.shards.iter().map(|shard| &shard.primary);
        owners.chain(&self.others)
    }

    pub(super) fn replicas(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.shards.iter().flat_map(|shard| &shard.replicas)
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.primaries().chain(self.replicas())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use larder_cache_core::{Observers, SystemClock};

    use super::super::view::Range;
    use super::*;
    use crate::address::Endpoint;
    use crate::config::RedisConfig;
    use crate::topology::lanes::Lanes;

    fn at(port: u16) -> Place {
        Place::named("h", port, "")
    }

    fn view(epoch: u64, ranges: &[(u16, u16, u16, u16)]) -> View {
        let range = |&(first, last, primary, replica): &(u16, u16, u16, u16)| Range {
            first,
            last,
            primary: at(primary),
            replicas: vec![at(replica)],
        };
        View {
            ranges: ranges.iter().map(range).collect(),
            epoch,
            is_healthy: true,
        }
    }

    struct World {
        lanes: Lanes,
        endpoint: Endpoint,
        made: Cell<u64>,
    }

    impl World {
        fn new() -> Self {
            let config = RedisConfig::new("redis://h");
            let clock = Arc::new(SystemClock::new());
            Self {
                lanes: Lanes::new(&config, Observers::default(), clock, Arc::default()),
                endpoint: Endpoint::of("redis://h", &config).unwrap(),
                made: Cell::new(0),
            }
        }

        fn member(&self, place: Place, role: Role) -> Member {
            self.made.set(self.made.get() + 1);
            let (endpoint, lanes) = (self.endpoint.clone(), self.lanes.clone());
            Member::new(self.made.get(), place, role, endpoint, lanes)
        }

        fn after(&self, map: &Map, view: &View) -> Map {
            map.after(view, |place, role| self.member(place, role))
        }
    }

    fn owner(map: &Map, slot: u16) -> Option<(u64, u16)> {
        let shard = map.owner(Slot(slot))?;
        Some((shard.primary.id, shard.primary.place.port))
    }

    #[tokio::test]
    async fn members_that_go_on_are_kept_and_roles_make_others() {
        let world = World::new();
        let first = view(1, &[(0, 10, 1, 2), (11, 20, 3, 4), (30, 30, 1, 2)]);
        let map = world.after(&Map::empty(), &first);
        assert_eq!((map.shards.len(), world.made.get()), (2, 4));
        assert_eq!(owner(&map, 30), owner(&map, 0));
        assert_eq!(owner(&map, 21), None);
        // The replica takes over; the old master comes back as a replica.
        let second = view(2, &[(0, 10, 2, 1), (11, 20, 3, 4)]);
        let after = world.after(&map, &second);
        assert_eq!(world.made.get(), 6, "two roles have changed");
        assert_eq!(map.handover(&after), Handover::MayLack);
        assert_eq!(map.handover(&world.after(&map, &first)), Handover::None);
        let third = view(3, &[(0, 5, 1, 2), (6, 20, 3, 4)]);
        assert_eq!(map.handover(&world.after(&map, &third)), Handover::Moved);
        assert_eq!(owner(&after, 11), owner(&map, 11));
        assert_eq!(owner(&after, 0).unwrap().1, 2);
        assert_eq!(after.primary_at(&at(1)).map(|member| member.id), None);
    }

    #[tokio::test]
    async fn redirections_change_the_map_and_their_targets_are_kept() {
        let world = World::new();
        let known = view(1, &[(0, 10, 1, 2)]);
        let map = world.after(&Map::empty(), &known);
        let target = Arc::new(world.member(at(9), Role::MasterSoon));
        let map = map.with(Arc::clone(&target));
        target.want();
        let again = world.after(&map, &known);
        assert_eq!(
            again.primary_at(&at(9)).map(|member| member.id),
            Some(target.id)
        );
        let moved = again.moved(Slot(5), &target);
        assert_eq!(owner(&moved, 5), Some((target.id, 9)));
        assert_eq!(owner(&moved, 6).unwrap().1, 1);
        assert_eq!(moved.members().filter(|m| m.id == target.id).count(), 1);
        let confirmed = world.after(
            &moved,
            &view(2, &[(0, 4, 1, 2), (5, 5, 9, 2), (6, 10, 1, 2)]),
        );
        assert_eq!(owner(&confirmed, 5), Some((target.id, 9)));
    }
}
