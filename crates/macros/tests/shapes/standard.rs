//! The shapes of the standard library's types: those that serde writes the same way are the same.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZero;
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use larder::{Bytes, Cacheable};
use larder_macros::Cacheable;

use crate::same;

#[test]
fn pointers_are_what_they_point_to() {
    same::<String, Box<String>>();
    same::<String, Rc<Arc<str>>>();
    same::<String, Cow<'static, str>>();
    same::<String, &'static str>();
    same::<Vec<u8>, Cow<'static, [u8]>>();
    same::<Vec<u8>, Arc<[u8]>>();
    same::<PathBuf, String>();
}

#[test]
fn collections_are_sequences_and_maps() {
    same::<Vec<u8>, VecDeque<u8>>();
    same::<Vec<u8>, HashSet<u8>>();
    same::<Vec<u8>, BTreeSet<u8>>();
    same::<Vec<u8>, HashSet<u8, NoHasher>>();
    same::<HashMap<u8, u16>, BTreeMap<u8, u16>>();
    same::<HashMap<u8, u16>, HashMap<u8, u16, NoHasher>>();
}

struct NoHasher;

#[test]
fn numbers_are_the_same_on_every_platform() {
    same::<usize, u64>();
    same::<isize, i64>();
    same::<NonZero<u32>, u32>();
}

#[test]
fn arrays_are_tuples() {
    same::<[u8; 3], (u8, u8, u8)>();
}

#[test]
fn structs_are_those_of_their_fields() {
    #[derive(Cacheable)]
    struct Time {
        secs: u64,
        nanos: u32,
    }

    #[derive(Cacheable)]
    struct Span {
        start: u8,
        end: u8,
    }

    same::<Duration, Time>();
    same::<Range<u8>, Span>();
}

/// All that are not the same are different.
#[test]
fn shapes_are_told_apart() {
    let shapes = [
        <()>::FINGERPRINT,
        bool::FINGERPRINT,
        char::FINGERPRINT,
        u8::FINGERPRINT,
        u16::FINGERPRINT,
        u32::FINGERPRINT,
        u64::FINGERPRINT,
        u128::FINGERPRINT,
        i8::FINGERPRINT,
        i16::FINGERPRINT,
        i32::FINGERPRINT,
        i64::FINGERPRINT,
        i128::FINGERPRINT,
        f32::FINGERPRINT,
        f64::FINGERPRINT,
        String::FINGERPRINT,
        Bytes::FINGERPRINT,
        IpAddr::FINGERPRINT,
        Ipv4Addr::FINGERPRINT,
        Ipv6Addr::FINGERPRINT,
        SocketAddr::FINGERPRINT,
        Duration::FINGERPRINT,
        SystemTime::FINGERPRINT,
        PhantomData::<u8>::FINGERPRINT,
        Range::<u8>::FINGERPRINT,
        Option::<u8>::FINGERPRINT,
        Option::<Option<u8>>::FINGERPRINT,
        Result::<u8, u16>::FINGERPRINT,
        Result::<u16, u8>::FINGERPRINT,
        Vec::<u8>::FINGERPRINT,
        Vec::<u16>::FINGERPRINT,
        Vec::<Vec<u8>>::FINGERPRINT,
        HashMap::<u8, u16>::FINGERPRINT,
        HashMap::<u16, u8>::FINGERPRINT,
        <[u8; 0]>::FINGERPRINT,
        <[u8; 2]>::FINGERPRINT,
        <(u8,)>::FINGERPRINT,
        <(u8, u16)>::FINGERPRINT,
        <(u16, u8)>::FINGERPRINT,
        <((u8, u16), u8)>::FINGERPRINT,
        <(u8, (u16, u8))>::FINGERPRINT,
        <(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8)>::FINGERPRINT,
    ];
    for (at, shape) in shapes.iter().enumerate() {
        assert_ne!(*shape, 0, "the one at {at}");
        assert!(!shapes[..at].contains(shape), "the one at {at}");
    }
}
