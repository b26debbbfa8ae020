//! The service's parts: its caches, its database, and the counters of both.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Config, Encryption, Namespace, Ttl, TypedCache};

use crate::database::{Content, Course, Database, Session, User};
use crate::routes;

/// What every handler has at hand. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The cache of the process; the caches below are its namespaces.
    pub cache: Cache,
    /// Users by [`user_key`](App::user_key).
    pub users: TypedCache<User>,
    /// Contents by id.
    pub contents: TypedCache<Content>,
    /// Courses by id.
    pub courses: TypedCache<Course>,
    /// Sessions by token.
    pub sessions: TypedCache<Session>,
    /// The database.
    pub database: Database,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    reads: AtomicU64,
    unconfirmed: AtomicU64,
}

/// What the service did with its database, and what it was spared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Reads that were answered, each of which is one query in a service without a cache.
    pub reads: u64,
    /// Queries that ran.
    pub queries: u64,
    /// Updates that ran.
    pub updates: u64,
    /// Changes of the cache that its backend did not confirm.
    pub unconfirmed: u64,
}

impl App {
    /// Connects the cache that the configuration asks for and registers the namespaces.
    ///
    /// # Errors
    /// When the configuration can't work, or the backend refuses the login. A backend that
    /// can't be reached is none.
    pub async fn start(config: &Config, database: Database) -> larder::Result<Self> {
        let mut builder = config.builder();
        for namespace in namespaces() {
            builder = builder.namespace(namespace);
        }
        let cache = builder.build().await?;
        Ok(Self {
            users: cache.namespace("users")?.typed(),
            contents: cache.namespace("content")?.typed(),
            courses: cache.namespace("courses")?.typed(),
            sessions: cache.namespace("sessions")?.typed(),
            cache,
            database,
            counters: Arc::default(),
        })
    }

    /// The service's routes.
    pub fn router(&self) -> axum::Router {
        routes::all().with_state(self.clone())
    }

    /// The key of a user: patterns such as `profile:1*` find it.
    #[must_use]
    pub fn user_key(id: u32) -> String {
        format!("profile:{id}")
    }

    /// What was counted so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let counters = &self.counters;
        Tally {
            reads: counters.reads.load(Ordering::Relaxed),
            queries: self.database.queries(),
            updates: self.database.updates(),
            unconfirmed: counters.unconfirmed.load(Ordering::Relaxed),
        }
    }

    /// Counts a read that was answered.
    pub(crate) fn count_read(&self) {
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note of a change of the cache that follows a committed change of the database.
    ///
    /// The database has the truth, so a backend that is down must not turn the request into
    /// a failure. What it still holds may be served until its time to live ends, which is
    /// why every namespace has one.
    pub(crate) fn note<T>(&self, change: larder::Result<T>) {
        if let Err(error) = change {
            self.counters.unconfirmed.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(%error, "the cache did not confirm a change");
        }
    }
}

impl Tally {
    /// Queries that the cache answered in the database's place.
    #[must_use]
    pub fn avoided(&self) -> u64 {
        self.reads.saturating_sub(self.queries)
    }
}

fn namespaces() -> [Namespace; 4] {
    [
        Namespace::new("users").ttl(Ttl::Medium),
        Namespace::new("courses"),
        // Where the database fails, texts up to a day old are better than none.
        Namespace::new("content")
            .ttl(Ttl::Long)
            .grace(Duration::from_secs(24 * 3600)),
        // Short, so that a logout that the backend missed is soon known everywhere.
        // Encryption is this namespace's default, and this version refuses it on Redis. The
        // sessions made here are worth nothing to a thief; don't copy this for real ones.
        Namespace::new("sessions")
            .prefix("sess")
            .ttl(Ttl::Short)
            .encryption(Encryption::Off),
    ]
}
