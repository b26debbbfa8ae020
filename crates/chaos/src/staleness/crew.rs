//! The processes of a run: started, replaced, stopped, and what they tell.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::judge::Breach;
use super::member::Membership;
use super::servers::Servers;
use super::tally::Tally;
use crate::Failure;
use crate::fleet::{Answer, Answers, Order, Process, Signal};

/// The processes, and all that they have told.
#[derive(Debug)]
pub(super) struct Crew {
    places: Vec<tokio::sync::Mutex<Option<Place>>>,
    memberships: Vec<Membership>,
    told: Arc<Mutex<Told>>,
}

/// A process that runs now.
#[derive(Debug)]
struct Place {
    process: Process,
    listener: JoinHandle<()>,
    ready: oneshot::Receiver<()>,
}

/// What processes have told, those that have ended among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    tallies: Vec<Tally>,
    ended: Tally,
    /// The first ones.
    pub(super) breaches: Vec<Breach>,
    /// Why processes ended that should not have.
    pub(super) failures: Vec<String>,
}

const READY_WITHIN: Duration = Duration::from_secs(20);
const STOPPED_WITHIN: Duration = Duration::from_secs(20);

/// Breaches that are shown.
const MOST_BREACHES: usize = 10;

impl Crew {
    /// Starts all, and waits until each has a cache.
    pub(super) async fn start(
        servers: &Servers,
        processes: usize,
        seed: u64,
        max_staleness: Duration,
        database: PathBuf,
    ) -> Result<Self, Failure> {
        let memberships = (0..processes).map(|member| Membership {
            member,
            members: processes,
            upstream: servers.upstream(member),
            database: database.clone(),
            seed: seed.wrapping_add(member as u64),
            max_staleness,
        });
        let crew = Self {
            places: (0..processes)
                .map(|_| tokio::sync::Mutex::default())
                .collect(),
            memberships: memberships.collect(),
            told: Arc::new(Mutex::new(Told {
                tallies: vec![Tally::default(); processes],
                ..Told::default()
            })),
        };
        for member in 0..processes {
            *crew.places[member].lock().await = Some(crew.spawn(member).await?);
        }
        for result in join_all((0..processes).map(|member| crew.ready(member))).await {
            result?;
        }
        Ok(crew)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Kills a process at once and starts another in its place, and waits until that has begun.
    pub(super) async fn replace(&self, member: usize) -> Result<(), Failure> {
        let mut place = self.places[member].lock().await;
        if let Some(killed) = place.take() {
            killed.process.kill().await?;
            killed.listener.await?;
        }
        *place = Some(self.spawn(member).await?);
        drop(place);
        // What the servers suffer does not end for its sake.
        self.ready(member).await
    }

    /// Stops all, and says what they came to.
    pub(super) async fn stop(self) -> Result<Told, Failure> {
        let mut places = Vec::new();
        for place in &self.places {
            places.extend(place.lock().await.take());
        }
        for place in &mut places {
            // One that has ended already has told why.
            let _ended = place.process.signal(Signal::Stop).await;
        }
        for place in places {
            let ended = timeout(STOPPED_WITHIN, place.listener).await;
            ended.map_err(|_| "a process does not stop")??;
            if let Err(failure) = place.process.end().await {
                lock(&self.told).failures.push(failure.to_string());
            }
        }
        let told = lock(&self.told).clone();
        Ok(told)
    }

    /// What they have come to so far.
    pub(super) fn tally(&self) -> Tally {
        lock(&self.told).total()
    }

    async fn spawn(&self, member: usize) -> Result<Place, Failure> {
        let mut membership = self.memberships[member].clone();
        // Another in the same place makes other choices.
        membership.seed ^= lock(&self.told).ended.reads;
        let (process, answers) = Process::spawn(&Order::Traffic(membership)).await?;
        let (is_ready, ready) = oneshot::channel();
        let told = Arc::clone(&self.told);
        let listener = tokio::spawn(async move {
            if let Err(failure) = listen(answers, member, is_ready, &told).await {
                lock(&told).failures.push(failure.to_string());
            }
            lock(&told).end(member);
        });
        Ok(Place {
            process,
            listener,
            ready,
        })
    }

    async fn ready(&self, member: usize) -> Result<(), Failure> {
        let mut place = self.places[member].lock().await;
        let place = place.as_mut().ok_or("there is no such process")?;
        let ready = timeout(READY_WITHIN, &mut place.ready).await;
        let ready = ready.map_err(|_| format!("process {member} does not start"))?;
        ready.map_err(|_| {
            let failures = lock(&self.told).failures.join("; ");
            format!("process {member} ended at its start: {failures}").into()
        })
    }
}

async fn listen(
    mut answers: Answers,
    member: usize,
    is_ready: oneshot::Sender<()>,
    told: &Mutex<Told>,
) -> Result<(), Failure> {
    let mut is_ready = Some(is_ready);
    while let Some(answer) = answers.next().await? {
        match answer {
            Answer::Ready => {
                let _nobody_waits = is_ready.take().map(|ready| ready.send(()));
            }
            Answer::Tally(tally) => lock(told).tallies[member] = *tally,
            Answer::Breach(breach) => lock(told).keep(breach),
            other => return Err(format!("process {member} said {other:?}").into()),
        }
    }
    Ok(())
}

impl Told {
    pub(super) fn total(&self) -> Tally {
        let mut total = self.ended.clone();
        self.tallies.iter().for_each(|tally| total.merge(tally));
        total
    }

    /// Keeps a breach that is among the first, and not one of many of the same value.
    fn keep(&mut self, breach: Breach) {
        let of = |breach: &Breach| (breach.member, breach.key, breach.version);
        let is_known = self.breaches.iter().any(|known| of(known) == of(&breach));
        if self.breaches.len() < MOST_BREACHES && !is_known {
            self.breaches.push(breach);
        }
    }

    /// A process has ended, and another begins at nothing.
    fn end(&mut self, member: usize) {
        let tally = std::mem::take(&mut self.tallies[member]);
        self.ended.merge(&tally);
    }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
