//! The consumer of a shard: reads it, gathers, writes to the database, acknowledges.

mod attempt;
mod burial;
mod flush;
mod keeper;
mod window;

use std::sync::Arc;
use std::time::Duration;

use larder_cache::Value;
use larder_cache_core::{ErrorKind, JournalRecord, Random, Sequence, SystemRandom};
use tokio::time::{Instant, sleep_until};

use self::keeper::{Keeper, Lost};
use self::window::Window;
use super::core::{Core, Phase};

/// By how much longer the pauses between looks are where nothing is written.
const IDLE_FACTOR: u32 = 4;

/// Consumes a shard whenever nobody else does, until the write-behind ends.
pub(super) async fn run<V: Value>(core: Arc<Core<V>>, shard: u32) {
    loop {
        let asked = Instant::now();
        let lasts = core.options.claim;
        match core.journal.claim(shard, lasts).await {
            Ok(Some(claim)) => {
                let keeper = Keeper::new(Arc::clone(&core.journal), claim, asked, lasts);
                let mut consumer = Consumer::new(Arc::clone(&core), keeper);
                if consumer.consume().await.is_ok() {
                    let _ = core.journal.release(&claim).await;
                    return;
                }
                tracing::debug!(shard, "another consumer has taken the shard");
            }
            Ok(None) if core.phase() == Phase::Draining => return,
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::Closed => return,
            Err(error) => tracing::debug!(%error, shard, "the shard could not be claimed"),
        }
        // Spread, so that a fleet does not ask at once.
        let pause = lasts.mul_f64(0.2 + SystemRandom.next_unit() * 0.2);
        core.pause_or_drain(asked + pause).await;
    }
}

/// The holder of a shard's claim.
struct Consumer<V: Value> {
    core: Arc<Core<V>>,
    keeper: Keeper,
    window: Window,
    /// Taken care of, but still in the journal.
    finished: Vec<JournalRecord>,
    /// How often in a row the database did not take anything.
    failures: u32,
    /// Nothing is written before then.
    resume_at: Option<Instant>,
    /// Nothing is read before then: the journal did not answer.
    read_at: Option<Instant>,
    /// Whether there may be more that another consumer took before. Nothing is written until all
    /// of it is known: an earlier write of a key must not follow a later one.
    is_recovering: bool,
}

/// What a look at the journal brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// There is more, or no room for it.
    More,
    /// That was all.
    All,
    /// The journal did not answer.
    Nothing,
}

impl<V: Value> Consumer<V> {
    fn new(core: Arc<Core<V>>, keeper: Keeper) -> Self {
        Self {
            core,
            keeper,
            window: Window::default(),
            finished: Vec::new(),
            failures: 0,
            resume_at: None,
            read_at: None,
            is_recovering: true,
        }
    }

    /// Returns when the draining has begun and all is written, or all that this process wrote: in
    /// a fleet that goes on writing others take the rest.
    async fn consume(&mut self) -> Result<(), Lost> {
        loop {
            let read = self.read().await?;
            self.acknowledge().await?;
            let now = Instant::now();
            let is_draining = self.core.phase() == Phase::Draining;
            if is_draining && self.is_done(read) {
                return Ok(());
            }
            match self.due_at(now, is_draining) {
                Some(due) if due <= now => self.flush().await?,
                _ if read == Read::More && (self.is_recovering || self.has_room()) => {}
                due => self.wait(due, now, is_draining).await?,
            }
        }
    }

    fn is_done(&self, read: Read) -> bool {
        if self.is_recovering || !self.finished.is_empty() {
            return false;
        }
        let own_last = self.core.own_highest(self.keeper.claim.shard);
        let own_are_read = own_last > Sequence::ZERO && self.window.read_to() >= own_last;
        let own_are_written = own_are_read && self.window.has_none_of(self.core.writer_id);
        own_are_written || (read == Read::All && self.window.is_empty())
    }

    /// Where this process is not writing, it looks less often.
    fn poll_interval(&self) -> Duration {
        match self.core.is_idle(self.keeper.claim.shard) {
            true => self.core.options.poll_interval * IDLE_FACTOR,
            false => self.core.options.poll_interval,
        }
    }

    fn has_room(&self) -> bool {
        self.window.len() < self.core.options.max_window
    }

    async fn read(&mut self) -> Result<Read, Lost> {
        let options = &self.core.options;
        let room = match self.is_recovering {
            true => options.max_batch,
            false => options.max_window.saturating_sub(self.window.len()),
        };
        let at_most = room.min(options.max_batch);
        if at_most == 0 {
            return Ok(Read::More);
        }
        if self.read_at.is_some_and(|at| at > Instant::now()) {
            return Ok(Read::Nothing);
        }
        let journal = Arc::clone(&self.core.journal);
        let claim = self.keeper.claim;
        let appended = self.core.take_appended(claim.shard);
        let read = journal.read(&claim, self.window.read_to(), at_most);
        match self.keeper.during(read).await? {
            Ok(records) => {
                self.read_at = None;
                self.core
                    .idle(claim.shard, appended == 0 && records.is_empty());
                let all = records.len() < at_most;
                let is_new = |record: &JournalRecord| record.deliveries < 2;
                self.is_recovering &= !(all || records.iter().any(is_new));
                let superfluous = self.window.take_in(records, Instant::now());
                self.finished.extend(superfluous);
                Ok(if all { Read::All } else { Read::More })
            }
            Err(error) => self.journal_failed(&error).map(|()| Read::Nothing),
        }
    }

    /// Takes off the journal what is taken care of.
    async fn acknowledge(&mut self) -> Result<(), Lost> {
        if self.finished.is_empty() {
            return Ok(());
        }
        let (journal, claim) = (Arc::clone(&self.core.journal), self.keeper.claim);
        let acknowledged = journal.acknowledge(&claim, &self.finished);
        match self.keeper.during(acknowledged).await? {
            Ok(()) => {
                self.finished.clear();
                Ok(())
            }
            Err(error) => self.journal_failed(&error),
        }
    }

    /// It is asked again after a pause, unless it says that somebody else is the consumer.
    fn journal_failed(&mut self, error: &larder_cache_core::Error) -> Result<(), Lost> {
        let shard = self.keeper.claim.shard;
        tracing::debug!(%error, shard, "the journal failed");
        if matches!(error.kind(), ErrorKind::Superseded | ErrorKind::Closed) {
            return Err(Lost);
        }
        self.read_at = Some(Instant::now() + self.core.options.poll_interval);
        Ok(())
    }

    /// When something is to be written; `None`: there is nothing.
    fn due_at(&self, now: Instant, is_draining: bool) -> Option<Instant> {
        if self.is_recovering {
            return None;
        }
        let options = &self.core.options;
        let (full, max_delay) = match is_draining {
            true => (1, Duration::ZERO),
            // It may have been in the journal for as long as the pause between two looks.
            false => (
                options.max_batch,
                options.max_delay.saturating_sub(options.poll_interval),
            ),
        };
        let due = self.window.due_at(full, max_delay, now)?;
        Some(self.resume_at.map_or(due, |resume| due.max(resume)))
    }

    /// Waits until something is due, or was appended, or may have been elsewhere.
    async fn wait(
        &mut self,
        due: Option<Instant>,
        now: Instant,
        is_draining: bool,
    ) -> Result<(), Lost> {
        let look_again = now + self.poll_interval();
        let until = due.map_or(look_again, |due| due.min(look_again));
        let core = Arc::clone(&self.core);
        let appended = core.told_to_look(self.keeper.claim.shard);
        let waiting = async {
            tokio::select! {
                () = sleep_until(until) => {}
                () = appended, if !is_draining => {}
                () = core.draining(), if !is_draining => {}
            }
        };
        self.keeper.during(waiting).await
    }
}
