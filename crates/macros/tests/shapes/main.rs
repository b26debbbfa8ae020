//! Which changes of a type change its fingerprint, and which do not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    non_snake_case,
    reason = "the types are there for their shapes"
)]

/// Where the derive looks for the trait by default.
extern crate larder_cache_core as larder;

mod containers;
mod conversions;
mod enums;
mod fields;
mod golden;
mod recursion;
mod serialized;
mod standard;

use larder::Cacheable;

/// Tests that two types, each the `T` of a module, have the `same` shape or `different` ones.
macro_rules! pairs {
    ($($test:ident: $relation:ident { $($one:item)+ } { $($other:item)+ })+) => {
        $(#[test]
        fn $test() {
            mod one {
                #[allow(unused_imports)]
                use std::{borrow::Cow, collections::*, marker::PhantomData, sync::Arc};
                #[allow(unused_imports)]
                use larder_macros::Cacheable;
                $($one)+
            }

            mod other {
                #[allow(unused_imports)]
                use std::{borrow::Cow, collections::*, marker::PhantomData, sync::Arc};
                #[allow(unused_imports)]
                use larder_macros::Cacheable;
                $($other)+
            }

            crate::$relation::<one::T, other::T>();
        })+
    };
}
pub(crate) use pairs;

fn same<A: Cacheable, B: Cacheable>() {
    assert_eq!(A::FINGERPRINT, B::FINGERPRINT);
    assert_ne!(A::FINGERPRINT, 0);
}

fn different<A: Cacheable, B: Cacheable>() {
    assert_ne!(A::FINGERPRINT, B::FINGERPRINT);
}
