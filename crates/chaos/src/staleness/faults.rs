//! What goes wrong during a run, and when.

use std::time::Duration;

use fastrand::Rng;
use larder_testkit::NetworkFault;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::crew::Crew;
use super::database::Database;
use super::servers::Servers;
use crate::Failure;
use crate::progress::Progress;

/// How often which fault was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct FaultCounts {
    pub(super) disconnects: u64,
    pub(super) black_holes: u64,
    pub(super) client_kills: u64,
    pub(super) process_kills: u64,
    pub(super) failovers: u64,
}

/// All that is needed to break something.
#[derive(Debug)]
pub(super) struct Faults<'a> {
    pub(super) servers: &'a Servers,
    pub(super) crew: &'a Crew,
    pub(super) database: &'a Database,
    pub(super) progress: &'a Progress,
    pub(super) rng: Rng,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Disconnect,
    BlackHole,
    KillClients,
    KillProcess,
    FailOver,
}

/// Between two faults, on average.
const PAUSE: Duration = Duration::from_millis(1200);

/// All is well before the first and after the last.
const CALM: Duration = Duration::from_secs(2);

/// The longest that a failover takes, and what comes after it.
const FAILOVER_TAKES: Duration = Duration::from_secs(9);

/// One fault of so many is a failover, where there can be one.
const FAILOVER_EVERY: usize = 8;

const SHORTEST_HOLE: Duration = Duration::from_millis(100);

impl FaultCounts {
    pub(super) fn total(&self) -> u64 {
        self.disconnects
            + self.black_holes
            + self.client_kills
            + self.process_kills
            + self.failovers
    }
}

impl Faults<'_> {
    /// Breaks and heals, one after the other, for so long.
    pub(super) async fn run(mut self, length: Duration) -> Result<FaultCounts, Failure> {
        let mut counts = FaultCounts::default();
        let until = Instant::now() + length.saturating_sub(CALM);
        sleep(CALM).await;
        let mut number = 0;
        while Instant::now() < until {
            let fault = self.choose(number, until);
            if self.strike(fault, &mut counts).await? {
                number += 1;
            }
            sleep(PAUSE.mul_f64(0.5 + self.rng.f64())).await;
        }
        sleep(CALM).await;
        Ok(counts)
    }

    /// Each kind comes early; after that, at random.
    fn choose(&mut self, number: usize, until: Instant) -> Fault {
        const KINDS: [Fault; 4] = [
            Fault::Disconnect,
            Fault::BlackHole,
            Fault::KillProcess,
            Fault::KillClients,
        ];
        let has_time = until.saturating_duration_since(Instant::now()) > FAILOVER_TAKES;
        let is_turn = number % FAILOVER_EVERY == 1;
        if is_turn && has_time && self.servers.can_fail_over() {
            return Fault::FailOver;
        }
        match KINDS.get(number) {
            Some(first) => *first,
            None => KINDS[self.rng.usize(..KINDS.len())],
        }
    }

    /// Says whether it could be done.
    async fn strike(&mut self, fault: Fault, counts: &mut FaultCounts) -> Result<bool, Failure> {
        match fault {
            Fault::Disconnect => {
                let (proxy, before) = self.servers.proxy(&mut self.rng)?;
                self.progress.say(&format!("disconnecting {before}"));
                proxy.reset_all();
                counts.disconnects += 1;
            }
            Fault::BlackHole => {
                self.black_hole().await?;
                counts.black_holes += 1;
            }
            Fault::KillClients => {
                self.progress.say("CLIENT KILL");
                self.servers.kill_clients(&mut self.rng).await?;
                counts.client_kills += 1;
            }
            Fault::KillProcess => {
                let process = self.rng.usize(..self.crew.len());
                self.progress.say(&format!("SIGKILL to process {process}"));
                self.crew.replace(process).await?;
                counts.process_kills += 1;
            }
            Fault::FailOver => {
                let number = usize::try_from(counts.failovers)?;
                let failed = self.servers.fail_over(&mut self.rng, self.database, number);
                let Some(node) = failed.await? else {
                    return Ok(false);
                };
                self.progress
                    .say(&format!("node {node} was killed, and another took over"));
                counts.failovers += 1;
            }
        }
        Ok(true)
    }

    async fn black_hole(&mut self) -> Result<(), Failure> {
        let more = self.servers.longest_hole().saturating_sub(SHORTEST_HOLE);
        let length = SHORTEST_HOLE + more.mul_f64(self.rng.f64());
        let (proxy, before) = self.servers.proxy(&mut self.rng)?;
        self.progress.say(&format!(
            "a black hole before {before} for {:.1} s",
            length.as_secs_f64()
        ));
        proxy.set(NetworkFault::BlackHole);
        sleep(length).await;
        proxy.set(NetworkFault::None);
        Ok(())
    }
}
