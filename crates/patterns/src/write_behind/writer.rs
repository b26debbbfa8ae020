//! What writes to the database, and how it says that it could not.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use larder_cache_core::Sequence;

/// A write for the database: of its key as a whole.
pub struct Update<V> {
    /// The key.
    pub key: String,
    /// The value; `None`: it is to be deleted.
    pub value: Option<Arc<V>>,
    /// Grows with each write of the key. A writer that keeps it in the row and leaves rows with
    /// a larger one alone may be asked twice, or be late, without harm.
    pub sequence: Sequence,
}

impl<V> Clone for Update<V> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            value: self.value.clone(),
            sequence: self.sequence,
        }
    }
}

impl<V> fmt::Debug for Update<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("key", &self.key)
            .field("deletes", &self.value.is_none())
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

/// Why a batch was not written.
///
/// Any error turns into [`Failed`](WriteFailure::Failed) with `?`.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteFailure {
    /// It did not work this time. The batch is tried again, in smaller parts, so that what is
    /// wrong with one write does not keep back the others.
    Failed(Box<dyn StdError + Send + Sync>),
    /// These writes can never be made, so that they go to the dead letters at once. The others
    /// of the batch are tried again.
    Refused(Vec<Refusal>),
}

/// A write that can never be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Of which key.
    pub key: String,
    /// Why, for people.
    pub reason: String,
}

impl WriteFailure {
    /// One write that can never be made.
    pub fn refused(key: impl Into<String>, reason: impl Into<String>) -> Self {
        let (key, reason) = (key.into(), reason.into());
        Self::Refused(vec![Refusal { key, reason }])
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for WriteFailure {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error))
    }
}

type Writing = Pin<Box<dyn Future<Output = Result<(), WriteFailure>> + Send>>;

/// The writer, whatever its type.
pub(super) struct Writer<V>(Box<dyn Fn(Vec<Update<V>>) -> Writing + Send + Sync>);

impl<V: 'static> Writer<V> {
    pub(super) fn new<F, Fut>(writer: F) -> Self
    where
        F: Fn(Vec<Update<V>>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), WriteFailure>> + Send + 'static,
    {
        Self(Box::new(move |updates| Box::pin(writer(updates))))
    }

    pub(super) fn write(&self, updates: Vec<Update<V>>) -> Writing {
        (self.0)(updates)
    }
}
