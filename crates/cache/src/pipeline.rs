//! Pipelines: different operations in one round trip.

use std::sync::Arc;

use larder_cache_core::{
    Error, ErrorKind, Event, Key, Lifetime, Operation, Reply, Result, Tag, Timestamp, Ttl,
};

use crate::l1::{Generation, Slot};
use crate::options::SetOptions;
use crate::reading::{Found, Reader};
use crate::typed::TypedCache;
use crate::value::Value;
use crate::writing::{Prepared, Terms};

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

/// What is known of a step before it is sent.
struct Sent {
    key: String,
    physical: Key,
    sample: Generation,
    slot: Option<Slot>,
    operation: &'static str,
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
    /// One round trip.
    ///
    /// # Errors
    /// When a key, value or option is refused (nothing was sent then), or when none of the
    /// operations got an answer.
    pub async fn run(self) -> Result<Vec<Result<PipelineReply<V>>>> {
        let shared = &self.cache.shared;
        let mut budget = shared.budget(None);
        let mut sent = Vec::with_capacity(self.steps.len());
        let mut operations = Vec::with_capacity(self.steps.len());
        for (key, step) in self.steps {
            let (operation, slot) = self.cache.operation(&key, &step, &budget).await?;
            sent.push(Sent {
                physical: physical_of(&operation),
                sample: shared.l1.sample(self.cache.space.id(), &key),
                slot,
                operation: step.name(),
                key,
            });
            operations.push(operation);
        }
        if operations.is_empty() {
            return Ok(Vec::new());
        }
        let replies = shared
            .call("pipeline", &mut budget, |call| {
                shared.backend.pipeline(&operations, call)
            })
            .await;
        let replies = replies.inspect_err(|_| {
            for one in sent.iter().filter(|one| one.operation != "get") {
                self.cache.outdate(&one.key);
            }
        })?;
        let mut answers = Vec::with_capacity(replies.len());
        for (one, reply) in sent.into_iter().zip(replies) {
            let now = shared.server_time(&one.physical, &budget).await?;
            answers.push(self.cache.answer(one, reply, now));
        }
        Ok(answers)
    }
}

impl<V> Step<V> {
    fn name(&self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set(..) => "set",
            Self::Delete => "delete",
            Self::Expire(_) => "expire",
        }
    }
}

impl<V: Value> TypedCache<V> {
    async fn operation(
        &self,
        key: &str,
        step: &Step<V>,
        budget: &crate::shared::Budget,
    ) -> Result<(Operation, Option<Slot>)> {
        let physical = || {
            let mut keys = self.shared.physical_keys(&self.settings(), &[key])?;
            keys.pop().ok_or_else(unanswered)
        };
        Ok(match step {
            Step::Get => (Operation::Get(physical()?), None),
            Step::Delete => (Operation::Delete(physical()?), None),
            Step::Expire(ttl) => {
                let lifetime: Lifetime = self.lifetime(*ttl)?;
                (Operation::Expire(physical()?, lifetime), None)
            }
            Step::Set(value, options) => {
                let terms = Terms {
                    ttl: options.ttl,
                    tags: Tag::list(&options.tags)?,
                    compression: options.compression,
                    ..Terms::default()
                };
                let prepared = self
                    .shared
                    .prepare(&self.space, key, Some(value), &terms, budget)
                    .await?;
                let Prepared { write, slot } = prepared.ok_or_else(unanswered)?;
                (Operation::Set(write), slot)
            }
        })
    }

    fn answer(&self, sent: Sent, reply: Result<Reply>, now: Timestamp) -> Result<PipelineReply<V>> {
        let Sent {
            key,
            physical,
            sample,
            slot,
            operation,
        } = sent;
        let space = self.space.registered.space();
        if operation != "get" {
            let slot = slot.filter(|_| reply.is_ok());
            self.shared.l1.supersede(space.id, &key, slot, sample);
            self.shared.flights.detach(space.id, &key);
        }
        match (operation, reply?) {
            ("get", Reply::Value(stored)) => {
                let settings = self.settings();
                let reader = Reader::new(&self.shared, &self.space, &settings);
                let found = stored.map_or(
                    Found::Missing(larder_cache_core::MissReason::NotFound),
                    |stored| reader.take_in(&key, &physical, &stored, now, sample),
                );
                Ok(PipelineReply::Value(self.tell(&key, &found)))
            }
            ("set", Reply::Done(_)) => Ok(PipelineReply::Stored),
            ("delete", Reply::Done(deleted)) => {
                self.shared
                    .emit(&self.space, &Event::Deleted { space, keys: 1 });
                Ok(PipelineReply::Deleted(deleted))
            }
            ("expire", Reply::Done(moved)) => Ok(PipelineReply::Expired(moved)),
            _ => Err(unanswered()),
        }
    }
}

fn physical_of(operation: &Operation) -> Key {
    match operation {
        Operation::Get(key) | Operation::Delete(key) | Operation::Expire(key, _) => key.clone(),
        Operation::Set(write) => write.key.clone(),
        _ => unreachable!("a pipeline is built of these four"),
    }
}

fn unanswered() -> Error {
    Error::new(
        ErrorKind::Server,
        "the backend gave another kind of answer than the operation has",
    )
}
