//! What the Sentinels say, all of them together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use larder_cache_core::{Error, ErrorKind, Result};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::report::{self, Place, Report};
use super::talk::Talk;
use crate::address::Endpoint;
use crate::lane::Whereabouts;
use crate::plan::Service;
use crate::topology::cluster::jittered;

/// How often each Sentinel is asked, whatever it tells by itself.
const POLL: Duration = Duration::from_secs(1);

/// How long the other Sentinels are waited for when one has answered.
const GRACE: Duration = Duration::from_millis(30);

/// What the Sentinels say, kept up to date by a task for each.
#[derive(Debug)]
pub(super) struct Watch {
    service: Service,
    patience: Duration,
    said: Mutex<Vec<Said>>,
    /// Counts what was said.
    changes: watch::Sender<u64>,
    /// Counts the requests to ask at once.
    rounds: watch::Sender<u64>,
    /// What the lane was told last.
    told: Mutex<Option<Told>>,
}

/// What one Sentinel said last, and in answer to which request.
#[derive(Debug)]
struct Said {
    round: u64,
    report: Option<Result<Report>>,
}

#[derive(Clone, Debug)]
struct Told {
    epoch: u64,
    place: Place,
}

impl Watch {
    pub(super) fn new(service: Service, patience: Duration) -> Self {
        let nothing = |_: &Endpoint| Said {
            round: 0,
            report: None,
        };
        Self {
            said: Mutex::new(service.sentinels.iter().map(nothing).collect()),
            service,
            patience,
            changes: watch::Sender::new(0),
            rounds: watch::Sender::new(0),
            told: Mutex::new(None),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.service.sentinels.len()
    }

    /// The server at a place, with the login of the service.
    pub(super) fn server_at(&self, (host, port): &Place) -> Endpoint {
        let server = &self.service.server;
        server.at(&**host, *port).unwrap_or_else(|| server.clone())
    }

    /// Asks one Sentinel again and again: every second, when it has news, and on request.
    pub(super) async fn keep(self: Arc<Self>, index: usize) {
        let Some(sentinel) = self.service.sentinels.get(index) else {
            return;
        };
        let mut rounds = self.rounds.subscribe();
        loop {
            let round = *rounds.borrow_and_update();
            match Talk::open(sentinel, self.patience).await {
                Ok(talk) => self.listen(index, talk, &mut rounds).await,
                Err(error) => {
                    let error = error.with("sentinel", &sentinel.address);
                    tracing::debug!(%error, "a Sentinel can't be asked");
                    self.note(index, round, Err(error));
                }
            }
            tokio::select! {
                _ = rounds.changed() => {}
                () = sleep(jittered(POLL)) => {}
            }
        }
    }

    /// Until the connection ends.
    async fn listen(&self, index: usize, mut talk: Talk, rounds: &mut watch::Receiver<u64>) {
        loop {
            let round = *rounds.borrow_and_update();
            let report = report::ask(&talk, &self.service.name).await;
            let is_over = report.as_ref().is_err_and(|error| {
                matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout)
            });
            self.note(index, round, report);
            if is_over {
                return;
            }
            tokio::select! {
                news = talk.news() => if news.is_none() { return },
                _ = rounds.changed() => {}
                () = sleep(jittered(POLL)) => {}
            }
        }
    }

    fn note(&self, index: usize, round: u64, report: Result<Report>) {
        if let Some(said) = locked(&self.said).get_mut(index) {
            said.round = round;
            said.report = Some(report);
        }
        self.changes.send_modify(|count| *count += 1);
    }

    /// What the Sentinel with the newest knowledge says.
    fn newest(&self) -> Option<Report> {
        let said = locked(&self.said);
        let reports = said
            .iter()
            .filter_map(|said| said.report.as_ref()?.as_ref().ok());
        reports.max_by_key(|report| report.epoch).cloned()
    }

    pub(super) fn replicas(&self) -> Vec<Place> {
        self.newest()
            .map(|report| report.replicas)
            .unwrap_or_default()
    }

    /// Waits until the Sentinels name another master than the one that the lane was told.
    pub(super) async fn master_changed(&self) -> Error {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            let told = locked(&self.told).clone();
            if let (Some(told), Some(report)) = (told, self.newest())
                && report.master != told.place
                && report.epoch >= told.epoch
            {
                let (host, port) = report.master;
                let message = "the Sentinels name another master";
                let error = Error::new(ErrorKind::Connection, message);
                return error.with("master", format!("{host}:{port}"));
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(super) async fn anything_said(&self) {
        // The sender lives as long as `self`.
        let _changed = self.changes.subscribe().changed().await;
    }

    /// Asks all Sentinels, and waits for the first answer and a little for the others.
    async fn ask_all(&self) {
        let mut changes = self.changes.subscribe();
        self.rounds.send_modify(|round| *round += 1);
        let round = *self.rounds.borrow();
        let mut until = Instant::now() + 2 * self.patience;
        let mut is_answered = false;
        loop {
            changes.borrow_and_update();
            let answers = self.answers(round);
            if answers.iter().all(Option::is_some) {
                return;
            }
            if !is_answered && answers.contains(&Some(true)) {
                is_answered = true;
                until = Instant::now() + GRACE;
            }
            if timeout_at(until, changes.changed()).await.is_err() {
                return;
            }
        }
    }

    /// For each Sentinel whether it has answered a request well; `None`: not yet.
    fn answers(&self, round: u64) -> Vec<Option<bool>> {
        let answer = |said: &Said| {
            let report = said.report.as_ref().filter(|_| said.round >= round);
            report.map(Result::is_ok)
        };
        locked(&self.said).iter().map(answer).collect()
    }

    /// Why nobody knows the master.
    fn nobody_knows(&self) -> Error {
        let said = locked(&self.said);
        let failures = said.iter().map(|said| {
            said.report
                .as_ref()
                .and_then(|report| report.as_ref().err())
        });
        let is_lasting =
            |error: &Error| matches!(error.kind(), ErrorKind::Auth | ErrorKind::Config);
        let failures: Vec<_> = failures.collect();
        match failures.iter().flatten().next() {
            Some(error) if failures.iter().all(|e| e.is_some_and(is_lasting)) => (*error).clone(),
            first => {
                let message = "no Sentinel tells where the master is: check that they run, their \
                               hosts and ports, and that most of them agree";
                let error = Error::new(ErrorKind::Connection, message);
                match first {
                    Some(reason) => error.with("reason", reason),
                    None => error,
                }
            }
        }
    }
}

#[async_trait]
impl Whereabouts for Watch {
    fn label(&self) -> Arc<str> {
        self.service.name.as_str().into()
    }

    async fn endpoint(&self) -> Result<Endpoint> {
        self.ask_all().await;
        let newest = self.newest();
        let mut told = locked(&self.told);
        if let Some(report) = newest {
            *told = Some(Told {
                epoch: report.epoch,
                place: report.master,
            });
        }
        match &*told {
            // Without Sentinels, the last known master may still be one: that is checked.
            Some(told) => Ok(self.server_at(&told.place)),
            None => Err(self.nobody_knows()),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
