//! Pipelines: different operations in one round trip.

use std::sync::Arc;

use larder_cache_core::{
    Error, ErrorKind, Event, Key, MissReason, Operation, Reply, Result, Ttl, Write,
};

use crate::changes::Change;
use crate::l1::{Generation, Slot};
use crate::options::SetOptions;
use crate::reading::{Found, Reader};
use crate::shared::Budget;
use crate::typed::TypedCache;
use crate::value::Value;
use crate::writing::{Encoded, Prepared, Terms};

/// Operations that are sent together and run in order, begun by
/// [`TypedCache::pipeline`] and sent by [`run`](Pipeline::run).
///
/// It is no transaction: other clients' operations may come between, and one that fails
/// does not undo the others. Reads go to the backend, so that they see the writes before
/// them.
#[derive(Debug)]
#[must_use = "a pipeline does nothing until it is run"]
pub struct Pipeline<'a, V> {
    cache: &'a TypedCache<V>,
    steps: Vec<(String, Step<V>)>,
}

#[derive(Debug)]
enum Step<V> {
    Get,
    Set(Arc<V>, SetOptions),
    Delete,
    Expire(Ttl),
}

/// A step that can be sent.
enum Checked<V> {
    Ready(Operation),
    Set(Encoded<V>, Terms),
}

/// The answer to one step of a pipeline.
#[derive(Debug)]
#[non_exhaustive]
pub enum PipelineReply<V> {
    /// To `get`.
    Value(Option<Arc<V>>),
    /// To `set`.
    Stored,
    /// To `delete`: whether there was something.
    Deleted(bool),
    /// To `expire`: whether there was an entry.
    Expired(bool),
}

impl<V> PipelineReply<V> {
    /// The value of a `get`, if this is the answer to one and there is a value.
    #[must_use]
    pub fn into_value(self) -> Option<Arc<V>> {
        match self {
            Self::Value(value) => value,
            _ => None,
        }
    }
}

impl<'a, V: Value> Pipeline<'a, V> {
    pub(crate) fn new(cache: &'a TypedCache<V>) -> Self {
        Self {
            cache,
            steps: Vec::new(),
        }
    }

    /// Reads a value.
    pub fn get(self, key: impl Into<String>) -> Self {
        self.step(key, Step::Get)
    }

    /// Stores a value for the namespace's time to live.
    pub fn set(self, key: impl Into<String>, value: impl Into<Arc<V>>) -> Self {
        self.set_with(key, value, SetOptions::default())
    }

    /// Stores a value, with options; their budget is the pipeline's.
    pub fn set_with(
        self,
        key: impl Into<String>,
        value: impl Into<Arc<V>>,
        options: SetOptions,
    ) -> Self {
        self.step(key, Step::Set(value.into(), options))
    }

    /// Deletes a value.
    pub fn delete(self, key: impl Into<String>) -> Self {
        self.step(key, Step::Delete)
    }

    /// Moves the expiry of a value.
    pub fn expire(self, key: impl Into<String>, ttl: impl Into<Ttl>) -> Self {
        self.step(key, Step::Expire(ttl.into()))
    }

    fn step(mut self, key: impl Into<String>, step: Step<V>) -> Self {
        self.steps.push((key.into(), step));
        self
    }

    /// Sends the operations and answers for each in its place.
    ///
    /// # Cost
    /// One round trip, and one more for each value that is stored or found whose epochs are
    /// not known.
    ///
    /// # Errors
    /// When a key, value or option is refused (nothing was sent then), or when none of the
    /// operations got an answer.
    pub async fn run(self) -> Result<Vec<Result<PipelineReply<V>>>> {
        let Self { cache, steps } = self;
        let shared = &cache.shared;
        let mut budget = shared.budget(None);
        let checked = steps.iter().map(|(key, step)| cache.check(key, step));
        let checked = checked.collect::<Result<Vec<_>>>()?;
        if checked.is_empty() {
            return Ok(Vec::new());
        }
        let changes = |step: &Step<V>| !matches!(step, Step::Get);
        let changed = steps.iter().filter(|(_, step)| changes(step));
        let changed = changed.map(|(key, _)| key.as_str());
        let change = Change::begin(shared, &cache.space, changed);
        let mut operations = Vec::with_capacity(steps.len());
        let mut slots = Vec::with_capacity(steps.len());
        for checked in checked {
            let (operation, slot) = cache.operation(checked, &mut budget).await?;
            operations.push(operation);
            slots.push(slot);
        }
        let sample = |(key, _): &(String, _)| shared.l1.sample(cache.space.id(), key);
        let samples: Vec<Generation> = steps.iter().map(sample).collect();
        let sent = shared.call("pipeline", &mut budget, |call| {
            shared.backend.pipeline(&operations, call)
        });
        let replies = sent.await?;
        if replies.len() != steps.len() {
            return Err(unanswered());
        }
        let outcomes = steps.iter().zip(slots).zip(&replies);
        let outcomes = outcomes.filter(|(((_, step), _), _)| changes(step));
        change.made(outcomes.map(|((_, slot), reply)| slot.filter(|_| reply.is_ok())));
        let mut answers = Vec::with_capacity(replies.len());
        let sent = steps.iter().zip(operations).zip(samples);
        for ((((key, _), operation), sample), reply) in sent.zip(replies) {
            let answer = cache.answer(key, &operation, reply, sample, &mut budget);
            answers.push(answer.await);
        }
        Ok(answers)
    }
}

impl<V: Value> TypedCache<V> {
    /// Refuses a step that can't be sent.
    fn check(&self, key: &str, step: &Step<V>) -> Result<Checked<V>> {
        let settings = self.settings();
        let physical = self.shared.physical_key(&settings, key)?;
        Ok(match step {
            Step::Get => Checked::Ready(Operation::Get(physical)),
            Step::Delete => Checked::Ready(Operation::Delete(physical)),
            Step::Expire(ttl) => Checked::Ready(Operation::Expire(physical, self.lifetime(*ttl)?)),
            Step::Set(value, options) => {
                let terms = Terms::of(options, &settings)?;
                let encoded = self.shared.encode(&self.space, key, Some(value), &terms)?;
                Checked::Set(encoded.ok_or_else(unanswered)?, terms)
            }
        })
    }

    /// What a step sends, and what L1 may hold after it.
    async fn operation(
        &self,
        checked: Checked<V>,
        budget: &mut Budget,
    ) -> Result<(Operation, Option<Slot>)> {
        let (encoded, terms) = match checked {
            Checked::Ready(operation) => return Ok((operation, None)),
            Checked::Set(encoded, terms) => (encoded, terms),
        };
        let shared = &self.shared;
        let stand = shared.stand(&self.settings(), &terms, budget).await?;
        let times = &mut shared.server_times();
        let prepared = shared.prepare(&self.space, encoded, (&terms, stand), times, budget);
        let Prepared { write, slot } = prepared.await?;
        Ok((Operation::Set(write), slot))
    }

    async fn answer(
        &self,
        key: &str,
        operation: &Operation,
        reply: Result<Reply>,
        sample: Generation,
        budget: &mut Budget,
    ) -> Result<PipelineReply<V>> {
        let space = self.space.registered.space();
        match (operation, reply) {
            (Operation::Get(physical), _) if self.shared.pending.holds(physical) => Ok(
                PipelineReply::Value(self.tell(key, &Found::Missing(MissReason::Pending, None))),
            ),
            (Operation::Get(physical), reply) => {
                let found = self.found(key, physical, reply, sample, budget).await;
                if found.is_err() {
                    self.tell::<V>(key, &Found::Missing(MissReason::Backend, None));
                }
                Ok(PipelineReply::Value(self.tell(key, &found?)))
            }
            (Operation::Set(write), Ok(Reply::Done(_))) => {
                self.shared.tell_stored(&self.space, key, write.value.len());
                Ok(PipelineReply::Stored)
            }
            (Operation::Delete(_), Ok(Reply::Done(deleted))) => {
                let keys = &[key];
                self.shared
                    .emit(&self.space, &Event::Deleted { space, keys });
                Ok(PipelineReply::Deleted(deleted))
            }
            (Operation::Expire(..), Ok(Reply::Done(moved))) => Ok(PipelineReply::Expired(moved)),
            (Operation::Set(Write { key, .. }) | Operation::Delete(key), Err(error)) => {
                self.shared.remember_failed([key.clone()]);
                Err(error)
            }
            (_, Err(error)) => Err(error),
            _ => Err(unanswered()),
        }
    }

    async fn found(
        &self,
        key: &str,
        physical: &Key,
        reply: Result<Reply>,
        sample: Generation,
        budget: &mut Budget,
    ) -> Result<Found<V>> {
        let stored = match reply {
            Ok(Reply::Value(None)) => return Ok(Found::Missing(MissReason::NotFound, None)),
            Ok(Reply::Value(Some(stored))) => stored,
            Ok(_) => return Err(unanswered()),
            Err(error) if error.kind() == ErrorKind::WrongType => {
                return Ok(Found::Missing(MissReason::WrongType, None));
            }
            Err(error) => return Err(error),
        };
        let now = self.shared.server_time(physical, budget).await?;
        let settings = self.settings();
        let reader = Reader::new(&self.shared, &self.space, &settings);
        let read = vec![((key, physical, sample), stored, now)];
        let found = reader.take_in(read, budget).await?.pop();
        Ok(found.unwrap_or(Found::Missing(MissReason::NotFound, None)))
    }
}

fn unanswered() -> Error {
    Error::new(
        ErrorKind::Server,
        "the backend gave another kind of answer than the operation has",
    )
}
