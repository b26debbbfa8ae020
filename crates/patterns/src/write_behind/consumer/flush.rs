//! One batch, from the window to the database: what can be written is, whatever else can't.

use std::sync::Arc;

use futures_util::future::join_all;
use larder_cache::Value;
use larder_cache_core::{Event, Random, SystemRandom};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Consumer;
use super::attempt::Attempt;
use super::keeper::Lost;
use crate::write_behind::writer::{Refusal, Update, WriteFailure};

impl<V: Value> Consumer<V> {
    /// Writes what waits longest. Where a batch fails, it is halved and halved again until what
    /// is wrong stands alone; unless nothing succeeds, in which case the database is taken to be
    /// down, and gets a pause.
    pub(super) async fn flush(&mut self) -> Result<(), Lost> {
        let keys = self
            .window
            .oldest(self.core.options.max_batch, Instant::now());
        let mut attempt = Attempt::new(keys, &self.window, self.failures);
        while let Some(keys) = attempt.next() {
            let (keys, updates) = self.updates(keys).await?;
            if updates.is_empty() {
                continue;
            }
            match self.write(updates).await? {
                Ok(()) => {
                    attempt.succeeded();
                    self.core.count_success();
                    self.settle(keys).await?;
                }
                Err(WriteFailure::Refused(refusals)) if names_any(&refusals, &keys) => {
                    attempt.succeeded();
                    attempt.again(self.refuse(refusals, keys).await?);
                }
                Err(failure) => self.divide(&mut attempt, keys, &failure).await?,
            }
        }
        self.conclude(attempt).await
    }

    /// The updates of these keys, but for those that nobody can read, which are buried.
    async fn updates(&mut self, keys: Vec<String>) -> Result<(Vec<String>, Vec<Update<V>>), Lost> {
        let (mut readable, mut updates) = (Vec::new(), Vec::with_capacity(keys.len()));
        for key in keys {
            match self.update(&key) {
                Some(Ok(update)) => {
                    updates.push(update);
                    readable.push(key);
                }
                Some(Err(reason)) => self.bury(&key, &reason).await?,
                None => {}
            }
        }
        Ok((readable, updates))
    }

    fn update(&self, key: &str) -> Option<Result<Update<V>, String>> {
        let record = &self.window.get(key)?.record;
        if record.deliveries > self.core.options.max_deliveries {
            let ended = record.deliveries - 1;
            let why = format!("{ended} consumers took it and ended without an answer");
            return Some(Err(why));
        }
        let bytes = record.value.as_ref();
        let value = bytes.map(|bytes| self.core.cache.from_bytes(key, bytes));
        Some(match value.transpose() {
            Ok(value) => Ok(Update {
                key: key.to_owned(),
                value: value.map(Arc::new),
                sequence: record.sequence,
            }),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Runs the writer in a task of its own, which a panic ends alone.
    async fn write(&mut self, updates: Vec<Update<V>>) -> Result<Result<(), WriteFailure>, Lost> {
        self.keeper.make_sure().await?;
        let keys = updates.len();
        let waiting = updates.iter().filter_map(|it| self.window.get(&it.key));
        let writes = waiting.map(|waiting| waiting.writes).sum();
        let writer = Arc::clone(&self.core.writer);
        let began = Instant::now();
        let mut task = tokio::spawn(async move { writer.write(updates).await });
        let _abort = AbortOnDrop(task.abort_handle());
        let answer = tokio::time::timeout(self.core.options.write_timeout, &mut task);
        let answer = match self.keeper.during(answer).await? {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(failure("the writer panicked")),
            Err(_) => Err(failure("the writer did not answer in time")),
        };
        if answer.is_ok() {
            let (space, elapsed) = (self.core.cache.space(), began.elapsed());
            let event = Event::Flushed {
                space,
                keys,
                writes,
                elapsed,
            };
            self.core.cache.emit(&event);
        }
        Ok(answer)
    }

    /// These are in the database. What the cache may hold of another process's making is
    /// removed before the journal forgets them: it may be older.
    async fn settle(&mut self, keys: Vec<String>) -> Result<(), Lost> {
        let asked = join_all(keys.iter().map(|key| self.is_contested(key))).await;
        let contested = keys.iter().zip(asked).filter(|(_, contested)| *contested);
        let contested: Vec<_> = contested.map(|(key, _)| key).collect();
        if !contested.is_empty() {
            // Where it fails, the cache itself goes on trying.
            let deleted = self.core.cache.delete_many(contested).await;
            if let Err(error) = deleted {
                tracing::debug!(%error, "the cache did not confirm a deletion");
            }
        }
        let done = keys.iter().filter_map(|key| self.window.remove(key));
        let records: Vec<_> = done.flat_map(|waiting| waiting.into_records()).collect();
        self.finished.extend(records);
        self.acknowledge().await
    }

    /// Whether the cache may hold something else than what was written last: two processes
    /// wrote, or one that may have ended before it had changed the cache.
    async fn is_contested(&self, key: &str) -> bool {
        let Some(waiting) = self.window.get(key) else {
            return false;
        };
        let record = &waiting.record;
        let settled = record.writer == self.core.writer_id || record.is_settled;
        !waiting.superseded.is_empty() || !(settled || self.core.is_settled_by_now(record).await)
    }

    async fn divide(
        &mut self,
        attempt: &mut Attempt,
        keys: Vec<String>,
        failure: &WriteFailure,
    ) -> Result<(), Lost> {
        let (shard, count, why) = (self.keeper.claim.shard, keys.len(), reason(failure));
        tracing::debug!(shard, keys = count, why, "a write failed");
        match attempt.failed(keys) {
            Some(key) if attempt.lives() => self.blame(&key, &why).await,
            Some(key) => {
                attempt.doubtful.push((key, why));
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn conclude(&mut self, mut attempt: Attempt) -> Result<(), Lost> {
        let successes = self.core.successes();
        for (key, why) in std::mem::take(&mut attempt.doubtful) {
            let waiting = self.window.get_mut(&key);
            let before = waiting.and_then(|it| it.failed_at.replace(successes));
            // Since it failed before, others were written, if only of other shards.
            let others_are_written = before.is_some_and(|before| before != successes);
            if attempt.lives() || others_are_written {
                self.blame(&key, &why).await?;
            } else if attempt.is_lone() {
                self.set_aside(&key);
            }
        }
        if attempt.is_lone() || !(attempt.gave_up() || attempt.has_failed() && !attempt.lives()) {
            (self.failures, self.resume_at) = (0, None);
            return Ok(());
        }
        self.failures = self.failures.saturating_add(1);
        let options = &self.core.options;
        let pause = options.backoff_after(self.failures, SystemRandom.next_unit());
        self.resume_at = Some(Instant::now() + pause);
        self.tell_of_retry(self.window.len(), self.failures);
        Ok(())
    }
}

fn names_any(refusals: &[Refusal], keys: &[String]) -> bool {
    refusals.iter().any(|refusal| keys.contains(&refusal.key))
}

fn reason(failure: &WriteFailure) -> String {
    match failure {
        WriteFailure::Failed(error) => error.to_string(),
        WriteFailure::Refused(_) => "the writer refused writes that it was not given".to_owned(),
    }
}

fn failure(text: &'static str) -> WriteFailure {
    WriteFailure::Failed(text.into())
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
