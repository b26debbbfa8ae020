//! The registry of namespaces, and the keys built from it.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

use larder_cache_core::{Error, ErrorKind, Key, KeyPrefix, Namespace, Result, check_key};

use crate::defaults::default_namespaces;
use crate::registered::Registered;

/// The namespaces of a cache, by name.
///
/// # Concurrency
/// Namespaces can be registered and updated while the cache is in use; readers never wait
/// for more than the copying of a pointer.
#[derive(Debug)]
pub struct Keyspace {
    prefix: KeyPrefix,
    namespaces: RwLock<Vec<Arc<Registered>>>,
}

/// What stands under a physical key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Located<'k> {
    /// A value.
    Value {
        /// The number of its namespace.
        namespace: u32,
        /// The user key.
        key: Cow<'k, str>,
    },
    /// The epoch of a tag or of a namespace.
    Epoch,
}

impl Keyspace {
    /// The [default namespaces](default_namespaces), under a key prefix.
    #[must_use]
    pub fn new(prefix: KeyPrefix) -> Self {
        let namespaces = (0..).zip(default_namespaces());
        let namespaces = namespaces
            .map(|(id, settings)| Arc::new(Registered::new(id, settings)))
            .collect();
        Self {
            prefix,
            namespaces: RwLock::new(namespaces),
        }
    }

    /// The prefix of all keys.
    #[must_use]
    pub fn prefix(&self) -> &KeyPrefix {
        &self.prefix
    }

    /// Registers a namespace. A default namespace that was not registered before takes the
    /// new settings; registering the same settings again changes nothing.
    ///
    /// # Errors
    /// Kind `Config` when the settings can't work, when the name is taken by other
    /// settings (use [`update`](Keyspace::update)), or the prefix by another namespace.
    pub fn register(&self, settings: Namespace) -> Result<Arc<Registered>> {
        settings.validate()?;
        let mut namespaces = self.write();
        check_prefix_is_free(&namespaces, &settings)?;
        if let Some(known) = find(&namespaces, &settings.name) {
            let current = known.settings();
            let is_default = default_namespaces().contains(&*current);
            if *current != settings && !is_default {
                return Err(Error::new(
                    ErrorKind::Config,
                    "a namespace of this name is registered with other settings; \
                     use update to change them",
                )
                .with("namespace", format!("{:?}", settings.name)));
            }
            known.replace(settings);
            return Ok(Arc::clone(known));
        }
        let id = u32::try_from(namespaces.len()).unwrap_or(u32::MAX);
        let registered = Arc::new(Registered::new(id, settings));
        namespaces.push(Arc::clone(&registered));
        Ok(registered)
    }

    /// Changes the settings of a namespace, for all that is read and stored from now on.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`; kind `Config` when the new settings can't work, change the
    /// name, or take the prefix of another namespace.
    pub fn update(&self, name: &str, change: impl FnOnce(Namespace) -> Namespace) -> Result<()> {
        let namespaces = self.write();
        let known = find(&namespaces, name).ok_or_else(|| unknown(&namespaces, name))?;
        let settings = change((*known.settings()).clone());
        settings.validate()?;
        if settings.name != name {
            return Err(Error::new(
                ErrorKind::Config,
                "a namespace can't be renamed; register another one",
            )
            .with("namespace", format!("{name:?}"))
            .with("found", format!("{:?}", settings.name)));
        }
        check_prefix_is_free(&namespaces, &settings)?;
        known.replace(settings);
        Ok(())
    }

    /// The namespace of this name.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`, naming those that are known.
    pub fn get(&self, name: &str) -> Result<Arc<Registered>> {
        let namespaces = self.read();
        find(&namespaces, name)
            .cloned()
            .ok_or_else(|| unknown(&namespaces, name))
    }

    /// All namespaces, in the order of registration.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Registered>> {
        self.read().clone()
    }

    /// The physical key of a value: `{key prefix}:{namespace prefix}:{key}`.
    ///
    /// # Errors
    /// Kind `UnknownNamespace` or `InvalidKey`.
    pub fn build_key(&self, key: &str, namespace: &str) -> Result<Key> {
        let settings = self.get(namespace)?.settings();
        self.prefix.value(&settings.prefix, key)
    }

    /// What stands under a physical key; `None`: nothing of this cache.
    ///
    /// # Cost
    /// No allocation for most keys; the namespaces are looked through.
    #[must_use]
    pub fn locate<'k>(&self, physical: &'k str) -> Option<Located<'k>> {
        let rest = physical.strip_prefix(self.prefix.as_str())?;
        if rest.starts_with("~e:") {
            return Some(Located::Epoch);
        }
        let (namespace, _) = rest.strip_prefix(':')?.split_once(':')?;
        let namespaces = self.read();
        let mut namespaces = namespaces.iter();
        let known = namespaces.find(|known| known.settings().prefix == namespace)?;
        let key = self.prefix.user_key(namespace, physical)?;
        let namespace = known.id();
        Some(Located::Value { namespace, key })
    }

    /// Says whether a key can be used in a namespace.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`, or `InvalidKey` with the rule that is broken.
    pub fn validate_key(&self, key: &str, namespace: &str) -> Result<()> {
        self.get(namespace)?;
        check_key(key)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Vec<Arc<Registered>>> {
        self.namespaces
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Vec<Arc<Registered>>> {
        self.namespaces
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn find<'n>(namespaces: &'n [Arc<Registered>], name: &str) -> Option<&'n Arc<Registered>> {
    namespaces.iter().find(|known| known.name() == name)
}

fn unknown(namespaces: &[Arc<Registered>], name: &str) -> Error {
    let known: Vec<_> = namespaces.iter().map(|known| known.name()).collect();
    Error::new(
        ErrorKind::UnknownNamespace,
        "no namespace of this name is registered; register it when the cache is built",
    )
    .with("found", format!("{name:?}"))
    .with("known", known.join(", "))
}

fn check_prefix_is_free(namespaces: &[Arc<Registered>], settings: &Namespace) -> Result<()> {
    let taken = namespaces
        .iter()
        .find(|known| known.name() != settings.name && known.settings().prefix == settings.prefix);
    let Some(other) = taken else { return Ok(()) };
    Err(Error::new(
        ErrorKind::Config,
        "two namespaces can't share a prefix, their keys would collide; give one another prefix",
    )
    .with("prefix", format!("{:?}", settings.prefix))
    .with(
        "namespaces",
        format!("{:?} and {:?}", settings.name, other.name()),
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use larder_cache_core::Ttl;

    use super::*;

    fn keyspace() -> Keyspace {
        Keyspace::new(KeyPrefix::new("app").unwrap())
    }

    #[test]
    fn begins_with_the_four_defaults() {
        let names: Vec<_> = keyspace()
            .list()
            .iter()
            .map(|n| n.name().to_owned())
            .collect();
        assert_eq!(names, ["default", "sessions", "content", "analytics"]);
        let key = keyspace().build_key("u1", "sessions").unwrap();
        assert_eq!(key.as_str(), "app:sess:u1");
    }

    #[test]
    fn physical_keys_are_located() {
        let keyspace = keyspace();
        let key = keyspace.build_key("u{1}", "sessions").unwrap();
        let found = Located::Value {
            namespace: 1,
            key: "u{1}".into(),
        };
        assert_eq!(keyspace.locate(key.as_str()), Some(found));
        let epoch = keyspace.prefix().namespace_epoch("sess");
        assert_eq!(keyspace.locate(epoch.as_str()), Some(Located::Epoch));
        for foreign in [
            "app",
            "app~body:{x}",
            "app:nobody:x",
            "other:sess:x",
            "app:sess",
        ] {
            assert_eq!(keyspace.locate(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn an_unknown_namespace_names_the_known_ones() {
        let error = keyspace().get("user").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownNamespace);
        assert!(
            error
                .to_string()
                .contains("default, sessions, content, analytics"),
            "{error}"
        );
    }

    #[test]
    fn registers_once_and_updates_after() {
        let keyspace = keyspace();
        let users = || Namespace::new("users").ttl(Duration::from_secs(60));
        let first = keyspace.register(users()).unwrap();
        assert_eq!(keyspace.register(users()).unwrap().id(), first.id());
        let other = keyspace.register(users().ttl(Ttl::Long)).unwrap_err();
        assert!(other.to_string().contains("update"), "{other}");
        keyspace
            .update("users", |users| users.ttl(Ttl::Long))
            .unwrap();
        assert_eq!(first.settings().ttl, Ttl::Long);
    }

    #[test]
    fn a_default_can_be_replaced() {
        let keyspace = keyspace();
        keyspace
            .register(Namespace::new("content").ttl(Ttl::Short))
            .unwrap();
        assert_eq!(keyspace.get("content").unwrap().settings().ttl, Ttl::Short);
        assert_eq!(keyspace.list().len(), 4);
    }

    #[test]
    fn prefixes_and_names_are_guarded() {
        let keyspace = keyspace();
        let taken = keyspace
            .register(Namespace::new("x").prefix("sess"))
            .unwrap_err();
        assert!(taken.to_string().contains("share a prefix"), "{taken}");
        assert!(keyspace.update("content", |c| c.prefix("sess")).is_err());
        assert!(
            keyspace
                .update("content", |_| Namespace::new("other"))
                .is_err()
        );
        assert!(keyspace.update("nobody", |n| n).is_err());
        assert!(keyspace.register(Namespace::new("a:b")).is_err());
    }

    #[test]
    fn a_prefix_of_another_prefix_does_not_reach_it() {
        let keyspace = keyspace();
        keyspace.register(Namespace::new("u")).unwrap();
        keyspace.register(Namespace::new("us")).unwrap();
        let one = keyspace.build_key("s:1", "u").unwrap();
        let other = keyspace.build_key(":1", "us").unwrap();
        assert_ne!(one, other);
        assert_eq!(keyspace.prefix().user_key("us", one.as_str()), None);
    }
}
