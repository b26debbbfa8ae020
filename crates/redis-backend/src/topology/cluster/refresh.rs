//! Keeps the map up to date.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use larder_cache_core::{Call, Error, ErrorKind, Random, Result, SystemRandom};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::directory::Directory;
use super::member::Member;
use super::view::{self, View};
use crate::address::Endpoint;

/// Without a reason the map is made anew this often.
const ROUTINE: Duration = Duration::from_secs(10);

/// While a node can't be reached: it may be replaced at any moment.
const TROUBLED: Duration = Duration::from_millis(200);

/// And when that has lasted for long.
const TROUBLED_FOR_LONG: Duration = Duration::from_secs(1);

const LONG: Duration = Duration::from_secs(30);

/// The shortest time between two attempts.
const LEAST: Duration = Duration::from_millis(80);

/// So many nodes are asked at once, and the newest view is taken of those that answer
/// within a grace of the first.
const ASKED_AT_ONCE: usize = 3;

const GRACE: Duration = Duration::from_millis(30);

/// Makes the map anew when that is asked for and from time to time. The backend is closed
/// when this ends, however that comes about.
pub(super) async fn keep(directory: Arc<Directory>) {
    let directory = ClosedAtLast(directory);
    let directory = &*directory.0;
    let mut calm = Instant::now();
    let mut last = Instant::now();
    loop {
        let pause = match directory.is_troubled() {
            false => {
                calm = Instant::now();
                ROUTINE
            }
            true if calm.elapsed() < LONG => TROUBLED,
            true => TROUBLED_FOR_LONG,
        };
        tokio::select! {
            () = directory.wanted.notified() => {}
            () = sleep(jittered(pause)) => {}
        }
        sleep_until(last + jittered(LEAST)).await;
        last = Instant::now();
        let failure = refresh(directory).await.err();
        if let Some(error) = &failure {
            tracing::debug!(%error, "no node tells how the cluster's slots are divided");
        }
        directory.attempted(failure);
    }
}

struct ClosedAtLast(Arc<Directory>);

impl Drop for ClosedAtLast {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Asks nodes until one answers: those that there is a connection to, then others that are
/// known, then those of the configuration.
pub(super) async fn refresh(directory: &Directory) -> Result<()> {
    let mut failure = None;
    for sources in sources(directory).chunks(ASKED_AT_ONCE) {
        match newest(directory, sources).await {
            Ok(view) => {
                directory.adopt(&view);
                return Ok(());
            }
            // What waiting doesn't mend says more than that another node is down.
            Err(error) => {
                let is_lasting =
                    |error: &Error| matches!(error.kind(), ErrorKind::Auth | ErrorKind::Config);
                if !failure.as_ref().is_some_and(is_lasting) {
                    failure = Some(error);
                }
            }
        }
    }
    Err(failure.unwrap_or_else(|| directory.no_owner()))
}

/// Whom to ask.
enum Source {
    Connected(Arc<Member>),
    Elsewhere(Endpoint),
}

fn sources(directory: &Directory) -> Vec<Source> {
    let map = directory.map();
    let mut connected: Vec<_> = map.members().filter(|m| m.is_up()).cloned().collect();
    shuffle(&mut connected);
    let known = map.members().map(|member| member.endpoint().clone());
    let mut elsewhere: Vec<Endpoint> = known.collect();
    shuffle(&mut elsewhere);
    let mut seeds = directory.seeds.clone();
    shuffle(&mut seeds);
    let mut seen = HashSet::new();
    let connected = connected.into_iter().map(Source::Connected);
    let elsewhere = elsewhere.into_iter().chain(seeds).map(Source::Elsewhere);
    let mut sources: Vec<Source> = connected.chain(elsewhere).collect();
    sources.retain(|source| seen.insert(source.endpoint().address.to_string()));
    sources
}

impl Source {
    fn endpoint(&self) -> &Endpoint {
        match self {
            Self::Connected(member) => member.endpoint(),
            Self::Elsewhere(endpoint) => endpoint,
        }
    }

    async fn ask(&self, directory: &Directory) -> Result<View> {
        let call = Call::within(directory.lanes.pace.timeout);
        let host = self.endpoint().address.host();
        match self {
            Self::Connected(member) => view::ask(&member.lane().turn(call).await?, host).await,
            Self::Elsewhere(endpoint) => {
                let lane = directory.lanes.once(endpoint.clone()).await?;
                view::ask(&lane.turn(call).await?, host).await
            }
        }
    }
}

async fn newest(directory: &Directory, sources: &[Source]) -> Result<View> {
    let mut answers: FuturesUnordered<_> =
        sources.iter().map(|source| source.ask(directory)).collect();
    let mut failure = None;
    let mut best: Option<View> = None;
    let mut until = None;
    loop {
        let answer = match until {
            None => answers.next().await,
            Some(until) => timeout_at(until, answers.next()).await.unwrap_or(None),
        };
        match answer {
            None => break,
            Some(Err(error)) => failure = Some(error),
            Some(Ok(view)) => {
                let age = |view: &View| (view.epoch, view.is_healthy);
                if best.as_ref().is_none_or(|best| age(best) < age(&view)) {
                    best = Some(view);
                }
                until.get_or_insert_with(|| Instant::now() + GRACE);
            }
        }
    }
    best.ok_or_else(|| failure.unwrap_or_else(|| directory.no_owner()))
}

fn shuffle<T>(items: &mut [T]) {
    for index in (1..items.len()).rev() {
        let other = SystemRandom.next_u64() % (index as u64 + 1);
        items.swap(index, usize::try_from(other).unwrap_or(index));
    }
}

/// Half as long to one and a half times as long, so that a fleet doesn't ask in step.
pub(in crate::topology) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + SystemRandom.next_unit())
}
