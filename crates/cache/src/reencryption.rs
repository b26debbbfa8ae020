//! Re-encryption: entries under older keys are brought under the one that encrypts now.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::entry::MAX_HEADER_BYTES;
use larder_cache_core::{
    Bytes, Claim, Cursor, Encryption, Entry, EntryId, Error, ErrorKind, Fill, FillOutcome, Glob,
    Grant, Head, Header, Key, Kind, LeaseRequest, Leased, Namespace, Place, Result,
};
use tokio::time::{Instant, sleep_until};

use crate::handle::NamespaceHandle;
use crate::shared::Budget;

/// How many entries are rewritten at a time, at most.
const BATCH: usize = 64;

/// How many bytes are rewritten at a time, unless a single entry has more.
const BATCH_BYTES: usize = 4 << 20;

/// How a namespace is re-encrypted.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReencryptOptions {
    /// Of which keys, as a Redis glob pattern. Default: `*`.
    pub pattern: String,
    /// The most entries that are rewritten in a second; 0: as many as go. Default: 1000.
    pub entries_per_second: u32,
    /// How long one call to the backend may take, which may carry 4 MiB or one larger entry.
    /// Default: 10 seconds.
    pub budget: Duration,
    progress: Option<Arc<Progress>>,
}

type Progress = dyn Fn(&ReencryptReport) + Send + Sync;

/// What became of the entries of a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct ReencryptReport {
    /// Entries that were looked at. In a scan an entry can come twice.
    pub examined: u64,
    /// Entries that are encrypted with the present key since now.
    pub reencrypted: u64,
    /// Entries that were so before.
    pub up_to_date: u64,
    /// Entries that can't be decrypted, or are not encrypted: they are misses, and are left to
    /// the next load.
    pub unreadable: u64,
    /// Entries that somebody else was loading or changing meanwhile, or that could not be sent
    /// in time: run again.
    pub contended: u64,
}

impl ReencryptReport {
    /// Whether nothing that can be read is left under an older key, among what was looked at.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.contended == 0
    }
}

impl Default for ReencryptOptions {
    fn default() -> Self {
        Self {
            pattern: "*".to_owned(),
            entries_per_second: 1000,
            budget: Duration::from_secs(10),
            progress: None,
        }
    }
}

impl ReencryptOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`pattern`](ReencryptOptions::pattern).
    #[must_use]
    pub fn pattern(mut self, pattern: impl Into<String>) -> Self {
        self.pattern = pattern.into();
        self
    }

    /// Sets [`entries_per_second`](ReencryptOptions::entries_per_second).
    #[must_use]
    pub fn entries_per_second(mut self, entries: u32) -> Self {
        self.entries_per_second = entries;
        self
    }

    /// Sets [`budget`](ReencryptOptions::budget).
    #[must_use]
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// Is told now and then how far it is. Default: nobody is.
    #[must_use]
    pub fn on_progress(
        mut self,
        progress: impl Fn(&ReencryptReport) + Send + Sync + 'static,
    ) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }
}

impl fmt::Debug for ReencryptOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReencryptOptions")
            .field("pattern", &self.pattern)
            .field("entries_per_second", &self.entries_per_second)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// An entry under an older key.
struct Outdated {
    key: Key,
    id: EntryId,
    bytes: usize,
}

impl NamespaceHandle {
    /// Rewrites the entries that are encrypted with another key than the present one, so that
    /// the older keys can be retired. What the entries say, for how long they live and what
    /// invalidates them stay as they are.
    ///
    /// # Concurrency
    /// Each entry is rewritten under its lease and only if nobody changes it meanwhile. A change
    /// of an entry's expiry in the same moment may be lost.
    ///
    /// # Cost
    /// A scan of the whole backend with the header of each entry; three round trips for each 64
    /// entries, or 4 MiB of them, that are rewritten: they are read and stored whole.
    ///
    /// # Cancel safety
    /// Dropped in the middle, it leaves entries of both keys; run again, it goes on with what is
    /// left.
    ///
    /// # Errors
    /// Kind `Config` for a namespace that is not encrypted or has no key; or when the backend
    /// could not be scanned. What could not be rewritten is counted in the report.
    pub async fn reencrypt(&self, options: ReencryptOptions) -> Result<ReencryptReport> {
        let settings = self.settings();
        let key = self.present_key(&settings)?;
        let pattern = Glob::new(&options.pattern);
        let mut report = ReencryptReport::default();
        let mut pace = Pace::new(options.entries_per_second);
        let mut cursor = Some(Cursor::start());
        while let Some(at) = cursor {
            let mut budget = self.shared.budget(None);
            let (keys, next) = self.scan_page(at, &pattern, &mut budget).await?;
            let outdated = self.outdated(&keys, key, &mut report).await?;
            for batch in batches(&outdated) {
                pace.wait(batch.len()).await;
                let before = report;
                let rewritten = self.rewrite(batch, (&settings, options.budget), &mut report);
                if let Err(error) = rewritten.await {
                    tracing::debug!(%error, namespace = settings.name, "entries are left");
                    report = before;
                    report.contended += batch.len() as u64;
                }
                if let Some(progress) = &options.progress {
                    progress(&report);
                }
            }
            cursor = next;
        }
        Ok(report)
    }

    fn present_key(&self, settings: &Namespace) -> Result<u32> {
        let cipher = self.shared.payload.cipher.as_ref();
        match cipher.filter(|_| settings.encryption != Encryption::Off) {
            Some(cipher) => Ok(cipher.current_key()),
            None => Err(Error::new(
                ErrorKind::Config,
                "only a namespace with Encryption::On, in a cache with a cipher, can be \
                 re-encrypted",
            )
            .with("namespace", format!("{:?}", settings.name))),
        }
    }

    /// Of these keys, the entries under another encryption key.
    async fn outdated(
        &self,
        keys: &[String],
        present: u32,
        report: &mut ReencryptReport,
    ) -> Result<Vec<Outdated>> {
        let texts: Vec<&str> = keys.iter().map(String::as_str).collect();
        let keys = self.shared.stored_keys(&self.settings(), &texts)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (backend, mut budget) = (&self.shared.backend, self.shared.budget(None));
        let heads = self.shared.call("head", &mut budget, |call| {
            backend.head(&keys, MAX_HEADER_BYTES, call)
        });
        let mut outdated = Vec::new();
        for (key, head) in keys.iter().zip(heads.await?) {
            let Some((head, header)) = head.and_then(read) else {
                continue;
            };
            report.examined += 1;
            match header.encryption_key {
                0 => report.unreadable += 1,
                key if key == present => report.up_to_date += 1,
                _ => outdated.push(Outdated {
                    key: key.clone(),
                    id: EntryId::of(&head.bytes),
                    bytes: head.total_bytes,
                }),
            }
        }
        Ok(outdated)
    }

    async fn rewrite(
        &self,
        batch: &[Outdated],
        (settings, budget): (&Namespace, Duration),
        report: &mut ReencryptReport,
    ) -> Result<()> {
        let leased = self.lease(batch).await?;
        let granted = batch.iter().zip(leased);
        let granted: Vec<(&Outdated, Grant)> = granted
            .filter_map(|(one, leased)| match leased {
                Leased::Granted(grant) => Some((one, grant)),
                _ => None,
            })
            .collect();
        report.contended += (batch.len() - granted.len()) as u64;
        if granted.is_empty() {
            return Ok(());
        }
        let refilled = self.refill(&granted, (settings, budget), report).await;
        if refilled.is_err() {
            let release =
                |(one, grant): &(&Outdated, Grant)| (one.key.clone(), *grant, FillOutcome::Release);
            let mut budget = self.shared.budget(None);
            let ends: Vec<_> = granted.iter().map(release).collect();
            self.shared.end_leases(ends, &mut budget).await;
        }
        refilled
    }

    /// Reads the entries after their leases were planted, so that what comes between takes the
    /// lease away, and stores them under the present key.
    async fn refill(
        &self,
        granted: &[(&Outdated, Grant)],
        (settings, budget): (&Namespace, Duration),
        report: &mut ReencryptReport,
    ) -> Result<()> {
        let keys: Vec<Key> = granted.iter().map(|(one, _)| one.key.clone()).collect();
        let (backend, mut reading) = (&self.shared.backend, Budget::new(budget));
        let stored = self
            .shared
            .call("get", &mut reading, |call| backend.get(&keys, call));
        let mut fills = Vec::with_capacity(granted.len());
        for ((one, grant), stored) in granted.iter().zip(stored.await?) {
            let outcome = self.again(one, stored, settings, report).await?;
            fills.push(Fill {
                key: one.key.clone(),
                grant: *grant,
                outcome,
            });
        }
        let mut writing = Budget::new(budget);
        let filled = self
            .shared
            .call("fill", &mut writing, |call| backend.fill(&fills, call));
        for (fill, filled) in fills.iter().zip(filled.await?) {
            match fill.outcome {
                FillOutcome::Store(..) if filled => report.reencrypted += 1,
                FillOutcome::Store(..) => report.contended += 1,
                _ => {}
            }
        }
        Ok(())
    }

    async fn lease(&self, batch: &[Outdated]) -> Result<Vec<Leased>> {
        let request = |one: &Outdated| LeaseRequest {
            key: one.key.clone(),
            token: self.shared.fresh(),
            lasts: self.shared.lease,
            claim: Claim::Renew(one.id),
        };
        let requests: Vec<_> = batch.iter().map(request).collect();
        let (backend, mut budget) = (&self.shared.backend, self.shared.budget(None));
        self.shared
            .call("lease", &mut budget, |call| backend.lease(&requests, call))
            .await
    }

    /// The entry under the present key, or its lease given back.
    async fn again(
        &self,
        one: &Outdated,
        stored: Option<Bytes>,
        settings: &Namespace,
        report: &mut ReencryptReport,
    ) -> Result<FillOutcome> {
        let same = stored.filter(|stored| EntryId::of(stored) == one.id);
        let Some(entry) = same.and_then(|stored| Entry::decode(&stored).ok()) else {
            report.contended += 1;
            return Ok(FillOutcome::Release);
        };
        let place = Place {
            namespace: &settings.name,
            key: &one.key,
        };
        let Ok(entry) = self.shared.payload.reseal(entry, settings, &place)? else {
            report.unreadable += 1;
            return Ok(FillOutcome::Release);
        };
        let mut budget = self.shared.budget(None);
        let now = self.shared.server_time(&one.key, &mut budget).await?;
        let left = entry.header.freshness.hard.map(|hard| hard.since(now));
        Ok(match left {
            Some(Duration::ZERO) => FillOutcome::Release,
            left => FillOutcome::Store(entry.encode(), left),
        })
    }
}

/// As many entries together as fit into a batch.
fn batches(outdated: &[Outdated]) -> impl Iterator<Item = &[Outdated]> {
    let mut left = outdated;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |one: &Outdated| {
            bytes += one.bytes;
            bytes <= BATCH_BYTES
        };
        let fitting = left.iter().take(BATCH).map(fits).take_while(|fits| *fits);
        let count = fitting.count().max(1).min(left.len());
        let (batch, rest) = left.split_at(count);
        left = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

fn read(head: Head) -> Option<(Head, Header)> {
    let header = Header::read(&head.bytes, head.total_bytes).ok()?;
    matches!(header.kind, Kind::Value | Kind::Absent).then_some((head, header))
}

/// So many entries in a second.
struct Pace {
    each: Duration,
    next: Instant,
}

impl Pace {
    fn new(per_second: u32) -> Self {
        let each = Duration::from_secs(1).checked_div(per_second);
        Self {
            each: each.unwrap_or_default(),
            next: Instant::now(),
        }
    }

    async fn wait(&mut self, entries: usize) {
        sleep_until(self.next).await;
        let entries = u32::try_from(entries).unwrap_or(u32::MAX);
        self.next = Instant::now() + self.each.saturating_mul(entries);
    }
}
