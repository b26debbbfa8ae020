//! The one place that knows how the cache is asked to keep processes in step.

use std::time::Duration;

use larder::{
    Builder, Error, ErrorKind, L1, Namespace, Result, TypedCache, Value, WriteError, Written,
};
use larder_cache_core::Tags;

/// A namespace whose values processes keep in step.
pub(crate) fn coherent(name: &str, max_staleness: Duration) -> Namespace {
    let l1 = L1::Coherent {
        max_staleness,
        outage_ttl: Duration::ZERO,
    };
    Namespace::new(name).jitter(0.0).l1(l1)
}

/// How long the right to load a key lasts.
pub(crate) fn lease(builder: Builder, lasts: Duration) -> Builder {
    builder.lease(lasts)
}

/// Makes all values with a tag invalid.
pub(crate) async fn invalidate_tag<V: Value>(items: &TypedCache<V>, tag: &str) -> Result<()> {
    items.invalidate_tags(Tags::any([tag])).await.map(drop)
}

/// Writes a value to where it comes from and to the cache, in that order as far as anybody sees.
///
/// # Errors
/// Where it is not known that all see it, whether it was written or not.
pub(crate) async fn write_through<V, F, Fut>(
    items: &TypedCache<V>,
    key: &str,
    value: V,
    writer: F,
) -> Result<()>
where
    V: Value,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = std::io::Result<()>> + Send + 'static,
{
    match items.write_through(key, value, writer).await {
        Ok(Written::Cached | Written::Invalidated) => Ok(()),
        Ok(Written::Unconfirmed(error)) | Err(WriteError::Cache(error)) => Err(error),
        Ok(other) => Err(Error::new(ErrorKind::Server, format!("{other:?}"))),
        Err(error) => Err(Error::new(ErrorKind::Server, format!("{error:?}"))),
    }
}
