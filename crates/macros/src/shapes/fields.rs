//! The shape of the fields of a struct or of a variant.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Field, Fields};

use super::{Container, both, name, named, noted, of_type, shape, text};
use crate::attributes::{OfField, Serde, Ways};
use crate::case::Case;
use crate::token_text::token_text;

/// How the names of fields are written and read.
pub(super) struct Names(Ways<Option<Case>>);

impl Names {
    pub(super) fn of(rename_all: &Ways<Option<Case>>) -> Self {
        Self(rename_all.clone())
    }

    /// These names, where others have no rule of their own.
    pub(super) fn unless(self, own: &Ways<Option<Case>>) -> Self {
        Self(Ways {
            written: own.written.or(self.0.written),
            read: own.read.or(self.0.read),
        })
    }

    fn of_field(&self, field: &Field, serde: &Serde) -> Ways<String> {
        let own = field.ident.as_ref().map(|name| name.unraw().to_string());
        let own = own.unwrap_or_default();
        let name = |rename: &Option<String>, case: Option<Case>| {
            let by_case = || case.map_or_else(|| own.clone(), |case| case.of_field(&own));
            rename.clone().unwrap_or_else(by_case)
        };
        Ways {
            written: name(&serde.rename.written, self.0.written),
            read: name(&serde.rename.read, self.0.read),
        }
    }
}

/// What stands within the braces or parentheses. One unnamed field is written as its value.
pub(super) fn content(
    container: &Container<'_>,
    fields: &Fields,
    names: &Names,
) -> syn::Result<TokenStream> {
    let mut parts = Vec::new();
    for field in fields {
        parts.extend(of_field(container, field, names)?);
    }
    Ok(match (fields, &parts[..]) {
        (Fields::Unit, _) => shape("nothing", &[]),
        (Fields::Unnamed(fields), [value]) if fields.unnamed.len() == 1 => value.clone(),
        (Fields::Unnamed(_), parts) => shape("tuple", parts),
        (Fields::Named(_), parts) => shape("struct", parts),
    })
}

/// `None` where the field is neither written nor read.
fn of_field(
    container: &Container<'_>,
    field: &Field,
    names: &Names,
) -> syn::Result<Option<TokenStream>> {
    let (serde, own) = (Serde::read(&field.attrs)?, OfField::read(&field.attrs)?);
    if serde.is_skipped() {
        let text = "expected no attribute here, since serde skips this field and it has no shape; \
                    remove one of the two";
        crate::attributes::refuse(&field.attrs, text)?;
        return Ok(None);
    }
    let value = of_value(container, field, &own)?;
    let of = if serde.has("flatten") {
        shape("flatten", &[value])
    } else if field.ident.is_some() {
        let name = names.of_field(field, &serde);
        of_named(&name, &value)
    } else {
        value
    };
    Ok(Some(noted(of, notes(&serde))))
}

fn of_named(names: &Ways<String>, value: &TokenStream) -> TokenStream {
    if names.written == names.read {
        let name = &names.written;
        return quote!(__schema::field(#name, #value));
    }
    shape("field", &[name(names), value.clone()])
}

/// The shape of a field's value: of its type, or of what stands for that.
pub(super) fn of_value(
    container: &Container<'_>,
    field: &Field,
    own: &OfField,
) -> syn::Result<TokenStream> {
    if let Some(name) = &own.shape {
        return Ok(named(&name.value()));
    }
    let of_type = if own.is_recursive {
        shape(
            "recursive",
            &[text(&token_text(field.ty.to_token_stream()))],
        )
    } else {
        of_type(&container.itself.replaced_in(&field.ty))
    };
    Ok(with(&Serde::read(&field.attrs)?, &of_type))
}

/// A function writes or reads what it likes: its name is all that is known.
pub(super) fn with(serde: &Serde, otherwise: &TokenStream) -> TokenStream {
    both(&serde.with.map(|function| match function {
        Some(path) => shape("with", &[text(path)]),
        None => otherwise.clone(),
    }))
}

/// What decides whether the field is there, and what it is when it is not.
fn notes(serde: &Serde) -> Vec<TokenStream> {
    let mut notes = super::variants::skips(serde);
    if serde.has("skip_serializing_if") {
        notes.push(text("skip_serializing_if"));
    }
    if let Some(path) = &serde.default {
        notes.push(shape("default", &[text(path)]));
    }
    notes
}
