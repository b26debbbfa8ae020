//! The implementation of the trait for a type.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Path, Type, parse_quote};

use crate::attributes::{OfContainer, Serde};
use crate::recursion::Itself;
use crate::shapes::{self, Container};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    refuse_what_can_not_be_cached(input)?;
    let own = OfContainer::read(&input.attrs)?;
    let container = Container {
        input,
        serde: Serde::read(&input.attrs)?,
        itself: Itself::of(input),
    };
    let shape = container.shape(own.shape.as_ref())?;
    let library = &own.library;
    let name = &input.ident;
    let (_, type_generics, _) = input.generics.split_for_impl();
    let generics = bounded(input, library);
    let (impl_generics, _, bounds) = generics.split_for_impl();
    let check = check(&own, &quote!(#name #type_generics));
    let earlier = earlier(&own, &check);
    // The check within a function is made where that is used; this one at once.
    let at_once = own
        .from
        .first()
        .filter(|_| input.generics.params.is_empty());
    let at_once = at_once.map(|_| quote!(const _: () = { #check };));
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #library::Cacheable for #name #type_generics #bounds {
            const FINGERPRINT: u64 = {
                use #library::schema as __schema;
                #shape
            };
            #earlier
        }
        #at_once
    })
}

fn refuse_what_can_not_be_cached(input: &DeriveInput) -> syn::Result<()> {
    if let Data::Union(data) = &input.data {
        let text = "expected a struct or an enum, found a union, which serde can't write";
        return Err(syn::Error::new_spanned(data.union_token, text));
    }
    if let Some(lifetime) = input.generics.lifetimes().next() {
        let text = "expected a type that owns its data, found a lifetime; what is cached outlives \
                    the call that cached it: store `String` in place of `&str`";
        return Err(syn::Error::new_spanned(lifetime, text));
    }
    Ok(())
}

/// The shape of a type parameter is a part of the type's.
fn bounded(input: &DeriveInput, library: &Path) -> syn::Generics {
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#library::Cacheable));
    }
    generics
}

/// What the type can be converted from.
fn earlier(own: &OfContainer, check: &TokenStream) -> Option<TokenStream> {
    let library = &own.library;
    let conversions = own.from.iter().map(|old| conversion(old, library));
    (!own.from.is_empty()).then(|| {
        quote! {
            fn earlier() -> ::std::vec::Vec<#library::Earlier> {
                const { #check }
                ::std::vec::Vec::from([#(#conversions),*])
            }
        }
    })
}

/// Refuses earlier types that values would never be converted from.
fn check(own: &OfContainer, itself: &TokenStream) -> TokenStream {
    let library = &own.library;
    let fingerprints = own.from.iter().map(shapes::of_type);
    quote! {
        use #library::schema as __schema;
        __schema::check_earlier(
            <#itself as __schema::Cacheable>::FINGERPRINT,
            &[#(#fingerprints),*],
        );
    }
}

/// With the place of the old type, for the error where there is no `From`.
fn conversion(old: &Type, library: &Path) -> TokenStream {
    let of = quote_spanned!(old.span()=> of::<#old, Self>());
    quote!(#library::Earlier::#of)
}
