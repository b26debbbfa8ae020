//! The shape of a whole type.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::{Data, DataEnum, DeriveInput, Field, Fields, LitStr, Type};

use super::fields::{self, Names};
use super::{both, named, noted, of_type, shape, text, variants};
use crate::attributes::{OfField, Serde, Ways, refuse};
use crate::recursion::Itself;

/// A type and what stands on it.
pub(crate) struct Container<'a> {
    pub(crate) input: &'a DeriveInput,
    pub(crate) serde: Serde,
    pub(crate) itself: Itself,
}

impl Container<'_> {
    /// The shape, or the name that stands for it.
    pub(crate) fn shape(&self, name: Option<&LitStr>) -> syn::Result<TokenStream> {
        if let Some(name) = name {
            self.refuse_attributes_within()?;
            return Ok(named(&name.value()));
        }
        // The fields are looked at in any case, for their errors.
        let own = self.own()?;
        let converted = self.serde.convert.map(|kind| kind.as_ref().map(of_type));
        Ok(both(
            &converted.map(|kind| kind.clone().unwrap_or_else(|| own.clone())),
        ))
    }

    /// The shape of the fields, where values are not converted.
    fn own(&self) -> syn::Result<TokenStream> {
        match &self.input.data {
            Data::Enum(data) => self.of_enum(data),
            Data::Struct(data) if self.serde.has("transparent") => {
                self.of_transparent(&data.fields)
            }
            Data::Struct(data) => self.of_struct(&data.fields),
            Data::Union(_) => Ok(TokenStream::new()),
        }
    }

    fn of_struct(&self, of: &Fields) -> syn::Result<TokenStream> {
        let content = fields::content(self, of, &Names::of(&self.serde.rename_all))?;
        let content = match of {
            Fields::Unit => shape("unit_struct", &[]),
            _ => content,
        };
        let mut notes = self.notes();
        if let Some(tag) = &self.serde.tag {
            // The one place where the name of a struct is written.
            let own = self.input.ident.unraw().to_string();
            let rename = self
                .serde
                .rename
                .map(|name| name.clone().unwrap_or_else(|| own.clone()));
            notes.push(shape("internal", &[text(tag), super::name(&rename)]));
        }
        Ok(noted(content, notes))
    }

    fn of_transparent(&self, of: &Fields) -> syn::Result<TokenStream> {
        let mut shown = Vec::new();
        for field in of {
            let serde = Serde::read(&field.attrs)?;
            let counts = serde.skip == Ways::default() && serde.default.is_none();
            if counts && !is_phantom(&field.ty) {
                shown.push(field);
            }
        }
        match shown[..] {
            [field] => fields::of_value(self, field, &OfField::read(&field.attrs)?),
            _ => Err(syn::Error::new_spanned(
                &self.input.ident,
                "`#[serde(transparent)]` expects one field that is written, found another number",
            )),
        }
    }

    fn of_enum(&self, data: &DataEnum) -> syn::Result<TokenStream> {
        let mut parts = vec![self.tagging()];
        for variant in &data.variants {
            parts.extend(variants::of_variant(self, variant)?);
        }
        Ok(noted(shape("enum", &parts), self.notes()))
    }

    fn tagging(&self) -> TokenStream {
        match (&self.serde.tag, &self.serde.content) {
            _ if self.serde.has("untagged") => shape("untagged", &[]),
            (Some(tag), Some(content)) => shape("adjacent", &[text(tag), text(content)]),
            (Some(tag), None) => shape("internal", &[text(tag)]),
            _ => shape("external", &[]),
        }
    }

    /// What decides how missing and unknown fields are read.
    fn notes(&self) -> Vec<TokenStream> {
        let unknown = self.serde.has("deny_unknown_fields");
        let unknown = unknown.then(|| text("deny_unknown_fields"));
        let default = self.serde.default.as_ref();
        let default = default.map(|path| shape("default", &[text(path)]));
        unknown.into_iter().chain(default).collect()
    }

    fn refuse_attributes_within(&self) -> syn::Result<()> {
        let refuse_in = |field: &Field| {
            let text = "expected no attribute here, since `#[cacheable(shape = \"...\")]` on the \
                        type names the shape of all fields; remove one of the two";
            refuse(&field.attrs, text)
        };
        match &self.input.data {
            Data::Struct(data) => data.fields.iter().try_for_each(refuse_in),
            Data::Enum(data) => {
                let fields = data.variants.iter().flat_map(|variant| &variant.fields);
                fields.into_iter().try_for_each(refuse_in)
            }
            Data::Union(_) => Ok(()),
        }
    }
}

fn is_phantom(kind: &Type) -> bool {
    let Type::Path(kind) = kind else {
        return false;
    };
    let last = kind.path.segments.last();
    last.is_some_and(|last| last.ident == "PhantomData")
}
