//! The attributes of the derive itself.

use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, LitStr, Path, Token, Type, parenthesized, parse_quote};

use super::string;

/// On a type.
pub(crate) struct OfContainer {
    /// Where the trait is.
    pub(crate) library: Path,
    /// The types that values are converted from.
    pub(crate) from: Vec<Type>,
    pub(crate) shape: Option<LitStr>,
}

/// On a field.
#[derive(Default)]
pub(crate) struct OfField {
    pub(crate) shape: Option<LitStr>,
    pub(crate) is_recursive: bool,
}

impl OfContainer {
    pub(crate) fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let (mut library, mut from, mut shape) = (None, None, None);
        each(attributes, |meta| match () {
            () if meta.path.is_ident("crate") => once(meta, &mut library, || string(meta)?.parse()),
            () if meta.path.is_ident("from") => once(meta, &mut from, || types(meta)),
            () if meta.path.is_ident("shape") => once(meta, &mut shape, || name(meta)),
            () => Err(unknown(
                meta,
                "`from(...)`, `shape = \"...\"` or `crate = \"...\"`",
            )),
        })?;
        Ok(Self {
            library: library.unwrap_or_else(|| parse_quote!(::larder)),
            from: from.unwrap_or_default(),
            shape,
        })
    }
}

impl OfField {
    pub(crate) fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let (mut shape, mut recursive) = (None, None);
        each(attributes, |meta| {
            if meta.path.is_ident("shape") {
                once(meta, &mut shape, || name(meta))?;
            } else if meta.path.is_ident("recursive") {
                once(meta, &mut recursive, || Ok(()))?;
            } else {
                return Err(unknown(meta, "`shape = \"...\"` or `recursive`"));
            }
            if shape.is_some() && recursive.is_some() {
                let text = "expected `shape` or `recursive`, found both; \
                            a named shape needs no `recursive`";
                return Err(meta.error(text));
            }
            Ok(())
        })?;
        Ok(Self {
            shape,
            is_recursive: recursive.is_some(),
        })
    }
}

/// For places where the attribute means nothing.
pub(crate) fn refuse(attributes: &[Attribute], text: &str) -> syn::Result<()> {
    match attributes.iter().find(|a| a.path().is_ident("cacheable")) {
        Some(attribute) => Err(syn::Error::new_spanned(attribute, text)),
        None => Ok(()),
    }
}

fn each(
    attributes: &[Attribute],
    mut take: impl FnMut(&ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    for attribute in attributes.iter().filter(|a| a.path().is_ident("cacheable")) {
        attribute.parse_nested_meta(|meta| take(&meta))?;
    }
    Ok(())
}

fn once<T>(
    meta: &ParseNestedMeta<'_>,
    place: &mut Option<T>,
    parse: impl FnOnce() -> syn::Result<T>,
) -> syn::Result<()> {
    if place.is_some() {
        return Err(meta.error("this is given twice; remove one"));
    }
    *place = Some(parse()?);
    Ok(())
}

fn name(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    let name = string(meta)?;
    if name.value().is_empty() {
        let text = "expected a name for the shape, like \"uuid-v1\", found an empty one";
        return Err(syn::Error::new(name.span(), text));
    }
    Ok(name)
}

fn types(meta: &ParseNestedMeta<'_>) -> syn::Result<Vec<Type>> {
    let inside;
    parenthesized!(inside in meta.input);
    let types = Punctuated::<Type, Token![,]>::parse_terminated(&inside)?;
    if types.is_empty() {
        return Err(meta.error("expected the types to convert from, like `from(OldUser)`"));
    }
    Ok(types.into_iter().collect())
}

fn unknown(meta: &ParseNestedMeta<'_>, expected: &str) -> syn::Error {
    let found = crate::token_text::token_text(quote::ToTokens::to_token_stream(&meta.path));
    meta.error(format!("expected {expected}, found `{}`", found.trim_end()))
}
