//! Loads: from a miss to a value, once.

mod batch;
mod error;
mod fill;
mod flight;
mod job;
mod lease;
mod loaded;
mod options;
mod refresh;
mod refresh_many;
mod repair;
mod request;
mod single;

pub(crate) use self::batch::Batch;
pub use self::error::LoadError;
pub(crate) use self::flight::Flights;
pub(crate) use self::loaded::Keeping;
pub use self::loaded::Loaded;
pub(crate) use self::options::{LoadOptions, Wanted};
pub(crate) use self::refresh::Refreshing;
pub use self::refresh_many::Refreshed;
pub use self::request::{LoadRequest, ManyKeys, OneKey};
pub(crate) use self::single::{Renewal, Single};
