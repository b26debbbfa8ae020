//! Scans: from the backend's pages to batches of keys.

use futures_core::Stream;
use futures_util::stream;
use larder_cache_core::{Cursor, Glob, Result};

use crate::handle::NamespaceHandle;

/// Batches of the keys that match and that `get` would find; empty ones are left out.
pub(crate) fn pages(
    namespace: NamespaceHandle,
    pattern: Glob,
) -> impl Stream<Item = Result<Vec<String>>> + Send + use<> {
    let begin = (namespace, pattern, Some(Cursor::start()));
    stream::try_unfold(begin, |(namespace, pattern, mut cursor)| async move {
        while let Some(at) = cursor {
            let mut budget = namespace.shared.budget(None);
            let (keys, next) = namespace.scan_page(at, &pattern, &mut budget).await?;
            let keys = namespace.only_fresh(keys, &mut budget).await?;
            if !keys.is_empty() {
                return Ok(Some((keys, (namespace, pattern, next))));
            }
            cursor = next;
        }
        Ok(None)
    })
}

/// The pattern for the backend. Physical keys write `{`, `}` and `%` in another way than
/// user keys, so a pattern that could mean one of these is matched here, key by key, and
/// the backend only narrows the scan to the namespace.
pub(crate) fn physical_pattern(namespace_start: &str, pattern: &Glob) -> Glob {
    let everything = Glob::new("*");
    let plain = !pattern.as_str().contains(['{', '}', '%', '[', '?']);
    if plain { pattern } else { &everything }.behind(namespace_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &str) {
        let physical = physical_pattern("app:user:", &Glob::new(pattern));
        assert_eq!(physical.as_str(), expected);
    }

    #[test]
    fn patterns_narrow_the_scan_only_where_they_can() {
        check("profile:*", "app:user:profile:*");
        check(r"a\*b", r"app:user:a\*b");
        check("{evil}", "app:user:*");
        check("a?", "app:user:*");
        check("[a-z]*", "app:user:*");
    }
}
