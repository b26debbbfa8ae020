//! Namespaces and keys of a Larder cache.
//!
//! A [`Keyspace`] knows the namespaces by name and builds the physical keys of their
//! values, so that no two inputs make the same key and none reaches another namespace:
//!
//! ```
//! use larder_cache_core::{KeyPrefix, Namespace};
//! use larder_keyspace::Keyspace;
//!
//! let keyspace = Keyspace::new(KeyPrefix::new("app")?);
//! keyspace.register(Namespace::new("users").prefix("user"))?;
//! assert_eq!(keyspace.build_key("profile:123", "users")?.as_str(), "app:user:profile:123");
//! assert!(!keyspace.validate_key("", "users", None)?.is_valid());
//! # Ok::<(), larder_cache_core::Error>(())
//! ```
//!
//! # What this crate does not do
//! It stores no values. It talks to a backend only where analytics are asked about stored keys or
//! shared with other processes.

#[cfg(feature = "analytics")]
mod advice;
#[cfg(feature = "analytics")]
pub mod analytics;
#[cfg(feature = "analytics")]
mod curve;
mod dependencies;
#[cfg(feature = "analytics")]
mod key_hash;
mod keys;
mod registry;

pub use self::dependencies::{Cascade, Dependencies, Dependency, Target};
pub use self::keys::{
    BuiltKey, KeyAdvice, KeyFault, KeyOptions, Validation, Verdict, sanitize_key, typed_key,
};
pub use self::registry::{Keyspace, Located, Registered, default_namespaces};
