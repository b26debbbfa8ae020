//! Structs, enums and tuples of the standard library: the shape that a type of the user's with
//! these fields has.

use std::marker::PhantomData;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use super::Cacheable;
use super::shape::{field, shape, variant};

impl<T: Cacheable> Cacheable for Option<T> {
    const FINGERPRINT: u64 = shape("option", &[T::FINGERPRINT]);
}

impl<T: Cacheable, E: Cacheable> Cacheable for Result<T, E> {
    const FINGERPRINT: u64 = shape(
        "enum",
        &[
            shape("external", &[]),
            variant("Ok", T::FINGERPRINT),
            variant("Err", E::FINGERPRINT),
        ],
    );
}

impl Cacheable for Duration {
    const FINGERPRINT: u64 = shape(
        "struct",
        &[
            field("secs", u64::FINGERPRINT),
            field("nanos", u32::FINGERPRINT),
        ],
    );
}

impl Cacheable for SystemTime {
    const FINGERPRINT: u64 = shape(
        "struct",
        &[
            field("secs_since_epoch", u64::FINGERPRINT),
            field("nanos_since_epoch", u32::FINGERPRINT),
        ],
    );
}

impl<T: Cacheable> Cacheable for Range<T> {
    const FINGERPRINT: u64 = shape(
        "struct",
        &[field("start", T::FINGERPRINT), field("end", T::FINGERPRINT)],
    );
}

impl<T: 'static> Cacheable for PhantomData<T> {
    const FINGERPRINT: u64 = shape("unit_struct", &[]);
}

/// serde writes an array as the tuple of its elements.
impl<T: Cacheable, const N: usize> Cacheable for [T; N] {
    const FINGERPRINT: u64 = shape("tuple", &[T::FINGERPRINT; N]);
}

/// A macro, because a function can't implement a trait for tuples of all lengths.
macro_rules! tuples {
    ($first:ident $($rest:ident)*) => {
        impl<$first: Cacheable, $($rest: Cacheable),*> Cacheable for ($first, $($rest,)*) {
            const FINGERPRINT: u64 =
                shape("tuple", &[$first::FINGERPRINT, $($rest::FINGERPRINT),*]);
        }

        tuples!($($rest)*);
    };
    () => {};
}

tuples!(A B C D E F G H I J K L);
