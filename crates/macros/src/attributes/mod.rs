//! What stands in `#[serde(...)]` and `#[cacheable(...)]`.

mod cacheable;
mod serde;

use syn::meta::ParseNestedMeta;
use syn::{Expr, ExprLit, Lit, LitStr};

pub(crate) use self::cacheable::{OfContainer, OfField, refuse};
pub(crate) use self::serde::{Serde, Ways};

/// The string of `key = "string"`.
fn string(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    let expression: Expr = meta.value()?.parse()?;
    let mut inner = &expression;
    // What a `macro_rules!` passes on is in an invisible group.
    while let Expr::Group(group) = inner {
        inner = &group.expr;
    }
    match inner {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Ok(text.clone()),
        other => Err(syn::Error::new_spanned(other, "expected a string: \"...\"")),
    }
}
