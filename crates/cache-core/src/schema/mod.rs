//! Types whose serialized shape has a fingerprint.

mod collections;
mod composed;
mod pointers;
mod scalars;
mod shape;

use std::any::Any;

#[doc(hidden)]
pub use self::shape::{Itself, both, check_earlier, field, shape, text, variant};

/// A type with a stable fingerprint of its serialized shape. Derive it: `#[derive(Cacheable)]`.
///
/// Types that serde writes the same way have the same fingerprint, whatever they are called:
/// `Box<T>`, `Arc<T>`, `Cow<T>` and a struct of one unnamed field that of `T`; `Vec<T>`,
/// `VecDeque<T>` and the sets one of their own; `usize` that of `u64`. What the derive knows is
/// in `docs/schema.md`.
///
/// By hand, the fingerprint is a number other than 0 that changes with the type:
///
/// ```
/// use larder_cache_core::Cacheable;
///
/// struct Money(String);
///
/// impl Cacheable for Money {
///     const FINGERPRINT: u64 = 1;
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the serialized shape of `{Self}` is not known",
    label = "`{Self}` does not implement `Cacheable`",
    note = "derive Cacheable for it, or name its shape with #[cacheable(shape = \"...\")]"
)]
pub trait Cacheable: Sized + 'static {
    /// Differs whenever the serialized shape differs. Never 0.
    const FINGERPRINT: u64;

    /// The shapes that a value can be converted from. Default: none.
    #[must_use]
    fn earlier() -> Vec<Earlier> {
        Vec::new()
    }
}

/// A shape that values of a type can be converted from.
#[derive(Clone, Copy, Debug)]
pub struct Earlier {
    fingerprint: u64,
    read: Read,
}

type Read = fn(&mut dyn erased_serde::Deserializer<'_>) -> erased_serde::Result<Box<dyn Any>>;

impl Earlier {
    /// Values of `Old` become values of `V`.
    #[must_use]
    pub fn of<Old, V>() -> Self
    where
        Old: Cacheable + serde::de::DeserializeOwned,
        V: From<Old> + 'static,
    {
        Self {
            fingerprint: Old::FINGERPRINT,
            read: |deserializer| {
                let old: Old = erased_serde::deserialize(deserializer)?;
                Ok(Box::new(V::from(old)))
            },
        }
    }
}

/// The type that a namespace stores.
#[derive(Clone, Debug)]
pub struct Schema {
    fingerprint: u64,
    earlier: Vec<Earlier>,
}

impl Schema {
    /// The schema of a type.
    #[must_use]
    pub fn of<V: Cacheable>() -> Self {
        Self {
            fingerprint: V::FINGERPRINT,
            earlier: V::earlier(),
        }
    }

    /// What stands in the headers of entries.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Whether entries with this fingerprint can be read.
    #[must_use]
    pub fn reads(&self, fingerprint: u64) -> bool {
        self.fingerprint == fingerprint || self.converter(fingerprint).is_some()
    }

    /// Reads a value of an earlier shape and converts it; `None` where that is no earlier
    /// shape, the bytes are none of it, or `V` is not the type of this schema.
    pub fn convert<V: 'static>(
        &self,
        fingerprint: u64,
        deserializer: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Option<V> {
        let earlier = self.converter(fingerprint)?;
        let value = (earlier.read)(deserializer).ok()?;
        value.downcast().ok().map(|value| *value)
    }

    fn converter(&self, fingerprint: u64) -> Option<&Earlier> {
        self.earlier.iter().find(|e| e.fingerprint == fingerprint)
    }
}

/// Two schemas are equal where their types have the same shape.
impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}
