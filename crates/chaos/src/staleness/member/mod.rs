//! One of the processes: it reads and changes keys, and judges what it reads.

mod reading;
mod updating;
mod watching;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use larder::{Namespace, TypedCache};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::database::Database;
use super::judge::{Breach, Own, OwnChanges, Read, Standing};
use super::tally::Tally;
use crate::fleet::{Answer, Post, Signal, Upstream};
use crate::monotonic::{self, Nanos};
use crate::{Failure, freshness};

/// What a member is told at its start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Membership {
    pub(crate) member: usize,
    pub(crate) members: usize,
    pub(crate) upstream: Upstream,
    pub(crate) database: PathBuf,
    pub(crate) seed: u64,
    pub(crate) max_staleness: Duration,
}

/// A value that says which key and which version it is of.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    key: u32,
    version: u64,
    body: String,
}

/// What all tasks of a member share.
#[derive(Debug)]
struct Member {
    number: usize,
    members: usize,
    items: TypedCache<Record>,
    database: Database,
    own: OwnChanges,
    tally: Mutex<Tally>,
    loads: AtomicU64,
    breaches: tokio::sync::mpsc::Sender<Breach>,
    max_staleness: Duration,
    stops: AtomicBool,
}

const SPACE: &str = "hot";
const READERS: u64 = 4;

/// How long the right to load a key lasts: so long a process that was killed holds up others.
const LEASE: Duration = Duration::from_secs(1);

/// How often a member tells how far it has come.
const TOLD_EVERY: Duration = Duration::from_millis(250);

/// Breaches that are told one by one; the rest is only counted.
const MOST_BREACHES: usize = 64;

/// Each member changes one key in each of the ways.
pub(super) const KEYS_PER_MEMBER: u32 = 3;

/// Hot keys, and the one that all watch.
pub(super) fn keys(members: usize) -> u32 {
    watched(members) + 1
}

fn watched(members: usize) -> u32 {
    u32::try_from(members).unwrap_or(u32::MAX - 1) * KEYS_PER_MEMBER
}

/// Reads and changes keys until the parent says that it is enough, or has gone.
pub(crate) async fn take_part(membership: Membership, mut post: Post) -> Result<(), Failure> {
    let (breaches, mut told) = tokio::sync::mpsc::channel(MOST_BREACHES);
    let space = space(membership.max_staleness);
    let builder = freshness::lease(membership.upstream.builder(), LEASE);
    let cache = builder.namespace(space).build().await?;
    let member = Arc::new(Member {
        number: membership.member,
        members: membership.members,
        items: cache.namespace(SPACE)?.typed(),
        database: Database::open(&membership.database)?,
        own: OwnChanges::new(keys(membership.members)),
        tally: Mutex::default(),
        loads: AtomicU64::new(0),
        breaches,
        max_staleness: membership.max_staleness,
        stops: AtomicBool::new(false),
    });
    post.answer(&Answer::Ready)?;
    let mut tasks = start(&member, Rng::with_seed(membership.seed));
    let watching = watching::start(&member)?;
    let mut tells = interval(TOLD_EVERY);
    tells.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            signal = post.signal() => match signal {
                Signal::Go => {}
                Signal::Stop => break,
            },
            Some(breach) = told.recv() => post.answer(&Answer::Breach(breach))?,
            _ = tells.tick() => post.answer(&member.told())?,
            Some(ended) = tasks.join_next() => ended??,
        }
    }
    member.stops.store(true, Ordering::SeqCst);
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    watching.await??;
    while let Ok(breach) = told.try_recv() {
        post.answer(&Answer::Breach(breach))?;
    }
    post.answer(&member.told())
}

fn space(max_staleness: Duration) -> Namespace {
    freshness::coherent(SPACE, max_staleness)
}

fn start(member: &Arc<Member>, mut rng: Rng) -> JoinSet<Result<(), Failure>> {
    let mut tasks = JoinSet::new();
    for _ in 0..READERS {
        tasks.spawn(reading::run(Arc::clone(member), rng.fork()));
    }
    tasks.spawn(updating::run(Arc::clone(member), rng.fork()));
    if member.number == 0 {
        tasks.spawn(updating::run_watched(Arc::clone(member), rng.fork()));
    }
    tasks
}

impl Member {
    fn is_stopped(&self) -> bool {
        self.stops.load(Ordering::SeqCst)
    }

    /// Reads a key through the cache and judges the answer.
    async fn read(
        self: &Arc<Self>,
        key: u32,
        load_takes: Duration,
    ) -> Result<Option<u64>, Failure> {
        let own = self.own.of(key);
        let begin = monotonic::now();
        let member = Arc::clone(self);
        let loader = move || async move {
            // Nothing is as old as what was read first and arrives last.
            let record = member.load(key);
            sleep(load_takes).await;
            Ok::<_, Infallible>(record)
        };
        let name = name(key);
        let request = self.items.load(name.as_str()).tags([tag(key)]);
        match request.with(loader).await {
            Ok(Some(record)) => {
                self.note(&record, key, begin, own)?;
                Ok(Some(record.version))
            }
            Ok(None) | Err(_) => {
                let mut tally = self.tally();
                tally.reads += 1;
                tally.failed_reads += 1;
                Ok(None)
            }
        }
    }

    fn load(&self, key: u32) -> Record {
        self.loads.fetch_add(1, Ordering::Relaxed);
        // Without its database a service has nothing to answer with.
        let version = self.database.version(key).unwrap_or(u64::MAX);
        record(key, version)
    }

    fn note(&self, found: &Record, key: u32, begin: Nanos, own: Own) -> Result<(), Failure> {
        let version = found.version;
        let is_genuine = found.key == key && version <= self.database.version(key)?;
        let read = Read {
            key,
            version,
            begin,
            own,
        };
        let standing = self
            .database
            .judge(self.number, &read, self.max_staleness)?;
        let mut tally = self.tally();
        tally.reads += 1;
        tally.wrong_values += u64::from(!is_genuine);
        match standing {
            Standing::Current => {}
            Standing::Behind(by) => tally.behind.record(by),
            Standing::Excused => tally.excused += 1,
            Standing::Breach(breach) => {
                tally.breaches += 1;
                let _enough_were_told = self.breaches.try_send(breach);
            }
        }
        Ok(())
    }

    fn told(&self) -> Answer {
        let mut tally = self.tally().clone();
        tally.l1_hits = self.items.stats().l1_hits;
        tally.loads = self.loads.load(Ordering::Relaxed);
        Answer::Tally(Box::new(tally))
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn record(key: u32, version: u64) -> Record {
    Record {
        key,
        version,
        body: "a value of some length, as values are".repeat(3),
    }
}

fn name(key: u32) -> String {
    format!("key-{key}")
}

fn tag(key: u32) -> String {
    format!("tag-{key}")
}
