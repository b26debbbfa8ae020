//! The namespaces of a cache.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use larder_cache_core::{Error, ErrorKind, KeyPrefix, Namespace, Result};

use super::closest;
use super::defaults::default_namespaces;
use super::registered::Registered;
use super::table::Table;

/// The namespaces of a cache, by name.
///
/// # Concurrency
/// Namespaces can be registered and updated while the cache is in use, one at a time;
/// readers never wait for more than a lookup and the copying of a pointer.
///
/// # Cost
/// Registering and finding one costs the same whatever their number.
#[derive(Debug)]
pub struct Keyspace {
    prefix: KeyPrefix,
    table: RwLock<Table>,
    /// Held while a change is decided on, so that nobody who reads waits for that.
    changing: Mutex<()>,
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
        let mut table = Table::default();
        for settings in default_namespaces() {
            table.add(settings);
        }
        Self {
            prefix,
            table: RwLock::new(table),
            changing: Mutex::new(()),
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
        let _changing = self.changing();
        self.check_prefix_is_free(&settings)?;
        let Some(known) = self.find(&settings.name) else {
            return Ok(self.change(|table| table.add(settings)));
        };
        let current = known.settings();
        if *current != settings && !default_namespaces().contains(&*current) {
            return Err(Error::new(
                ErrorKind::Config,
                "a namespace of this name is registered with other settings; \
                 use update to change them",
            )
            .with("namespace", format!("{:?}", settings.name)));
        }
        self.change(|table| table.replace(&known, settings));
        Ok(known)
    }

    /// Changes the settings of a namespace, for all that is read and stored from now on.
    ///
    /// `change` must not register or update.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`; kind `Config` when the new settings can't work, change the
    /// name, or take the prefix of another namespace.
    pub fn update(&self, name: &str, change: impl FnOnce(Namespace) -> Namespace) -> Result<()> {
        let _changing = self.changing();
        let known = self.get(name)?;
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
        self.check_prefix_is_free(&settings)?;
        self.change(|table| table.replace(&known, settings));
        Ok(())
    }

    /// The namespace of this name.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`, naming those that are known; of more than 20 the closest.
    pub fn get(&self, name: &str) -> Result<Arc<Registered>> {
        self.find(name).ok_or_else(|| {
            let all = self.list();
            let names: Vec<_> = all.iter().map(|known| known.name()).collect();
            closest::unknown(name, &names)
        })
    }

    /// The namespace of this name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<Registered>> {
        self.read().named(name).cloned()
    }

    /// All namespaces, in the order of registration.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Registered>> {
        self.read().in_order().to_vec()
    }

    /// What stands under a physical key; `None`: nothing of this cache.
    ///
    /// # Cost
    /// One lookup, whatever the number of namespaces; no allocation for most keys.
    #[must_use]
    pub fn locate<'k>(&self, physical: &'k str) -> Option<Located<'k>> {
        let rest = physical.strip_prefix(self.prefix.as_str())?;
        if rest.starts_with("~e:") {
            return Some(Located::Epoch);
        }
        let (prefix, _) = rest.strip_prefix(':')?.split_once(':')?;
        let namespace = self.read().of_prefix(prefix)?.id();
        let key = self.prefix.user_key(prefix, physical)?;
        Some(Located::Value { namespace, key })
    }

    /// Names and prefixes stand under this lock; the settings can be read without it.
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, make: impl FnOnce(&mut Table) -> T) -> T {
        let table = self.table.write();
        make(&mut table.unwrap_or_else(PoisonError::into_inner))
    }

    fn check_prefix_is_free(&self, settings: &Namespace) -> Result<()> {
        let table = self.read();
        let prefix = &settings.prefix;
        let taken = table.of_prefix(prefix);
        let taken = taken.or_else(|| table.formerly_of_prefix(prefix));
        let Some(other) = taken.filter(|known| known.name() != settings.name) else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::Config,
            "two namespaces can't share a prefix, also one after the other: their keys would \
             collide; give one another prefix",
        )
        .with("prefix", format!("{:?}", settings.prefix))
        .with(
            "namespaces",
            format!("{:?} and {:?}", settings.name, other.name()),
        ))
    }
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
        keyspace
            .update("sessions", |s| s.prefix("session"))
            .unwrap();
        let former = keyspace.register(Namespace::new("x").prefix("sess"));
        let former = former.unwrap_err().to_string();
        assert!(former.contains("one after the other"), "{former}");
        keyspace.update("sessions", |s| s.prefix("sess")).unwrap();
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
