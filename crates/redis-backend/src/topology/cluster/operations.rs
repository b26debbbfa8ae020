//! The operations of a backend on keys that are spread over a cluster.

use std::time::Instant;

use bytes::Bytes;
use larder_cache_core::{Call, ErrorKind, Expiry, Head, Key, Operation, Reply, Result, Write};

use super::Cluster;
use super::delivery::Delivery;
use super::slot::Slot;
use crate::commands::{self, Answer, Step, all_done, only, reply};
use crate::config::ReadFrom;
use crate::lane::Turn;

impl Cluster {
    pub(crate) async fn get(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Bytes>>> {
        let began = Instant::now();
        if let [key] = keys
            && self.read_from == ReadFrom::Primary
            && let Some(found) = self
                .at_once(key, call, async |turn| turn.get(key).await)
                .await
        {
            return Ok(vec![found?]);
        }
        let left = call.budget.saturating_sub(began.elapsed());
        let steps: Vec<Step<'_>> = keys.iter().map(Step::Get).collect();
        let answers = self.deliver(&steps, Call::within(left)).await;
        let value = |answer: Answer| match answer {
            Err(error) if keys.len() > 1 && error.kind() == ErrorKind::WrongType => Ok(None),
            answer => reply::value(only(answer?.replies)?),
        };
        answers.into_iter().map(value).collect()
    }

    /// A call for a single key to the node that is known to hold it; `None` where that
    /// doesn't do, and nothing was done.
    async fn at_once<T>(
        &self,
        key: &Key,
        call: Call,
        ask: impl AsyncFnOnce(&Turn<'_>) -> Result<T>,
    ) -> Option<Result<T>> {
        let primary = self.directory.primary(Slot::of(key.as_bytes()))?;
        let answer = match primary.lane().turn(call).await {
            Ok(turn) => ask(&turn).await,
            Err(error) => {
                self.directory.request();
                return Some(Err(error));
            }
        };
        match &answer {
            Err(error) if error.kind() == ErrorKind::WrongType => Some(answer),
            // Refused: it may have been redirected.
            Err(error) if error.is_replay_safe() => None,
            Err(_) => {
                self.directory.request();
                Some(answer)
            }
            Ok(_) => Some(answer),
        }
    }

    pub(crate) async fn head(
        &self,
        keys: &[Key],
        bytes: usize,
        call: Call,
    ) -> Result<Vec<Option<Head>>> {
        let steps: Vec<_> = keys.iter().map(|key| Step::Head(key, bytes)).collect();
        let answers = self.deliver(&steps, call).await.into_iter();
        answers
            .map(|answer| commands::head_of(answer?.replies, bytes))
            .collect()
    }

    pub(crate) async fn set(&self, writes: &[Write], call: Call) -> Result<Vec<bool>> {
        let began = Instant::now();
        if let [write] = writes
            && let Some(stored) = self
                .at_once(&write.key, call, async |turn| turn.set(write).await)
                .await
        {
            return Ok(vec![stored?]);
        }
        let call = Call::within(call.budget.saturating_sub(began.elapsed()));
        let steps: Vec<Step<'_>> = writes.iter().map(Step::Set).collect();
        let stored = |answer: Answer| reply::stored(&only(answer?.replies)?);
        let answers = self.deliver(&steps, call).await;
        all_done(answers.into_iter().map(stored).collect(), 0)
    }

    pub(crate) async fn delete(&self, keys: &[Key], call: Call) -> Result<u64> {
        let steps = keys
            .iter()
            .flat_map(|key| [Step::Delete(key), Step::DeleteBody(key)]);
        let steps: Vec<Step<'_>> = steps.collect();
        let count = |answer: Answer| reply::count(&only(answer?.replies)?);
        let answers = self.deliver(&steps, call).await;
        let of_keys = answers.into_iter().step_by(2);
        let counts = all_done(of_keys.map(count).collect(), 0)?;
        Ok(counts.into_iter().sum())
    }

    pub(crate) async fn exists(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        let steps: Vec<Step<'_>> = keys.iter().map(Step::Exists).collect();
        let is_there = |answer: Answer| Ok(reply::count(&only(answer?.replies)?)? > 0);
        let answers = self.deliver(&steps, call).await;
        answers.into_iter().map(is_there).collect()
    }

    pub(crate) async fn ttl(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Expiry>>> {
        let steps: Vec<Step<'_>> = keys.iter().map(Step::Ttl).collect();
        let expiry = |answer: Answer| reply::expiry(&only(answer?.replies)?);
        let answers = self.deliver(&steps, call).await;
        answers.into_iter().map(expiry).collect()
    }

    pub(crate) async fn pipeline(
        &self,
        operations: &[Operation],
        call: Call,
    ) -> Result<Vec<Result<Reply>>> {
        let mut steps = Vec::with_capacity(operations.len());
        for operation in operations {
            steps.push(commands::step_of(operation)?);
            if let Operation::Delete(key) = operation {
                steps.push(Step::DeleteBody(key));
            }
        }
        let answers = self.deliver(&steps, call).await;
        let answers = steps.iter().zip(answers);
        let answers: Vec<_> = answers
            .filter(|(step, _)| !matches!(step, Step::DeleteBody(_)))
            .map(|(_, answer)| answer)
            .collect();
        let is_any_answered = answers.iter().any(is_answered);
        if !is_any_answered && let Some(Err(error)) = answers.first() {
            return Err(error.clone());
        }
        let replies = operations.iter().zip(answers);
        Ok(replies
            .map(|(operation, answer)| commands::answer(operation, only(answer?.replies)?))
            .collect())
    }

    /// Brings steps to the nodes that hold their keys: an answer to each.
    pub(crate) async fn deliver(&self, steps: &[Step<'_>], call: Call) -> Vec<Answer> {
        Delivery::new(&self.directory, self.read_from, steps, call)
            .answers()
            .await
    }
}

fn is_answered(answer: &Answer) -> bool {
    use ErrorKind::{CircuitOpen, Closed, Connection, Timeout};
    match answer {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), Timeout | Connection | Closed | CircuitOpen),
    }
}
