//! The service's parts: its caches, each under the pattern that fits, and its database.

mod contents;
mod ending;
mod payload;
mod progress;
mod tally;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use larder::analytics::{Analytics, AnalyticsOptions, Sharing};
use larder::compression::{CompressionStats, Optimizer, OptimizerOptions};
use larder::{
    Cache, CacheAside, CacheAsideOptions, Cipher, Compression, Config, Encryption, Journal,
    Journaled, Namespace, RefreshAhead, Ttl, TypedCache, WriteBehind, WriteThrough,
    WriteThroughOptions, Written,
};

pub(crate) use self::contents::find as find_contents;
pub use self::ending::Ending;
pub use self::payload::CipherCosts;
use self::payload::MeteredCipher;
use self::progress::Flushes;
use self::tally::Counters;
pub use self::tally::Tally;
use crate::database::{Content, Course, Database, Progress, Session, Settings, User};
use crate::error::AppError;
use crate::routes;
use crate::source::Source;

/// How often other processes are told what is read here.
const SHARE_EVERY: Duration = Duration::from_secs(10);

/// What every handler has at hand. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The cache of the process; the caches below are its namespaces.
    pub cache: Cache,
    /// Users by [`user_key`](App::user_key), cache-aside: read often, changed now and then.
    pub users: CacheAside<User>,
    /// Settings by the user's id, write-through: whoever changes them looks at them next.
    pub settings: WriteThrough<Settings>,
    /// Progress by [`progress_key`](App::progress_key), write-behind: many small writes, of
    /// which the last one counts.
    pub progress: WriteBehind<Progress>,
    /// Contents by id, refresh-ahead: a few of them are read by everybody, all the time.
    pub contents: RefreshAhead<Content, AppError>,
    /// Courses by id.
    pub courses: TypedCache<Course>,
    /// Sessions by token.
    pub sessions: TypedCache<Session>,
    /// What is read, and how often.
    pub analytics: Arc<Analytics>,
    /// The database.
    pub database: Database,
    /// What the progress waits in for the database.
    journal: Arc<dyn Journal>,
    /// What compresses, and knows what that saves.
    codec: Arc<Optimizer>,
    cipher: Arc<MeteredCipher>,
    counters: Arc<Counters>,
    flushes: Arc<Flushes>,
    /// Tells the other processes on the same Redis what is read here.
    _sharing: Arc<Sharing>,
}

impl App {
    /// Connects the cache that the configuration asks for, registers the namespaces, and takes
    /// up the journal beside the database, with what an earlier process left in it.
    ///
    /// # Errors
    /// When the configuration can't work, the backend refuses the login, or another process has
    /// the journal. A backend that can't be reached is none.
    pub async fn start(config: &Config, database: Database) -> larder::Result<Self> {
        let flushes = Arc::<Flushes>::default();
        let threshold = config.compression_threshold_bytes;
        let codec = Optimizer::new(OptimizerOptions::new().threshold_bytes(threshold))?;
        let codec = Arc::new(codec);
        let cipher = MeteredCipher::new(payload::keys(config, &database)?);
        let analytics = AnalyticsOptions::new().l1_bytes(config.l1_bytes);
        let analytics = Arc::new(Analytics::new(analytics));
        let mut builder = config
            .builder()
            .codec(codec.clone())
            .cipher(cipher.clone())
            .observer(flushes.clone())
            .observer(analytics.clone());
        for namespace in namespaces() {
            builder = builder.namespace(namespace);
        }
        let cache = builder.build().await?;
        let (backend, prefix) = (cache.backend().clone(), cache.key_prefix().clone());
        let sharing = analytics.share(backend, prefix, SHARE_EVERY);
        let journal = progress::open_journal(&database).await?;
        let progress = cache.namespace("progress")?.typed();
        let users = cache.namespace("users")?.typed();
        let settings = cache.namespace("settings")?.typed();
        Ok(Self {
            users: CacheAside::new(users, CacheAsideOptions::new()),
            settings: WriteThrough::new(settings, WriteThroughOptions::new()),
            progress: progress::start(progress, journal.clone(), database.clone())?,
            contents: contents::start(cache.namespace("content")?.typed(), database.clone())?,
            courses: cache.namespace("courses")?.typed(),
            sessions: cache.namespace("sessions")?.typed(),
            cache,
            analytics,
            _sharing: Arc::new(sharing),
            database,
            journal,
            codec,
            cipher,
            counters: Arc::default(),
            flushes,
        })
    }

    /// The service's routes.
    pub fn router(&self) -> axum::Router {
        routes::all().with_state(self.clone())
    }

    /// Ends in order, when no more requests come: what waits goes to the database, then the
    /// cache is closed. Each step has this long.
    pub async fn shutdown(&self, deadline: Duration) -> Ending {
        let progress = self.progress.shutdown(deadline).await;
        let contents = self.contents.shutdown(deadline).await;
        self.journal.close().await;
        let cache = self.cache.shutdown(deadline).await;
        Ending {
            progress,
            contents,
            cache,
        }
    }

    /// Where progress waits for the database.
    #[must_use]
    pub fn journal_path(&self) -> PathBuf {
        progress::journal_path(&self.database)
    }

    /// Where the keys of encrypted values are, if they were made for this service.
    #[must_use]
    pub fn key_path(&self) -> Option<PathBuf> {
        let path = payload::key_path(&self.database);
        (self.cipher.is_lasting() && path.exists()).then_some(path)
    }

    /// What was compressed so far.
    #[must_use]
    pub fn compression(&self) -> CompressionStats {
        self.codec.stats()
    }

    /// What encryption cost so far.
    #[must_use]
    pub fn encryption(&self) -> CipherCosts {
        self.cipher.costs()
    }

    /// The key of a user: patterns such as `profile:1*` find it.
    #[must_use]
    pub fn user_key(id: u32) -> String {
        format!("profile:{id}")
    }

    /// The key of a user's progress in a content.
    #[must_use]
    pub fn progress_key(user: u32, content: u32) -> String {
        format!("{user}:{content}")
    }

    /// What was counted so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally::of(&self.counters, &self.flushes, &self.database)
    }

    /// Counts a read that was answered.
    pub(crate) fn count_read(&self, source: Source) {
        let counters = &self.counters;
        counters.reads.fetch_add(1, Ordering::Relaxed);
        if source == Source::Database {
            counters.bypassed.fetch_add(1, Ordering::Relaxed);
        }
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

    /// Takes note of what a write-through did to the cache. The database has the value.
    pub(crate) fn note_written(&self, written: Written) {
        self.counters.written.fetch_add(1, Ordering::Relaxed);
        match written {
            Written::Cached => {
                self.counters.cached.fetch_add(1, Ordering::Relaxed);
            }
            Written::Unconfirmed(error) => self.note(Err::<(), _>(error)),
            // Somebody else wrote as well: the next reader loads.
            _ => {}
        }
    }

    /// Takes note of a write that the journal has.
    pub(crate) fn note_journaled(&self, journaled: Journaled) {
        self.counters.events.fetch_add(1, Ordering::Relaxed);
        if let Written::Unconfirmed(error) = journaled.cached {
            self.note(Err::<(), _>(error));
        }
    }
}

fn namespaces() -> [Namespace; 6] {
    [
        Namespace::new("users").ttl(Ttl::Medium),
        Namespace::new("settings").ttl(Ttl::Medium),
        Namespace::new("progress").ttl(Ttl::Medium),
        Namespace::new("courses"),
        // Short, as the figures in them change all the time; and where the database fails,
        // texts up to a day old are better than none.
        Namespace::new("content")
            .ttl(contents::FRESH)
            .grace(Duration::from_secs(24 * 3600))
            // Many small texts of one kind: a dictionary knows what they have in common.
            .compression(Compression::Trained),
        // Short, so that a logout that the backend missed is soon known everywhere.
        // Encrypted, so that who can read Redis can't take a session over; and not compressed, as
        // a length would tell of what is in it.
        Namespace::new("sessions")
            .prefix("sess")
            .ttl(Ttl::Short)
            .compression(Compression::Off)
            .encryption(Encryption::On),
    ]
}
