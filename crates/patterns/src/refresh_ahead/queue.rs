//! What waits to be refreshed, the most valuable first.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What a refresh is worth: recent hits times what a load costs, in microseconds.
pub(crate) type Worth = u64;

/// Keys in the order of their worth; those of the same worth in the order they came. At most
/// so many.
#[derive(Debug)]
pub(crate) struct Queue {
    most: usize,
    came: u64,
    keys: HashMap<Arc<str>, Rank>,
    order: BTreeSet<(Rank, Arc<str>)>,
}

type Rank = (Worth, Reverse<u64>);

/// What became of a key that was put into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It waits.
    Added,
    /// It waited already.
    Known,
    /// It waits, and the least valuable gave way to it.
    Displaced,
    /// There was no room for one that is worth so little.
    Dropped,
}

impl Queue {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            came: 0,
            keys: HashMap::new(),
            order: BTreeSet::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Puts a key in, or raises the worth of one that waits.
    pub(crate) fn put(&mut self, key: &str, worth: Worth) -> Put {
        if let Some((key, &(before, came))) = self.keys.get_key_value(key) {
            if worth > before {
                let key = Arc::clone(key);
                self.order.remove(&((before, came), Arc::clone(&key)));
                self.insert(key, (worth, came));
            }
            return Put::Known;
        }
        let full = self.keys.len() >= self.most;
        if full {
            let least = self
                .order
                .first()
                .map_or(Worth::MAX, |((least, _), _)| *least);
            if worth <= least {
                return Put::Dropped;
            }
            if let Some((_, key)) = self.order.pop_first() {
                self.keys.remove(&key);
            }
        }
        self.came += 1;
        self.insert(Arc::from(key), (worth, Reverse(self.came)));
        if full { Put::Displaced } else { Put::Added }
    }

    /// Takes the most valuable keys out.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Arc<str>> {
        let mut taken = Vec::with_capacity(most.min(self.len()));
        while taken.len() < most
            && let Some((_, key)) = self.order.pop_last()
        {
            self.keys.remove(&key);
            taken.push(key);
        }
        taken
    }

    /// All keys, in their order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.order.iter().rev().map(|(_, key)| &**key)
    }

    fn insert(&mut self, key: Arc<str>, rank: Rank) {
        self.keys.insert(Arc::clone(&key), rank);
        self.order.insert((rank, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(queue: &mut Queue, most: usize) -> String {
        queue.take(most).concat()
    }

    #[test]
    fn the_most_valuable_come_first() {
        let mut queue = Queue::new(10);
        for (key, worth) in [("a", 5), ("b", 9), ("c", 5), ("d", 1)] {
            assert_eq!(queue.put(key, worth), Put::Added);
        }
        assert_eq!(queue.put("d", 7), Put::Known);
        assert_eq!(queue.put("b", 1), Put::Known);
        assert_eq!(queue.keys().collect::<String>(), "bdac");
        assert_eq!(taken(&mut queue, 2), "bd");
        assert_eq!(queue.put("b", 5), Put::Added);
        assert_eq!(taken(&mut queue, 9), "acb");
        assert_eq!((queue.len(), taken(&mut queue, 1)), (0, String::new()));
    }

    #[test]
    fn the_least_valuable_give_way() {
        let mut queue = Queue::new(2);
        for (key, worth, expected) in [
            ("a", 5, Put::Added),
            ("b", 3, Put::Added),
            ("c", 3, Put::Dropped),
            ("d", 4, Put::Displaced),
            ("a", 6, Put::Known),
            ("e", 9, Put::Displaced),
        ] {
            assert_eq!(queue.put(key, worth), expected, "{key}");
            assert!(queue.len() <= 2);
        }
        assert_eq!(taken(&mut queue, 2), "ea");
    }
}
