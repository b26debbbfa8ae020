//! The registry: namespaces by name, by prefix, and in their order.

mod closest;
mod defaults;
mod keyspace;
mod registered;
mod table;

pub use self::defaults::default_namespaces;
pub use self::keyspace::{Keyspace, Located};
pub use self::registered::Registered;
