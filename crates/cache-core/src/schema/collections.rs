//! Collections: to serde they are sequences and maps, whatever holds their elements.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};

use super::Cacheable;
use super::shape::shape;

/// A macro, because a function can't implement a trait for a list of types.
macro_rules! sequences {
    ($($type:ident),+ $(,)?) => {
        $(impl<T: Cacheable> Cacheable for $type<T> {
            const FINGERPRINT: u64 = sequence::<T>();
        })+
    };
}

sequences!(Vec, VecDeque, LinkedList, BinaryHeap, BTreeSet);

impl<T: Cacheable, S: 'static> Cacheable for HashSet<T, S> {
    const FINGERPRINT: u64 = sequence::<T>();
}

impl<K: Cacheable, V: Cacheable, S: 'static> Cacheable for HashMap<K, V, S> {
    const FINGERPRINT: u64 = map::<K, V>();
}

impl<K: Cacheable, V: Cacheable> Cacheable for BTreeMap<K, V> {
    const FINGERPRINT: u64 = map::<K, V>();
}

pub(super) const fn sequence<T: Cacheable>() -> u64 {
    shape("sequence", &[T::FINGERPRINT])
}

const fn map<K: Cacheable, V: Cacheable>() -> u64 {
    shape("map", &[K::FINGERPRINT, V::FINGERPRINT])
}
