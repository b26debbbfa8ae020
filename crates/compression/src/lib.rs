//! Compression codecs for the values of a Larder cache.
//!
//! [`Lz4`] is a [`Codec`](larder_cache_core::Codec) and works without a cache:
//!
//! ```
//! use larder_cache_core::{Codec, Compression, KeyPrefix, Place};
//! use larder_compression::Lz4;
//!
//! let key = KeyPrefix::new("app")?.value("user", "profile:123")?;
//! let place = Place { namespace: "users", key: &key };
//! let packed = Lz4.encode(&[7; 4096], Compression::Auto, &place)?.unwrap();
//! assert!(packed.bytes.len() < 100);
//! assert_eq!(Lz4.decode(&packed.bytes, packed.coding, 4096)?, vec![7; 4096]);
//! # Ok::<(), larder_cache_core::Error>(())
//! ```
//!
//! # What this crate does not do
//! It does not decide what is worth compressing: the cache does, and stores a value plain
//! where compression would not make it smaller.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "dictionaries come with the optimizer")
)]
mod algorithms;
mod chunked;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "frames come with the optimizer")
)]
mod frame;
mod lz4;

pub use self::chunked::{
    ChunkOptions, ChunkedReader, ChunkedWriter, compress_chunked, decompress_chunked,
};
pub use self::lz4::Lz4;
