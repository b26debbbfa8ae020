//! Where a request wants its answer from.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// Where a request wants its answer from: `?cache=bypass` or the header `x-cache: bypass`
/// asks the database, which shows what the same read takes without a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The cache, which asks the database where it has to.
    Cache,
    /// The database, past the cache.
    Database,
}

impl<S: Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = parts.headers.get("x-cache");
        let query = parts.uri.query().unwrap_or_default();
        if header.is_some_and(|value| value == "bypass")
            || query.split('&').any(|pair| pair == "cache=bypass")
        {
            return Ok(Self::Database);
        }
        Ok(Self::Cache)
    }
}
