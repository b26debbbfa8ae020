//! What the scripts of a journal answer.

use larder_cache_core::{Error, ErrorKind, Result};
use redis::Value;

use crate::error::unexpected_reply;

/// What a script of a journal answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// It was done; what there is to know of it.
    Done(Vec<Value>),
    /// There is nothing of that kind.
    Nothing,
    /// Somebody else holds the claim.
    Held,
    /// The claim has ended.
    Superseded,
}

impl Answer {
    /// Reads the reply to a script, or what it refuses for.
    pub(super) fn read(reply: Value) -> Result<Self> {
        let mut words = array(reply)?.into_iter();
        let status = words.next().ok_or_else(|| unexpected_reply("a status"))?;
        match &*text(status)? {
            "ok" => Ok(Self::Done(words.collect())),
            "none" => Ok(Self::Nothing),
            "held" => Ok(Self::Held),
            "superseded" => Ok(Self::Superseded),
            "full" => Err(full()),
            "beyond" => Err(beyond()),
            "other" => Err(other_shards(words.next())),
            _ => Err(unexpected_reply("a status of the journal")),
        }
    }

    /// What there is to know of what was done.
    pub(super) fn done(self) -> Result<Vec<Value>> {
        match self {
            Self::Done(words) => Ok(words),
            Self::Superseded => Err(superseded()),
            Self::Nothing | Self::Held => Err(unexpected_reply("another status")),
        }
    }

    /// What there is to know of what was done, of so many parts.
    pub(super) fn parts<const N: usize>(self) -> Result<[Value; N]> {
        let words = self.done()?;
        <[Value; N]>::try_from(words).map_err(|_| unexpected_reply("more or fewer parts"))
    }
}

pub(super) fn array(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(words) => Ok(words),
        _ => Err(unexpected_reply("an array")),
    }
}

pub(super) fn text(value: Value) -> Result<String> {
    redis::from_redis_value(value).map_err(|_| unexpected_reply("text"))
}

pub(super) fn number(value: &Value) -> Result<u64> {
    match value {
        Value::Int(number) => Ok(u64::try_from(*number).unwrap_or(0)),
        _ => Err(unexpected_reply("a number")),
    }
}

fn full() -> Error {
    Error::new(
        ErrorKind::Backpressure,
        "the shard of the journal is full and nothing was appended: the database takes writes \
         more slowly than they come, or not at all; raise the journal's capacity for longer \
         outages",
    )
}

fn superseded() -> Error {
    let message = "the claim of the shard has ended, and another consumer may read it";
    Error::new(ErrorKind::Superseded, message).replay_safe()
}

fn beyond() -> Error {
    let message = "the stream of the journal has an id beyond the year 2109, so that nothing can \
                   be appended: see who wrote it, and the clock of the server";
    Error::new(ErrorKind::Server, message)
}

fn other_shards(found: Option<Value>) -> Error {
    let found = found.and_then(|found| text(found).ok()).unwrap_or_default();
    let message = "the journal was made with another number of shards: set the one that was \
                   found, or empty the journal and delete its keys";
    let error = Error::new(ErrorKind::Config, message);
    error.with("found", found).replay_safe()
}
