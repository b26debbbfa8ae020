//! What can be cached.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type whose values can be cached. Implemented for all that qualify.
pub trait Value: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<V: Serialize + DeserializeOwned + Send + Sync + 'static> Value for V {}
