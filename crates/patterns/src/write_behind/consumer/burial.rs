//! What becomes of writes that can't be made.

use std::sync::Arc;

use larder_cache::Value;
use larder_cache_core::{Event, JournalRecord, Random, SystemRandom};
use tokio::time::Instant;

use super::Consumer;
use super::keeper::Lost;
use crate::write_behind::writer::Refusal;

impl<V: Value> Consumer<V> {
    /// Buries what the writer will never take, and returns the rest.
    pub(super) async fn refuse(
        &mut self,
        refusals: Vec<Refusal>,
        mut keys: Vec<String>,
    ) -> Result<Vec<String>, Lost> {
        for Refusal { key, reason } in refusals {
            if let Some(at) = keys.iter().position(|known| *known == key) {
                keys.swap_remove(at);
                self.bury(&key, &reason).await?;
            }
        }
        Ok(keys)
    }

    /// A write failed though the database takes others: it waits by itself, and in the end goes
    /// to the dead letters.
    pub(super) async fn blame(&mut self, key: &str, why: &str) -> Result<(), Lost> {
        let Some(waiting) = self.window.get_mut(key) else {
            return Ok(());
        };
        waiting.attempts += 1;
        match waiting.attempts >= self.core.options.max_attempts {
            true => self.bury(key, why).await,
            false => {
                self.set_aside(key);
                Ok(())
            }
        }
    }

    /// Others go before this key for a while.
    pub(super) fn set_aside(&mut self, key: &str) {
        let Some(waiting) = self.window.get_mut(key) else {
            return;
        };
        waiting.failures = waiting.failures.saturating_add(1);
        let failures = waiting.failures;
        let options = &self.core.options;
        let pause = options.backoff_after(failures, SystemRandom.next_unit());
        self.window.set_aside(key, Instant::now() + pause);
        self.tell_of_retry(1, failures);
    }

    pub(super) fn tell_of_retry(&self, keys: usize, attempt: u32) {
        let space = self.core.cache.space();
        let event = Event::WriteRetried {
            space,
            keys,
            attempt,
        };
        self.core.cache.emit(&event);
    }

    /// Puts a write among the dead letters. Readers get what the database has.
    pub(super) async fn bury(&mut self, key: &str, reason: &str) -> Result<(), Lost> {
        let Some(waiting) = self.window.remove(key) else {
            return Ok(());
        };
        let mut records = waiting.into_records();
        let last = records.pop().into_iter();
        let last: Vec<_> = last.map(|record| (record, reason.to_owned())).collect();
        self.put_among_dead_letters(&last).await?;
        self.finished.extend(records);
        let space = self.core.cache.space();
        tracing::warn!(
            namespace = space.name,
            reason,
            "a write went to the dead letters"
        );
        let event = Event::DeadLettered { space, key, reason };
        self.core.cache.emit(&event);
        if let Err(error) = self.core.cache.delete(key).await {
            tracing::debug!(%error, "the cache did not confirm a deletion");
        }
        Ok(())
    }

    async fn put_among_dead_letters(
        &mut self,
        letters: &[(JournalRecord, String)],
    ) -> Result<(), Lost> {
        let (journal, claim) = (Arc::clone(&self.core.journal), self.keeper.claim);
        loop {
            let Err(error) = self.keeper.during(journal.bury(&claim, letters)).await? else {
                return Ok(());
            };
            self.journal_failed(&error)?;
            let pause = tokio::time::sleep(self.core.options.poll_interval);
            self.keeper.during(pause).await?;
        }
    }
}
