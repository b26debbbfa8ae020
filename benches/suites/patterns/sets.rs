//! What a write costs its caller: a plain `set`, and write-behind by journal.

use std::sync::Arc;
use std::time::Duration;

use larder::{Cache, TypedCache};
use larder_benches::{Candidate, Comparison, Failure, Operation};
use larder_cache_core::Journal;
use larder_file_journal::{FileJournal, FileJournalOptions, SyncPolicy};
use larder_memory_backend::{MemoryJournal, MemoryJournalOptions};
use larder_patterns::WriteBehind;

use crate::options::Options;
use crate::places::{self, Fsync, Progress};

/// The baseline.
pub(crate) const PLAIN: &str = "plain set";

/// What is promised of.
pub(crate) const STREAM: &str = "stream journal, everysec";

/// So many keys are written, each about as often.
const KEYS: usize = 10_000;

struct Plain(TypedCache<Progress>);

impl Operation for Plain {
    async fn once(&self, random: usize) -> bool {
        let set = self.0.set(key(random), value(random)).await;
        set.is_ok()
    }
}

struct Through(TypedCache<Progress>);

impl Operation for Through {
    async fn once(&self, random: usize) -> bool {
        let writer = || async { Ok::<_, std::convert::Infallible>(()) };
        let written = self.0.write_through(key(random), value(random), writer);
        written.await.is_ok()
    }
}

struct Behind(WriteBehind<Progress>);

impl Operation for Behind {
    async fn once(&self, random: usize) -> bool {
        self.0.set(key(random), value(random)).await.is_ok()
    }
}

/// All write to one cache, on a server that keeps its log as `everysec` says. The journal on
/// `always` has a server of its own.
pub(crate) async fn measure(options: &Options) -> Result<Vec<Comparison>, Failure> {
    let (every_second, always) = (
        places::server(Fsync::EverySecond)?,
        places::server(Fsync::Always)?,
    );
    let backend = places::backend(&every_second).await?;
    let cache = places::cache(Arc::clone(&backend)).await?;
    let durable = places::backend(&always).await?;
    let directory = tempfile::tempdir()?;
    let file = |name: &str, sync| {
        let options = FileJournalOptions::default()
            .sync(sync)
            .capacity(10_000_000);
        FileJournal::open(directory.path().join(name), options)
    };
    let memory = MemoryJournalOptions::default().capacity(10_000_000);
    let candidates = [
        Candidate::new(PLAIN, Plain(places::progress(&cache)?)),
        Candidate::new("write-through", Through(places::progress(&cache)?)),
        behind(
            "memory journal",
            &cache,
            Arc::new(MemoryJournal::new(memory)),
        )?,
        behind(STREAM, &cache, places::stream(&backend).await?)?,
        behind(
            "stream journal, always",
            &cache,
            places::stream(&durable).await?,
        )?,
        behind(
            "file journal, synced by second",
            &cache,
            Arc::new(file("os", SyncPolicy::Every(Duration::from_secs(1))).await?),
        )?,
        behind(
            "file journal, synced always",
            &cache,
            Arc::new(file("disk", SyncPolicy::Always).await?),
        )?,
    ];
    options
        .rounds
        .compare("set", "redis everysec", &candidates)
        .await
}

fn behind(
    name: &'static str,
    cache: &Cache,
    journal: Arc<dyn Journal>,
) -> Result<Candidate, Failure> {
    let write_behind = places::write_behind(cache, journal, |_| {})?;
    Ok(Candidate::new(name, Behind(write_behind)))
}

fn key(random: usize) -> String {
    format!("learner:{}", random % KEYS)
}

fn value(random: usize) -> Progress {
    [random as u64; 8]
}
