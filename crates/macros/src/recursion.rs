//! Types that contain themselves: their fingerprint can't be a part of itself, so a marker
//! stands in its place, in whatever wrapper.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{DeriveInput, Type, TypePath, parse_quote};

use crate::token_text::token_text;

/// The type that is derived for, as its own fields name it.
pub(crate) struct Itself {
    name: Ident,
    generics: String,
}

impl Itself {
    pub(crate) fn of(input: &DeriveInput) -> Self {
        let (_, generics, _) = input.generics.split_for_impl();
        Self {
            name: input.ident.clone(),
            generics: token_text(generics.into_token_stream()),
        }
    }

    /// The type with `Itself` wherever it names the type that is derived for: what else it names
    /// still counts.
    pub(crate) fn replaced_in(&self, kind: &Type) -> Type {
        let mut kind = kind.clone();
        Replacement(self).visit_type_mut(&mut kind);
        kind
    }

    fn is(&self, kind: &Type) -> bool {
        let Type::Path(TypePath {
            qself: None, path, ..
        }) = kind
        else {
            return false;
        };
        let (None, 1, Some(last)) = (
            path.leading_colon,
            path.segments.len(),
            path.segments.last(),
        ) else {
            return false;
        };
        let generics = token_text(last.arguments.to_token_stream());
        last.ident == "Self" || (last.ident == self.name && generics == self.generics)
    }
}

struct Replacement<'a>(&'a Itself);

impl VisitMut for Replacement<'_> {
    fn visit_type_mut(&mut self, kind: &mut Type) {
        if self.0.is(kind) {
            *kind = parse_quote!(__schema::Itself);
        } else {
            visit_mut::visit_type_mut(self, kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_itself_is_replaced_and_nothing_else() {
        let input: DeriveInput = parse_quote!(
            struct Tree<T, const N: usize>;
        );
        let itself = Itself::of(&input);
        let check = |kind: Type, expected: Type| {
            let replaced = itself.replaced_in(&kind).to_token_stream();
            assert_eq!(token_text(replaced), token_text(expected.to_token_stream()));
        };
        check(
            parse_quote!(HashMap<Key, Vec<Tree<T, N>>>),
            parse_quote!(HashMap<Key, Vec<__schema::Itself>>),
        );
        check(parse_quote!(Box<Self>), parse_quote!(Box<__schema::Itself>));
        check(
            parse_quote!((u8, [Self; 2])),
            parse_quote!((u8, [__schema::Itself; 2])),
        );
        for other in [
            "Tree<u8, N>",
            "other::Tree<T, N>",
            "::Tree<T, N>",
            "Leaf<T, N>",
        ] {
            let other: Type = syn::parse_str(other).unwrap();
            check(other.clone(), other);
        }
    }
}
