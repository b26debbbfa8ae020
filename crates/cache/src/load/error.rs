//! How a load fails.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use larder_cache_core::Error;

/// Why a load gave no value. The loader's own error keeps its type, and is shared by all
/// callers that waited for it.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The cache refused the call: a bad key, tag or time to live, another type under the
    /// key, or a cache that was shut down. Never because the backend is down.
    Cache(Error),
    /// The loader failed, and there was no stale value to serve instead.
    Loader(Arc<E>),
    /// The loader panicked.
    Panicked,
    /// The loader took longer than the caller would wait. It goes on in the background.
    Deadline,
}

impl<E> LoadError<E> {
    /// The loader's own error, if that is what failed.
    #[must_use]
    pub fn loader(&self) -> Option<&E> {
        match self {
            Self::Loader(error) => Some(error),
            _ => None,
        }
    }
}

impl<E> Clone for LoadError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Cache(error) => Self::Cache(error.clone()),
            Self::Loader(error) => Self::Loader(Arc::clone(error)),
            Self::Panicked => Self::Panicked,
            Self::Deadline => Self::Deadline,
        }
    }
}

impl<E> From<Error> for LoadError<E> {
    fn from(error: Error) -> Self {
        Self::Cache(error)
    }
}

impl<E: fmt::Display> fmt::Display for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cache(error) => write!(f, "the cache refused the load: {error}"),
            Self::Loader(error) => write!(f, "the loader failed: {error}"),
            Self::Panicked => f.write_str("the loader panicked; its message is in the log"),
            Self::Deadline => f.write_str(
                "the loader took longer than the call would wait; raise the call's timeout, \
                 or make the loader faster",
            ),
        }
    }
}

impl<E: StdError + 'static> StdError for LoadError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Cache(error) => Some(error),
            Self::Loader(error) => Some(&**error),
            Self::Panicked | Self::Deadline => None,
        }
    }
}
