//! Keys: built, judged, and made fit.

mod building;
mod sanitizing;
mod typed;
mod verdict;

pub use self::building::{BuiltKey, KeyOptions, Validation};
pub use self::sanitizing::sanitize_key;
pub use self::typed::typed_key;
pub use self::verdict::{KeyAdvice, KeyFault, Verdict};
