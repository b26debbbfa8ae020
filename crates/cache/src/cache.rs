//! The cache of a process.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Backend, KeyPrefix, Namespace, Result};
use larder_keyspace::{BuiltKey, KeyOptions, Verdict};

use crate::handle::NamespaceHandle;
use crate::health::Health;
use crate::hold::Hold;
use crate::shared::Shared;
use crate::stats::Stats;

/// The cache of a process: two tiers, and the namespaces that share them.
///
/// Cheap to clone. One process needs one: all its namespaces share the connections, one
/// byte budget in memory, and one table of loads under way. When the last clone is
/// dropped, tasks in the background are aborted and nobody waits; to end in order, call
/// [`shutdown`](Cache::shutdown).
///
/// ```
/// use std::sync::Arc;
/// use larder_cache::CacheBuilder;
/// use larder_memory_backend::MemoryBackend;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder_cache_core::Result<()> {
/// let backend = Arc::new(MemoryBackend::new(64 << 20));
/// let cache = CacheBuilder::new().build(backend)?;
/// let names = cache.namespace("default")?.typed::<String>();
/// names.set("7", "Ada".to_owned()).await?;
/// assert_eq!(*names.get("7").await?.unwrap(), "Ada");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    shared: Hold,
}

impl Cache {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared: Hold::new(shared),
        }
    }

    pub(crate) fn hold(&self) -> &Hold {
        &self.shared
    }

    /// The handle of a namespace.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`, naming those that are known; kind `Config` for one
    /// that is to be encrypted, where its values would leave the process and there is no key.
    pub fn namespace(&self, name: &str) -> Result<NamespaceHandle> {
        let registered = self.shared.keyspace.get(name)?;
        self.shared.payload.check(&registered.settings())?;
        Ok(NamespaceHandle {
            shared: self.shared.clone(),
            space: self.shared.spaces.of(registered),
        })
    }

    /// Registers a namespace while the cache is in use. A default namespace that was not
    /// registered before takes the new settings, as by
    /// [`update_namespace`](Cache::update_namespace).
    ///
    /// # Errors
    /// Kind `Config` when its settings can't work, or its name or prefix is taken.
    pub fn register(&self, namespace: Namespace) -> Result<NamespaceHandle> {
        let name = namespace.name.clone();
        self.shared.payload.check(&namespace)?;
        let before = self.shared.keyspace.find(&name);
        let before = before.map(|known| known.settings());
        let registered = self.shared.keyspace.register(namespace)?;
        if before.is_some_and(|before| before != registered.settings()) {
            self.shared.outdate_space(registered.id());
        }
        self.namespace(&name)
    }

    /// Changes the settings of a namespace, for all that is read and stored from now on.
    /// What L1 holds of it is dropped, and what is being loaded is not stored.
    ///
    /// `change` must not call the cache.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`, or `Config` when the new settings can't work.
    pub fn update_namespace(
        &self,
        name: &str,
        change: impl FnOnce(Namespace) -> Namespace,
    ) -> Result<()> {
        self.shared.update_namespace(name, change)
    }

    /// The settings of all namespaces, in the order of registration.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Arc<Namespace>> {
        let all = self.shared.keyspace.list();
        all.iter().map(|registered| registered.settings()).collect()
    }

    /// The physical key of a value: where another program finds it in the backend.
    ///
    /// # Errors
    /// Kind `UnknownNamespace` or `InvalidKey`.
    pub fn build_key(&self, key: &str, namespace: &str) -> Result<String> {
        let key = self.shared.keyspace.build_key(key, namespace)?;
        Ok(key.as_str().to_owned())
    }

    /// Builds a key with tags, of a pattern of its namespace, and if asked so from what is no
    /// key as it stands: what a write of its value takes.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`, `Config` for a pattern that the namespace does not have,
    /// `InvalidTag`; kind `InvalidKey` with all that is wrong with the key.
    ///
    /// # Example
    /// ```
    /// use std::sync::Arc;
    /// use larder_cache::{CacheBuilder, KeyOptions, SetOptions};
    /// use larder_cache_core::Namespace;
    /// use larder_memory_backend::MemoryBackend;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder_cache_core::Result<()> {
    /// let users = Namespace::new("users").key_pattern("user_profile", "profile:{id}");
    /// let backend = Arc::new(MemoryBackend::new(64 << 20));
    /// let cache = CacheBuilder::new().namespace(users).build(backend)?;
    /// let options = KeyOptions::new().tags(["active"]).pattern("user_profile");
    /// let key = cache.build_key_with("profile:7", "users", &options)?;
    /// let users = cache.namespace("users")?.typed::<String>();
    /// let tagged = SetOptions::new().tags(key.tags.clone());
    /// users.set_with(&key, "Ada".to_owned(), tagged).await?;
    /// # Ok(()) }
    /// ```
    pub fn build_key_with(
        &self,
        key: impl AsRef<[u8]>,
        namespace: &str,
        options: &KeyOptions,
    ) -> Result<BuiltKey> {
        self.shared.keyspace.build_key_with(key, namespace, options)
    }

    /// Judges a key: whether it can be used in a namespace, if not all that speaks against
    /// it, and what would be better. `pattern` names the one that it must be of; without it,
    /// any of the namespace's does.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`, or `Config` for a pattern that the namespace does not have.
    /// What is wrong with the key is no error of this call.
    pub fn validate_key(
        &self,
        key: impl AsRef<[u8]>,
        namespace: &str,
        pattern: Option<&str>,
    ) -> Result<Verdict> {
        self.shared.keyspace.validate_key(key, namespace, pattern)
    }

    /// The backend, for what works beside the cache, such as analytics that processes share.
    /// What is written past the cache, L1 does not know of.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.shared.backend
    }

    /// What all keys in the backend begin with.
    #[must_use]
    pub fn key_prefix(&self) -> &KeyPrefix {
        self.shared.keyspace.prefix()
    }

    /// Asks whether the cache is well.
    ///
    /// # Cost
    /// One or two round trips.
    pub async fn health(&self) -> Health {
        self.shared.health().await
    }

    /// What the cache did since it was built, and what it holds now, in this process.
    ///
    /// # Cost
    /// No round trip.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let spaces = self.shared.spaces.list();
        let namespaces = spaces
            .iter()
            .map(|space| space.counters.snapshot(space.registered.name()))
            .collect();
        Stats {
            namespaces,
            l1: self.shared.l1_stats(),
            connections: self.shared.backend.connections(),
            background_tasks: self.shared.tasks.count(),
        }
    }

    /// Ends the cache: takes no new loads, waits for those that run, aborts what is left at
    /// the deadline, and closes the connections. Says what was left.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        let began = self.shared.clock.now();
        let aborted = self.shared.tasks.drain(deadline).await;
        self.shared.close_backend().await;
        ShutdownReport {
            aborted,
            elapsed: self.shared.clock.now().since(began),
        }
    }
}

/// What a shutdown left undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct ShutdownReport {
    /// The tasks that were aborted, by what they did.
    pub aborted: Vec<String>,
    /// How long the shutdown took.
    pub elapsed: Duration,
}

impl ShutdownReport {
    /// Whether nothing was left undone.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.aborted.is_empty()
    }
}
