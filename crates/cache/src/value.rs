//! What can be cached.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type whose values can be cached. Implemented for all that qualify.
///
/// A value that is nested deeper than 128 levels can be stored but is a miss to its readers, whose
/// stacks nobody who writes to the backend must be able to overflow.
pub trait Value: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<V: Serialize + DeserializeOwned + Send + Sync + 'static> Value for V {}
