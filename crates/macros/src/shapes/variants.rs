//! The shape of a variant of an enum.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Variant;
use syn::ext::IdentExt;

use super::fields::{self, Names};
use super::{Container, name, noted, shape, text};
use crate::attributes::{Serde, Ways, refuse};
use crate::case::Case;
use crate::token_text::token_text;

/// `None` where the variant is neither written nor read.
pub(super) fn of_variant(
    container: &Container<'_>,
    variant: &Variant,
) -> syn::Result<Option<TokenStream>> {
    let text = "expected no `cacheable` attribute on a variant; \
                put it on one of its fields, or on the enum";
    refuse(&variant.attrs, text)?;
    let serde = Serde::read(&variant.attrs)?;
    if serde.is_skipped() {
        return Ok(None);
    }
    let names = Names::of(&container.serde.rename_all_fields).unless(&serde.rename_all);
    let content = fields::content(container, &variant.fields, &names)?;
    let content = fields::with(&serde, &content);
    let is_untagged = container.serde.has("untagged") || serde.has("untagged");
    let of = if is_untagged {
        shape("untagged", &[content])
    } else {
        of_named(&written_name(container, variant, &serde), content)
    };
    Ok(Some(noted(of, notes(variant, &serde))))
}

fn of_named(names: &Ways<String>, content: TokenStream) -> TokenStream {
    if names.written == names.read {
        let name = &names.written;
        return quote!(__schema::variant(#name, #content));
    }
    shape("variant", &[name(names), content])
}

fn written_name(container: &Container<'_>, variant: &Variant, serde: &Serde) -> Ways<String> {
    let own = variant.ident.unraw().to_string();
    let name = |rename: &Option<String>, case: Option<Case>| {
        let by_case = || case.map_or_else(|| own.clone(), |case| case.of_variant(&own));
        rename.clone().unwrap_or_else(by_case)
    };
    let cases = &container.serde.rename_all;
    Ways {
        written: name(&serde.rename.written, cases.written),
        read: name(&serde.rename.read, cases.read),
    }
}

fn notes(variant: &Variant, serde: &Serde) -> Vec<TokenStream> {
    let mut notes = skips(serde);
    if serde.has("other") {
        notes.push(text("other"));
    }
    if let Some((_, number)) = &variant.discriminant {
        // What `serde_repr` writes in place of the name.
        let number = token_text(number.to_token_stream());
        notes.push(shape("discriminant", &[text(&number)]));
    }
    notes
}

/// What is written and not read, or read and not written.
pub(super) fn skips(serde: &Serde) -> Vec<TokenStream> {
    let written = serde.skip.written.then(|| text("skip_serializing"));
    let read = serde.skip.read.then(|| text("skip_deserializing"));
    written.into_iter().chain(read).collect()
}
