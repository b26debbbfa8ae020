//! The attributes of serde that change what is written or how it is read.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, LitStr, Token, Type, parenthesized, token};

use super::string;
use crate::case::Case;
use crate::token_text::token_text;

/// What is written, and what is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ways<T> {
    pub(crate) written: T,
    pub(crate) read: T,
}

/// Of a type, a variant, or a field: serde itself refuses what does not belong there.
#[derive(Default)]
pub(crate) struct Serde {
    pub(crate) rename: Ways<Option<String>>,
    pub(crate) rename_all: Ways<Option<Case>>,
    pub(crate) rename_all_fields: Ways<Option<Case>>,
    pub(crate) skip: Ways<bool>,
    /// The functions that write and read.
    pub(crate) with: Ways<Option<String>>,
    /// The types that values are converted to and from.
    pub(crate) convert: Ways<Option<Type>>,
    /// The function that makes what is missing; `""` for `Default`.
    pub(crate) default: Option<String>,
    pub(crate) tag: Option<String>,
    pub(crate) content: Option<String>,
    flags: Vec<String>,
}

impl<T> Ways<T> {
    pub(crate) fn map<U>(&self, function: impl Fn(&T) -> U) -> Ways<U> {
        Ways {
            written: function(&self.written),
            read: function(&self.read),
        }
    }
}

impl<T> Ways<Option<T>> {
    fn set_both(&mut self, value: T)
    where
        T: Clone,
    {
        self.written = Some(value.clone());
        self.read = Some(value);
    }
}

impl Serde {
    pub(crate) fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut found = Self::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("serde")) {
            attribute.parse_nested_meta(|meta| found.take(&meta))?;
        }
        Ok(found)
    }

    /// Whether an attribute without a value, or one whose value does not count, is there.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known == flag)
    }

    pub(crate) fn is_skipped(&self) -> bool {
        self.skip.written && self.skip.read
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let key = meta.path.get_ident().map(|key| key.unraw().to_string());
        match key.as_deref().unwrap_or_default() {
            "rename" => self.rename = ways(meta, |name| Ok(name.value()))?,
            "rename_all" => self.rename_all = ways(meta, Case::parse)?,
            "rename_all_fields" => self.rename_all_fields = ways(meta, Case::parse)?,
            "skip" => (self.skip.written, self.skip.read) = (true, true),
            "skip_serializing" => self.skip.written = true,
            "skip_deserializing" => self.skip.read = true,
            "with" => {
                let module = path_text(&string(meta)?)?;
                self.with.written = Some(format!("{module}: : serialize "));
                self.with.read = Some(format!("{module}: : deserialize "));
            }
            "serialize_with" => self.with.written = Some(path_text(&string(meta)?)?),
            "deserialize_with" => self.with.read = Some(path_text(&string(meta)?)?),
            "into" => self.convert.written = Some(string(meta)?.parse()?),
            "from" | "try_from" => self.convert.read = Some(string(meta)?.parse()?),
            "default" if meta.input.peek(Token![=]) => {
                self.default = Some(path_text(&string(meta)?)?);
            }
            "default" => self.default = Some(String::new()),
            "tag" => self.tag = Some(string(meta)?.value()),
            "content" => self.content = Some(string(meta)?.value()),
            flag => {
                self.flags.push(flag.to_owned());
                ignore_value(meta)?;
            }
        }
        Ok(())
    }
}

/// `key = "x"`, or `key(serialize = "x", deserialize = "y")`.
fn ways<T: Clone>(
    meta: &ParseNestedMeta<'_>,
    parse: impl Fn(&LitStr) -> syn::Result<T>,
) -> syn::Result<Ways<Option<T>>> {
    let mut ways = Ways {
        written: None,
        read: None,
    };
    if meta.input.peek(Token![=]) {
        ways.set_both(parse(&string(meta)?)?);
        return Ok(ways);
    }
    meta.parse_nested_meta(|way| {
        let value = parse(&string(&way)?)?;
        if way.path.is_ident("serialize") {
            ways.written = Some(value);
        } else if ways.read.is_none() {
            // Further names to read are aliases.
            ways.read = Some(value);
        }
        Ok(())
    })?;
    Ok(ways)
}

fn path_text(path: &LitStr) -> syn::Result<String> {
    path.parse().map(token_text)
}

fn ignore_value(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Expr>()?;
    } else if meta.input.peek(token::Paren) {
        let inside;
        parenthesized!(inside in meta.input);
        inside.parse::<TokenStream>()?;
    }
    Ok(())
}
