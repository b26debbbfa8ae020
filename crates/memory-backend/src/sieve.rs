//! The SIEVE eviction queue, after Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is
//! Simpler than LRU: an Efficient Turn-Key Eviction Algorithm for Web Caches" (NSDI 2024).
//!
//! Items stand in the order in which they came. A hit only sets a flag, so that readers
//! need no exclusive lock. A hand moves from the oldest towards the newest: it takes the
//! flag off items that were hit, and what has none goes. Items stay where they are, so
//! that new ones nobody asks for again go soon.
//!
//! The queue lives in one vector, so that it holds exactly what is in the cache: nothing
//! is left behind by what was removed.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many items one search looks at, which bounds how long a lock is held.
const SEARCH_STEPS: usize = 256;

/// Queues of fewer places are never made smaller.
const MIN_PLACES: usize = 64;

/// The place of an item, until it is removed or the queue is compacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u32);

/// Items in the order in which they came.
#[derive(Debug)]
pub(crate) struct Sieve<T> {
    nodes: Vec<Node<T>>,
    len: usize,
    oldest: Place,
    newest: Place,
    hand: Place,
    /// The first free place; free ones are chained through `newer`.
    free: Place,
}

#[derive(Debug)]
struct Node<T> {
    item: Option<T>,
    newer: Place,
    older: Place,
    hit: AtomicBool,
}

impl Place {
    const NONE: Self = Self(u32::MAX);

    const fn index(self) -> usize {
        self.0 as usize
    }
}

impl<T> Sieve<T> {
    pub(crate) const fn new() -> Self {
        Self {
            nodes: Vec::new(),
            len: 0,
            oldest: Place::NONE,
            newest: Place::NONE,
            hand: Place::NONE,
            free: Place::NONE,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, place: Place) -> Option<&T> {
        self.nodes.get(place.index())?.item.as_ref()
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        self.nodes.get_mut(place.index())?.item.as_mut()
    }

    /// Remembers that an item was asked for.
    pub(crate) fn hit(&self, place: Place) {
        // A flag that is set already is only read, so that many readers of one item don't
        // take its cache line from each other.
        if let Some(node) = self.nodes.get(place.index())
            && !node.hit.load(Ordering::Relaxed)
        {
            node.hit.store(true, Ordering::Relaxed);
        }
    }

    /// Adds an item as the newest.
    pub(crate) fn push(&mut self, item: T) -> Place {
        let node = Node {
            item: Some(item),
            newer: Place::NONE,
            older: self.newest,
            hit: AtomicBool::new(false),
        };
        let place = self.put(node);
        match self.nodes.get_mut(self.newest.index()) {
            Some(before) => before.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
        self.len += 1;
        place
    }

    /// Takes an item out.
    pub(crate) fn remove(&mut self, place: Place) -> Option<T> {
        let node = self.nodes.get_mut(place.index())?;
        let item = node.item.take()?;
        let (older, newer) = (node.older, mem::replace(&mut node.newer, self.free));
        self.free = place;
        self.len -= 1;
        match self.nodes.get_mut(older.index()) {
            Some(node) => node.newer = newer,
            None => self.oldest = newer,
        }
        match self.nodes.get_mut(newer.index()) {
            Some(node) => node.older = older,
            None => self.newest = older,
        }
        if self.hand == place {
            self.hand = newer;
        }
        Some(item)
    }

    /// Looks for the next item to evict, but for spared ones, and takes the flags off
    /// those it passes. `None` after some steps or at the newest item; the next search
    /// goes on from there, or from the oldest again.
    pub(crate) fn search(&mut self, is_spared: impl Fn(&T) -> bool) -> Option<Place> {
        self.search_steps(is_spared, SEARCH_STEPS)
    }

    /// Finds an item to evict where there is any that is not spared.
    pub(crate) fn search_all(&mut self, is_spared: impl Fn(&T) -> bool) -> Option<Place> {
        // One pass to the newest item and one over all may take off flags only.
        (0..3).find_map(|_| self.search_steps(&is_spared, self.nodes.len()))
    }

    /// Whether most places are free.
    pub(crate) fn is_sparse(&self) -> bool {
        self.nodes.len() > MIN_PLACES && self.len < self.nodes.len() / 4
    }

    /// Gives free places back. Every item gets another place.
    pub(crate) fn compact(&mut self) {
        let mut dense = Self::new();
        dense.nodes.reserve(self.len);
        let mut at = self.oldest;
        while let Some(node) = self.nodes.get_mut(at.index()) {
            let newer = node.newer;
            if let Some(item) = node.item.take() {
                let place = dense.push(item);
                dense.nodes[place.index()].hit = mem::take(&mut node.hit);
                if self.hand == at {
                    dense.hand = place;
                }
            }
            at = newer;
        }
        *self = dense;
    }

    /// All items with their places, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Place, &T)> {
        let places = (0..).map(Place);
        places
            .zip(&self.nodes)
            .filter_map(|(place, node)| Some((place, node.item.as_ref()?)))
    }

    fn put(&mut self, node: Node<T>) -> Place {
        let place = self.free;
        match self.nodes.get_mut(place.index()) {
            Some(free) => {
                self.free = free.newer;
                *free = node;
                place
            }
            None => {
                self.nodes.push(node);
                Place(u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX))
            }
        }
    }

    fn search_steps(&mut self, is_spared: impl Fn(&T) -> bool, steps: usize) -> Option<Place> {
        let mut at = match self.hand {
            Place::NONE => self.oldest,
            hand => hand,
        };
        let mut found = None;
        for _ in 0..steps {
            let Some(node) = self.nodes.get_mut(at.index()) else {
                break;
            };
            let place = mem::replace(&mut at, node.newer);
            let was_hit = mem::take(node.hit.get_mut());
            if !was_hit && !node.item.as_ref().is_none_or(&is_spared) {
                found = Some(place);
                break;
            }
        }
        self.hand = at;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(queue: &Sieve<u32>) -> Vec<u32> {
        let mut items = Vec::new();
        let mut at = queue.oldest;
        while let Some(node) = queue.nodes.get(at.index()) {
            items.push(node.item.unwrap());
            at = node.newer;
        }
        assert_eq!(items.len(), queue.len());
        items
    }

    fn evict(queue: &mut Sieve<u32>) -> Option<u32> {
        let place = queue.search(|_| false)?;
        queue.remove(place)
    }

    #[test]
    fn hits_are_kept_and_what_came_last_goes_first() {
        let mut queue = Sieve::new();
        let places: Vec<_> = (0..7).map(|item| queue.push(item)).collect();
        for hit in [0, 1, 6] {
            queue.hit(places[hit]);
        }
        assert_eq!(evict(&mut queue), Some(2), "0 and 1 were hit");
        assert_eq!(items(&queue), [0, 1, 3, 4, 5, 6]);
        queue.push(7);
        queue.hit(places[0]);
        let four: Vec<_> = (0..4).map(|_| evict(&mut queue)).collect();
        assert_eq!(four, [Some(3), Some(4), Some(5), Some(7)], "6 was hit");
        assert_eq!(
            evict(&mut queue),
            Some(1),
            "0 was hit since the hand passed it, and the hand begins again"
        );
        assert_eq!(items(&queue), [0, 6]);
    }

    #[test]
    fn the_hand_goes_on_when_its_item_is_removed() {
        let mut queue = Sieve::new();
        let places: Vec<_> = (0..5).map(|item| queue.push(item)).collect();
        queue.hit(places[0]);
        assert_eq!(evict(&mut queue), Some(1));
        assert_eq!(queue.remove(places[2]), Some(2), "the hand was on it");
        assert_eq!(evict(&mut queue), Some(3), "not 0 again");
    }

    #[test]
    fn a_search_ends_after_some_steps_and_goes_on_from_there() {
        let mut queue = Sieve::new();
        for item in 0..300 {
            let place = queue.push(item);
            if item != 299 {
                queue.hit(place);
            }
        }
        assert_eq!(queue.search(|_| false), None);
        assert_eq!(evict(&mut queue), Some(299));
    }

    #[test]
    fn a_search_of_all_finds_whatever_is_not_spared() {
        let mut queue = Sieve::new();
        assert_eq!(queue.search_all(|_| false), None);
        let spared = queue.push(0);
        assert_eq!(queue.search_all(|item| *item == 0), None);
        let other = queue.push(1);
        for hits in [[spared, other], [other, spared]] {
            hits.iter().for_each(|place| queue.hit(*place));
            assert_eq!(queue.search_all(|item| *item == 0), Some(other));
        }
    }

    #[test]
    fn churn_leaves_nothing_behind() {
        let mut queue = Sieve::new();
        for round in 0..1000 {
            let places: Vec<_> = (0..10).map(|n| queue.push(round * 10 + n)).collect();
            for place in places {
                assert!(queue.remove(place).is_some());
                assert!(queue.remove(place).is_none());
            }
        }
        assert_eq!(queue.nodes.len(), 10);
        assert_eq!(items(&queue), []);
    }

    #[test]
    fn compacting_keeps_order_flags_and_hand() {
        let mut queue = Sieve::new();
        let places: Vec<_> = (0..300).map(|item| queue.push(item)).collect();
        assert_eq!(evict(&mut queue), Some(0));
        for (item, place) in places.iter().enumerate().skip(1) {
            if item % 100 != 50 {
                queue.remove(*place);
            }
        }
        assert!(queue.is_sparse());
        queue.hit(places[50]);
        queue.compact();
        assert_eq!(queue.nodes.len(), 3);
        assert!(!queue.is_sparse());
        assert_eq!(items(&queue), [50, 150, 250]);
        assert_eq!(evict(&mut queue), Some(150));
        assert_eq!(
            queue.iter().map(|(_, item)| *item).collect::<Vec<_>>(),
            [50, 250]
        );
    }
}
