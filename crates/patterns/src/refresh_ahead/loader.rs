//! The loader of a refresh-ahead, whatever its shape.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use larder_cache::Loaded;

type Found<V, E> = Result<HashMap<String, Loaded<V>>, E>;
type Loading<V, E> = Pin<Box<dyn Future<Output = Found<V, E>> + Send>>;

/// Loads many keys, or one after the other.
pub(super) struct Loader<V, E>(Arc<dyn Fn(Vec<String>) -> Loading<V, E> + Send + Sync>);

impl<V: Send + 'static, E: 'static> Loader<V, E> {
    /// One that is asked for one key at a time.
    pub(super) fn of_one<R, F, Fut>(loader: F) -> Self
    where
        R: Into<Loaded<V>>,
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        let loader = Arc::new(loader);
        Self(Arc::new(move |keys| {
            let loader = Arc::clone(&loader);
            Box::pin(async move {
                let mut found = HashMap::with_capacity(keys.len());
                for key in keys {
                    let loaded = loader(key.clone()).await?.into();
                    found.insert(key, loaded);
                }
                Ok(found)
            })
        }))
    }

    /// One that is asked for many keys at once.
    pub(super) fn of_many<R, M, F, Fut>(loader: F) -> Self
    where
        R: Into<Loaded<V>>,
        M: IntoIterator<Item = (String, R)>,
        F: Fn(Vec<String>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<M, E>> + Send + 'static,
    {
        let loader = Arc::new(loader);
        Self(Arc::new(move |keys| {
            let loader = Arc::clone(&loader);
            Box::pin(async move {
                let found = loader(keys).await?.into_iter();
                Ok(found.map(|(key, found)| (key, found.into())).collect())
            })
        }))
    }

    pub(super) async fn load_many(self, keys: Vec<String>) -> Found<V, E> {
        (self.0)(keys).await
    }

    /// A key that the loader leaves out has no value.
    pub(super) async fn load(self, key: String) -> Result<Loaded<V>, E> {
        let mut found = (self.0)(vec![key.clone()]).await?;
        Ok(found.remove(&key).unwrap_or_else(Loaded::absent))
    }
}

impl<V, E> Clone for Loader<V, E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
