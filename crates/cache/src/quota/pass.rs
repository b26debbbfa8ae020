//! A walk over all entries of a namespace, at a pace that leaves the backend to others.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{
    Cursor, Glob, Head, Header, Key, Moment, Namespace, Result, Standing, Timestamp,
    entry::MAX_HEADER_BYTES,
};

use super::lease::SweepLease;
use crate::shared::{Budget, Shared};
use crate::spaces::SpaceState;
use crate::tasks;

/// How many keys are asked for at a time.
const PAGE: usize = 512;

/// For each time that a page takes, so many times that are left to others: the backend is busy
/// for a tenth of the time at most.
const REST: u32 = 9;

/// A process that was held up need not make up for it, and its lease must not run out meanwhile.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// How often a page is asked for before the walk is given up.
const ATTEMPTS: u32 = 3;

/// What stands under a key.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// The user key.
    pub(super) key: String,
    pub(super) physical: Key,
    /// Of the value as a whole, where it is a large one that is kept elsewhere, and of the key.
    pub(super) bytes: u64,
    pub(super) state: State,
}

/// What an entry is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing: it was invalidated, or has ended.
    Invalidated,
    /// It was stored so long before the walk began.
    Live(Duration),
    /// It is none of this version, or is being loaded: it is left alone.
    Unknown,
}

/// A walk over all entries of a namespace.
pub(super) struct Pass<'a, 'l> {
    shared: &'a Shared,
    space: &'a SpaceState,
    settings: Arc<Namespace>,
    began: Moment,
    next: Option<Cursor>,
    /// When the last page was asked for, which is to be rested from.
    asked: Option<Moment>,
    lease: Option<&'l mut SweepLease<'a>>,
}

impl<'a, 'l> Pass<'a, 'l> {
    /// A walk that ends where its lease does.
    pub(super) fn new(
        shared: &'a Shared,
        space: &'a SpaceState,
        settings: Arc<Namespace>,
        lease: Option<&'l mut SweepLease<'a>>,
    ) -> Self {
        Self {
            shared,
            space,
            settings,
            began: shared.clock.now(),
            next: Some(Cursor::start()),
            asked: None,
            lease,
        }
    }

    /// Counts ages from the beginning of an earlier walk.
    pub(super) fn since(mut self, began: Moment) -> Self {
        self.began = began;
        self
    }

    pub(super) fn began(&self) -> Moment {
        self.began
    }

    /// The time of the server that keeps what is measured.
    pub(super) async fn server_time(&self) -> Result<Timestamp> {
        let key = self.shared.usage_key(&self.settings)?;
        let mut budget = self.shared.budget(None);
        self.shared.server_time(&key, &mut budget).await
    }

    /// The next entries; `None` behind the last ones. A key can come twice.
    ///
    /// It rests first, from the page before and what the caller did with that: so the caller has
    /// what it gets as it was just now.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Stored>>> {
        if let Some(asked) = self.asked.take() {
            let rest = self.shared.clock.now().since(asked).saturating_mul(REST);
            tokio::time::sleep(rest.min(LONGEST_REST)).await;
        }
        let Some(at) = self.next.clone() else {
            return Ok(None);
        };
        if self.shared.tasks.is_closed() {
            return Err(tasks::closed());
        }
        if let Some(lease) = &mut self.lease {
            lease.keep().await?;
        }
        self.asked = Some(self.shared.clock.now());
        let (mut attempt, rest) = (1, Duration::from_millis(100));
        loop {
            match self.page(at.clone()).await {
                Ok((page, next)) => {
                    self.next = next;
                    return Ok(Some(page));
                }
                Err(error) if attempt == ATTEMPTS || !error.is_transient() => return Err(error),
                Err(_) => tokio::time::sleep(rest).await,
            }
            attempt += 1;
        }
    }

    async fn page(&self, at: Cursor) -> Result<(Vec<Stored>, Option<Cursor>)> {
        let shared = self.shared;
        let prefix = shared.keyspace.prefix();
        let start = prefix.namespace_start(&self.settings.prefix);
        let pattern = Glob::new("*").behind(&start);
        let (backend, mut budget) = (&shared.backend, shared.budget(None));
        let page = shared.call("scan", &mut budget, |call| {
            backend.scan(at, &pattern, PAGE, call)
        });
        let page = page.await?;
        let ours = page.keys.iter().filter_map(|key| {
            let user = prefix.user_key(&self.settings.prefix, key)?.into_owned();
            Some((prefix.value(&self.settings.prefix, &user).ok()?, user))
        });
        let (physical, keys): (Vec<Key>, Vec<String>) = ours.unzip();
        let stored = self.weigh(physical, keys, &mut budget).await?;
        Ok((stored, page.next))
    }

    /// What stands under these keys, of those that are there.
    async fn weigh(
        &self,
        physical: Vec<Key>,
        keys: Vec<String>,
        budget: &mut Budget,
    ) -> Result<Vec<Stored>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (shared, backend) = (self.shared, &self.shared.backend);
        let heads = shared.call("head", budget, |call| {
            backend.head(&physical, MAX_HEADER_BYTES, call)
        });
        let heads = heads.await?;
        let read = |head: &Head| Header::read(&head.bytes, head.total_bytes).ok();
        let headers: Vec<_> = heads.iter().map(|head| read(head.as_ref()?)).collect();
        let known: Vec<&Header> = headers.iter().flatten().collect();
        let judge = shared.judge_of(&self.settings, &known, budget).await?;
        let mut times = shared.server_times();
        let mut stored = Vec::with_capacity(keys.len());
        for (((physical, key), head), header) in
            physical.into_iter().zip(keys).zip(heads).zip(headers)
        {
            let Some(head) = head else { continue };
            let now = times.of(&physical, budget).await?;
            let state = header.map(|header| {
                let standing = judge.judge(&header, &shared.l1).0;
                self.state(&header, standing, now)
            });
            stored.push(Stored {
                bytes: (physical.as_bytes().len() + head.total_bytes) as u64,
                state: state.unwrap_or(State::Unknown),
                physical,
                key,
            });
        }
        Ok(stored)
    }

    fn state(&self, header: &Header, standing: Standing, now: Timestamp) -> State {
        let lease = header.freshness.lease;
        if lease.is_some_and(|lease| lease.until > now) {
            return State::Unknown;
        }
        if standing == Standing::Gone || header.freshness.is_gone(now) {
            return State::Invalidated;
        }
        let walked = self.shared.clock.now().since(self.began);
        State::Live(now.since(header.created).saturating_sub(walked))
    }

    pub(super) fn space(&self) -> &'a SpaceState {
        self.space
    }

    /// Whether the namespace is still where it was, and may take as much, as when this began.
    pub(super) fn is_current(&self) -> bool {
        is_current(self.space, &self.settings)
    }
}

/// Whether a namespace is where it is by these settings, and may take as much.
pub(super) fn is_current(space: &SpaceState, settings: &Namespace) -> bool {
    let now = space.settings();
    now.prefix == settings.prefix && now.quota_bytes == settings.quota_bytes
}
