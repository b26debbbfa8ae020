//! Which keys there are: from the backend's pages to batches of keys.

use futures_core::Stream;
use futures_util::stream;
use larder_cache_core::{Cursor, Glob, Result, Tag, check_key};

use crate::handle::NamespaceHandle;
use crate::shared::Budget;

/// How many keys a scan asks for at a time.
const SCAN_PAGE: usize = 512;

impl NamespaceHandle {
    /// The keys that match a Redis glob pattern and that `get` would find in the backend,
    /// as a stream of batches. A key present all the while is in at least one of them.
    ///
    /// What is data in a pattern is escaped by [`Glob::escape`].
    ///
    /// # Cost
    /// A scan of the whole backend, a page of 512 keys at a time, and the headers of the
    /// keys of each page. Nothing is read ahead. The budget is per page.
    pub fn keys_by_pattern(
        &self,
        pattern: &str,
    ) -> impl Stream<Item = Result<Vec<String>>> + Send + use<> {
        batches(self.clone(), Glob::new(pattern), Ok(None))
    }

    /// The keys of the values that carry a tag and that `get` would find in the backend, as
    /// a stream of batches. A key present all the while is in at least one of them.
    ///
    /// A tag that is none makes the stream's first item an error.
    ///
    /// # Cost
    /// As [`keys_by_pattern`](NamespaceHandle::keys_by_pattern) with `*`: the header of each
    /// entry of the namespace is looked at, since nothing lists the entries of a tag. No call
    /// blocks the server for longer than a page of 512 keys.
    ///
    /// # Example
    /// ```
    /// use futures_util::TryStreamExt;
    /// use larder_cache::SetOptions;
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder_cache_core::Result<()> {
    /// # let backend = Arc::new(larder_memory_backend::MemoryBackend::new(64 << 20));
    /// # let cache = larder_cache::CacheBuilder::new().build(backend)?;
    /// let users = cache.namespace("default")?.typed::<String>();
    /// let vip = SetOptions::new().tags(["vip"]);
    /// users.set_with("profile:7", "Ada".to_owned(), vip).await?;
    /// let batches: Vec<Vec<String>> = users.keys_with_tag("vip").try_collect().await?;
    /// assert_eq!(batches.concat(), ["profile:7"]);
    /// # Ok(()) }
    /// ```
    pub fn keys_with_tag(
        &self,
        tag: &str,
    ) -> impl Stream<Item = Result<Vec<String>>> + Send + use<> {
        batches(self.clone(), Glob::new("*"), Tag::new(tag).map(Some))
    }

    /// One page of a scan: the user keys of this namespace that match.
    pub(crate) async fn scan_page(
        &self,
        at: Cursor,
        pattern: &Glob,
        budget: &mut Budget,
    ) -> Result<(Vec<String>, Option<Cursor>)> {
        let settings = self.settings();
        let prefix = self.shared.keyspace.prefix();
        let physical = physical_pattern(&prefix.namespace_start(&settings.prefix), pattern);
        let backend = &self.shared.backend;
        let page = self
            .shared
            .call("scan", budget, |call| {
                backend.scan(at, &physical, SCAN_PAGE, call)
            })
            .await?;
        let ours = page.keys.iter().filter_map(|key| {
            let key = prefix.user_key(&settings.prefix, key)?;
            // Other programs store what can't be a key.
            let is_ours = check_key(&key).is_ok() && pattern.matches(&key);
            is_ours.then(|| key.into_owned())
        });
        Ok((ours.collect(), page.next))
    }

    /// Of these keys, those that `get` would find, and of these those that carry the tag.
    async fn only_fresh(
        &self,
        mut keys: Vec<String>,
        tag: Option<&Tag>,
        budget: &mut Budget,
    ) -> Result<Vec<String>> {
        let settings = self.settings();
        // The namespace's patterns may be younger than what is stored.
        keys.retain(|key| settings.check_key(key).is_ok());
        let texts: Vec<&str> = keys.iter().map(String::as_str).collect();
        let physical = self.shared.stored_keys(&settings, &texts)?;
        let fresh = self.fresh_with(tag, &physical, budget).await?;
        let keys = keys.into_iter().zip(fresh);
        Ok(keys.filter_map(|(key, fresh)| fresh.map(|_| key)).collect())
    }
}

/// Batches of the keys that match and that `get` would find; empty ones are left out.
fn batches(
    namespace: NamespaceHandle,
    pattern: Glob,
    tag: Result<Option<Tag>>,
) -> impl Stream<Item = Result<Vec<String>>> + Send + use<> {
    let begin = (namespace, pattern, tag, Some(Cursor::start()));
    stream::try_unfold(begin, |(namespace, pattern, tag, mut cursor)| async move {
        let tag = tag?;
        while let Some(at) = cursor {
            let mut budget = namespace.shared.budget(None);
            let (keys, next) = namespace.scan_page(at, &pattern, &mut budget).await?;
            let keys = namespace.only_fresh(keys, tag.as_ref(), &mut budget);
            let keys = keys.await?;
            if !keys.is_empty() {
                return Ok(Some((keys, (namespace, pattern, Ok(tag), next))));
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
