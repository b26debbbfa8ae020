//! Keeps a lane connected.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Clock, Error, ErrorKind, Observers, Result};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::Pace;
use super::backoff::Backoff;
use super::dial::{Dialer, Live, Refusal};
use super::driver::Ending;
use super::handshake;
use super::link::Link;
use super::state::{Shared, State};
use super::target::Target;
use crate::config::AtStart;
use crate::error;
use crate::tracking::Tracking;

/// Connects, watches the connection, connects again. Its lane is closed when it is
/// dropped, however that comes about.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) shared: Arc<Shared>,
    pub(super) dialer: Dialer,
    pub(super) tracking: Arc<Tracking>,
    backoff: Backoff,
    heartbeat: Duration,
    last_attempt: Instant,
}

/// How a connection was lost.
enum Loss {
    /// It ended, or the server must be looked at anew: another may well do.
    Broken(Error),
    /// The server answers nothing.
    Silent(Error),
}

impl Supervisor {
    pub(super) fn new(
        target: Target,
        pace: Pace,
        observers: Observers,
        clock: Arc<dyn Clock>,
        tracking: Arc<Tracking>,
    ) -> Self {
        let label = target.label();
        let shared = Shared::new(label, Arc::clone(&clock), observers, pace.circuit);
        Self {
            shared: Arc::new(shared),
            dialer: Dialer {
                target,
                timeout: pace.timeout,
                clock,
                tracking: Arc::clone(&tracking),
            },
            tracking,
            backoff: Backoff::new(pace.retry_delay),
            heartbeat: pace.heartbeat,
            last_attempt: Instant::now(),
        }
    }

    /// Makes the first connection, or none where there may be none yet.
    pub(super) async fn start(
        &mut self,
        at_start: AtStart,
        max_retries: u32,
    ) -> Result<Option<Live>> {
        let mut retries = 0;
        loop {
            match self.connect().await {
                Ok(live) => return Ok(Some(live)),
                Err(Refusal::Lasting(error)) => return Err(error),
                // Silence has cost a timeout already.
                Err(Refusal::Passing(error))
                    if retries < max_retries && error.kind() != ErrorKind::Timeout =>
                {
                    retries += 1;
                }
                Err(Refusal::Passing(error)) if at_start == AtStart::Required => return Err(error),
                Err(Refusal::Passing(error)) => {
                    let node = &self.shared.node;
                    tracing::warn!(%node, %error, "starting without Redis, will go on trying");
                    self.shared.down(error);
                    return Ok(None);
                }
            }
        }
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self, mut first: Option<Live>) {
        loop {
            let mut live = match first.take() {
                Some(live) => live,
                None => self.reconnect().await,
            };
            let began = Instant::now();
            let loss = self.watch(&mut live).await;
            self.backoff.lost_after(began.elapsed());
            self.lose(loss);
        }
    }

    async fn reconnect(&mut self) -> Live {
        loop {
            match self.connect().await {
                Ok(live) => return live,
                Err(Refusal::Passing(error) | Refusal::Lasting(error)) => self.shared.down(error),
            }
        }
    }

    async fn connect(&mut self) -> Result<Live, Refusal> {
        let next = self.shared.next_incarnation();
        // An attempt that took its time has been the pause before the next.
        let due = self.last_attempt + self.backoff.pause();
        self.last_attempt = due.max(Instant::now());
        let in_time = async {
            sleep_until(due).await;
            self.dial(next).await
        };
        let dialled = tokio::select! {
            dialled = in_time => dialled,
            () = self.shared.hurried() => self.dial(next).await,
        };
        match dialled {
            Ok(live) => {
                self.shared.time.replace(live.sample);
                self.shared.up(Arc::clone(&live.link));
                Ok(live)
            }
            Err(refusal) => {
                self.backoff.failed();
                Err(refusal)
            }
        }
    }

    async fn dial(&self, incarnation: u64) -> Result<Live, Refusal> {
        let mut live = self.dialer.dial(incarnation).await?;
        live.tracker = self.introduce(&live.link).await?;
        Ok(live)
    }

    async fn watch(&self, live: &mut Live) -> Loss {
        let (link, tracker) = (Arc::clone(&live.link), live.tracker);
        tokio::select! {
            loss = self.keep(live) => loss,
            never = self.tell(&link, tracker) => match never {},
        }
    }

    async fn keep(&self, live: &mut Live) -> Loss {
        let link = Arc::clone(&live.link);
        let mut heartbeat = interval_at(Instant::now() + self.heartbeat, self.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ending = live.driver.ended() => {
                    return Loss::Broken(Self::why_ended(&link, ending.as_ref()));
                }
                () = link.alarmed() => {}
                _ = heartbeat.tick() => {}
            }
            if let Some(why) = link.dismissed() {
                return Loss::Broken(why.clone());
            }
            if let Err(loss) = self.ask_for_life(&link).await {
                return loss;
            }
        }
    }

    /// Any answer is a sign of life, also a refusal.
    async fn ask_for_life(&self, link: &Link) -> Result<(), Loss> {
        let shared = &self.shared;
        let question = handshake::server_time(link, &*shared.clock);
        match timeout(self.dialer.timeout, question).await {
            Ok(Ok(sample)) => shared.time.refine(sample),
            Ok(Err(error)) if error.kind() == ErrorKind::Connection => {
                return Err(Loss::Broken(error));
            }
            Ok(Err(_)) => {}
            Err(_) => {
                let silent = self.silent(link);
                link.dismiss(&silent);
                return Err(Loss::Silent(silent));
            }
        }
        Ok(())
    }

    /// A server that has just gone silent would let callers wait for a new connection in
    /// vain; one that has ended the connection may have done so for a reason of its own.
    fn lose(&self, loss: Loss) {
        match loss {
            Loss::Broken(why) if self.backoff.is_fresh() => {
                self.shared.lost(&why, State::Connecting);
            }
            Loss::Broken(why) | Loss::Silent(why) => {
                let down = State::Down(why.clone().replay_safe());
                self.shared.lost(&why, down);
            }
        }
    }

    fn why_ended(link: &Link, ending: Option<&Ending>) -> Error {
        if let Some(dismissed) = link.dismissed() {
            return dismissed.clone();
        }
        let known = ending.map(|ending| ending.error().clone());
        known
            .unwrap_or_else(error::hung_up)
            .with("node", link.node())
    }

    pub(super) fn silent(&self, link: &Link) -> Error {
        let message = "the server does not answer any more";
        Error::new(ErrorKind::Connection, message)
            .with("timeout", format!("{:?}", self.dialer.timeout))
            .with("node", link.node())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.shared.close();
    }
}
