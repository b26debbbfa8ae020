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
//! assert!(keyspace.validate_key("", "users").is_err());
//! # Ok::<(), larder_cache_core::Error>(())
//! ```
//!
//! # What this crate does not do
//! It stores no values and talks to no backend.

mod defaults;
#[cfg(feature = "analytics")]
#[expect(dead_code, reason = "analytics and curve come next")]
mod key_hash;
mod keyspace;
mod registered;

pub use self::defaults::default_namespaces;
pub use self::keyspace::{Keyspace, Located};
pub use self::registered::Registered;
