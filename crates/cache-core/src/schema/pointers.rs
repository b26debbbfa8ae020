//! What holds a value of another type is serialized as that value.

use std::borrow::Cow;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::Cacheable;
use super::collections::sequence;

/// A macro, because a function can't implement a trait for a list of types.
macro_rules! pointers {
    ($($type:ident),+) => {
        $(impl<T: Cacheable> Cacheable for $type<T> {
            const FINGERPRINT: u64 = T::FINGERPRINT;
        }

        impl<T: Cacheable> Cacheable for $type<[T]> {
            const FINGERPRINT: u64 = sequence::<T>();
        }

        impl Cacheable for $type<str> {
            const FINGERPRINT: u64 = String::FINGERPRINT;
        }

        impl Cacheable for $type<Path> {
            const FINGERPRINT: u64 = String::FINGERPRINT;
        })+
    };
}

pointers!(Box, Rc, Arc);

impl<T> Cacheable for Cow<'static, T>
where
    T: ToOwned<Owned: Cacheable> + ?Sized + 'static,
{
    const FINGERPRINT: u64 = T::Owned::FINGERPRINT;
}
