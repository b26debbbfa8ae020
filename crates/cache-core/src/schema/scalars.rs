//! Values without parts. `usize` is 64 bits to serde wherever it runs, and so is its shape.

use std::ffi::CString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::NonZero;
use std::path::PathBuf;

use bytes::Bytes;

use super::Cacheable;
use super::shape::shape;

/// A macro, because a function can't implement a trait for a list of types.
macro_rules! scalars {
    ($($type:ty => $kind:literal),+ $(,)?) => {
        $(impl Cacheable for $type {
            const FINGERPRINT: u64 = shape($kind, &[]);
        })+
    };
}

/// Numbers, which are the same number as a `NonZero`.
macro_rules! numbers {
    ($($type:ty => $kind:literal),+ $(,)?) => {
        $(scalars!($type => $kind);

        impl Cacheable for NonZero<$type> {
            const FINGERPRINT: u64 = <$type>::FINGERPRINT;
        })+
    };
}

numbers! {
    u8 => "u8",
    u16 => "u16",
    u32 => "u32",
    u64 => "u64",
    u128 => "u128",
    usize => "u64",
    i8 => "i8",
    i16 => "i16",
    i32 => "i32",
    i64 => "i64",
    i128 => "i128",
    isize => "i64",
}

scalars! {
    () => "unit",
    bool => "bool",
    char => "char",
    f32 => "f32",
    f64 => "f64",
    &'static str => "string",
    String => "string",
    PathBuf => "string",
    Bytes => "bytes",
    CString => "bytes",
    IpAddr => "ip",
    Ipv4Addr => "ipv4",
    Ipv6Addr => "ipv6",
    SocketAddr => "socket",
    SocketAddrV4 => "socketv4",
    SocketAddrV6 => "socketv6",
}
