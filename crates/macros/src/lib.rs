//! Derive macros of the Larder cache.
//!
//! `#[derive(Cacheable)]` gives a type the fingerprint of the shape in which serde writes it.
//! Entries carry it, so that a process never reads what another build wrote in another shape:
//!
//! ```
//! use larder_cache_core::Cacheable;
//! use larder_macros::Cacheable;
//!
//! #[derive(Cacheable)]
//! #[cacheable(crate = "larder_cache_core")]
//! struct User {
//!     name: String,
//!     age: Option<u8>,
//! }
//!
//! #[derive(Cacheable)]
//! #[cacheable(crate = "larder_cache_core")]
//! struct Customer {
//!     name: String,
//!     age: Option<u16>,
//! }
//!
//! assert_ne!(User::FINGERPRINT, Customer::FINGERPRINT);
//! ```
//!
//! # What this crate does not do
//! It knows nothing of caches, and sees no more of a type than its text: not what a hand-written
//! `Serialize` does, nor what a function behind `#[serde(with = "...")]` writes. The shapes of
//! other types, and the hash, are in `larder-cache-core`.

mod attributes;
mod case;
mod derive;
mod recursion;
mod shapes;
mod token_text;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `Cacheable`: the fingerprint of the shape in which serde writes the type.
///
/// Two types have the same fingerprint where serde writes them the same way: names after
/// `rename` and `rename_all`, order, the types of the fields, how an enum is tagged. The name of
/// the type, its module, its visibility and its documentation do not count. The README has the
/// table of serde's attributes.
///
/// On the type:
/// - `#[cacheable(from(OldUser, OlderUser))]`: values of these types are read and converted by
///   `From`.
/// - `#[cacheable(shape = "money-v1")]`: a name stands for the whole shape, where `Serialize` is
///   written by hand.
/// - `#[cacheable(crate = "larder_cache_core")]`: where the trait is. Default: `::larder`.
///
/// On a field:
/// - `#[cacheable(shape = "uuid-v1")]`: a name stands for the field's shape.
/// - `#[cacheable(recursive)]`: the text of the field's type stands for its shape, for types that
///   contain each other. A type that contains itself needs no attribute.
///
/// # Errors
/// Does not compile for unions, for types with lifetimes, and where the type of a field is not
/// `Cacheable`. Types that contain each other end in the compiler's own "cycle detected when
/// evaluating": `#[cacheable(recursive)]` on one of the fields cuts it.
#[proc_macro_derive(Cacheable, attributes(cacheable, serde))]
pub fn derive_cacheable(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    derive::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// The README, compiled as it stands.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
