//! The constant expression of a shape: calls of the hidden functions of `schema`, here
//! `__schema`.

mod container;
mod fields;
mod variants;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

pub(crate) use self::container::Container;
use crate::attributes::Ways;

/// The fingerprint of another type, with the place of that type for the error where it has none.
pub(crate) fn of_type(kind: &Type) -> TokenStream {
    quote_spanned!(kind.span()=> <#kind as __schema::Cacheable>::FINGERPRINT)
}

fn shape(kind: &str, parts: &[TokenStream]) -> TokenStream {
    quote!(__schema::shape(#kind, &[#(#parts),*]))
}

fn text(text: &str) -> TokenStream {
    quote!(__schema::text(#text))
}

/// A name that stands for a shape.
fn named(name: &str) -> TokenStream {
    shape("named", &[text(name)])
}

/// A name as it is written and as it is read.
fn name(name: &Ways<String>) -> TokenStream {
    both(&name.map(|name| text(name)))
}

/// Whether two constants are equal is known to the compiler alone, but equal text is enough to
/// say it once.
fn both(ways: &Ways<TokenStream>) -> TokenStream {
    let Ways { written, read } = ways;
    if written.to_string() == read.to_string() {
        return written.clone();
    }
    quote!(__schema::both(#written, #read))
}

/// A shape with what else has to be the same.
fn noted(of: TokenStream, notes: Vec<TokenStream>) -> TokenStream {
    if notes.is_empty() {
        return of;
    }
    let mut parts = vec![of];
    parts.extend(notes);
    shape("noted", &parts)
}
