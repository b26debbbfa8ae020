//! Reading values.

use bytes::Bytes;
use larder_cache_core::{ErrorKind, Head, Key, Result};
use redis::{Pipeline, Value};

use super::{BATCH, command, reply};
use crate::error::{refused, unexpected_reply};
use crate::lane::{Link, word, words};

pub(crate) async fn get(link: &Link, keys: &[Key]) -> Result<Vec<Option<Bytes>>> {
    let mut values = Vec::with_capacity(keys.len());
    for keys in keys.chunks(BATCH) {
        let write = |out: &mut Vec<u8>| {
            words(out, 1 + keys.len());
            word(out, b"MGET");
            keys.iter().for_each(|key| word(out, key.as_bytes()));
        };
        let reply = link.one(write).await?;
        let found = reply.parts().filter(|found| found.len() == keys.len());
        let found = found.ok_or_else(|| unexpected_reply("as many values as keys"))?;
        for value in found {
            values.push(reply::string(&value)?);
        }
    }
    Ok(values)
}

pub(crate) async fn head(link: &Link, keys: &[Key], bytes: usize) -> Result<Vec<Option<Head>>> {
    let mut heads = Vec::with_capacity(keys.len());
    for keys in keys.chunks(BATCH) {
        let mut questions = Pipeline::with_capacity(keys.len() * QUESTIONS);
        for key in keys {
            ask_for_head(&mut questions, key, bytes);
        }
        let mut replies = link.ask_all(&questions).await?.into_iter();
        for _ in keys {
            heads.push(one_head(replies.by_ref().take(QUESTIONS), bytes)?);
        }
    }
    Ok(heads)
}

pub(super) const QUESTIONS: usize = 5;

/// In a transaction per key, so that the length and the time to live are those of the
/// value whose beginning is read.
pub(super) fn ask_for_head(questions: &mut Pipeline, key: &Key, bytes: usize) {
    let last = i64::try_from(bytes.max(1) - 1).unwrap_or(i64::MAX);
    questions.cmd("MULTI");
    questions
        .add_command(command("GETRANGE", key))
        .arg(0)
        .arg(last);
    questions.add_command(command("STRLEN", key));
    questions.add_command(command("PTTL", key));
    questions.cmd("EXEC");
}

fn one_head(
    replies: impl Iterator<Item = Result<Value>>,
    wanted_bytes: usize,
) -> Result<Option<Head>> {
    head_of(replies.collect::<Result<_>>()?, wanted_bytes)
}

/// The head in the replies to the questions for one.
pub(crate) fn head_of(replies: Vec<Value>, wanted_bytes: usize) -> Result<Option<Head>> {
    let executed = replies.into_iter().next_back();
    let executed = reply::parts(executed.unwrap_or(Value::Nil))?;
    let Ok([beginning, length, expiry]) = <[Value; 3]>::try_from(executed) else {
        return Err(unexpected_reply("three answers"));
    };
    if let Value::ServerError(answer) = &beginning {
        let error = refused(answer);
        return match error.kind() {
            ErrorKind::WrongType => Ok(None),
            _ => Err(error),
        };
    }
    let Some(expiry) = reply::expiry(&expiry)? else {
        return Ok(None);
    };
    let mut bytes = reply::value(beginning)?.unwrap_or_default();
    bytes.truncate(wanted_bytes);
    Ok(Some(Head {
        bytes,
        total_bytes: usize::try_from(reply::count(&length)?).unwrap_or(usize::MAX),
        expiry,
    }))
}
