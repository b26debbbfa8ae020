//! What is asked of keys, whatever they hold.

use larder_cache_core::{Expiry, Key, Result};
use redis::{Cmd, Pipeline, Value};

use super::{BATCH, command, command_for_all, reply};
use crate::bulk::body_key;
use crate::error::{in_part, unexpected_reply};
use crate::lane::Link;

pub(crate) async fn delete(link: &Link, keys: &[Key]) -> Result<u64> {
    let mut deleted = 0;
    for (index, keys) in keys.chunks(BATCH).enumerate() {
        let mut commands = Pipeline::with_capacity(2);
        commands.add_command(command_for_all("UNLINK", keys));
        commands.add_command(unlink_bodies(keys));
        let count = async {
            let answers = link.ask_all(&commands).await?;
            let mut answers = answers.into_iter();
            let count = answers
                .next()
                .unwrap_or_else(|| Err(unexpected_reply("a count")))?;
            reply::count(&count)
        };
        match count.await {
            Ok(count) => deleted += count,
            Err(error) if index > 0 => return Err(in_part(&error)),
            Err(error) => return Err(error),
        }
    }
    Ok(deleted)
}

/// The large values of these keys go with their stubs, if there are any.
pub(super) fn unlink_bodies(keys: &[Key]) -> Cmd {
    let mut unlink = redis::cmd("UNLINK");
    for key in keys {
        unlink.arg(body_key(key));
    }
    unlink
}

pub(crate) async fn exists(link: &Link, keys: &[Key]) -> Result<Vec<bool>> {
    ask_of_each(link, "EXISTS", keys, |reply| Ok(reply::count(reply)? > 0)).await
}

pub(crate) async fn ttl(link: &Link, keys: &[Key]) -> Result<Vec<Option<Expiry>>> {
    ask_of_each(link, "PTTL", keys, reply::expiry).await
}

async fn ask_of_each<T>(
    link: &Link,
    name: &str,
    keys: &[Key],
    read: impl Fn(&Value) -> Result<T>,
) -> Result<Vec<T>> {
    let mut answers = Vec::with_capacity(keys.len());
    for keys in keys.chunks(BATCH) {
        let mut questions = Pipeline::with_capacity(keys.len());
        for key in keys {
            questions.add_command(command(name, key));
        }
        for answer in link.ask_all(&questions).await? {
            answers.push(read(&answer?)?);
        }
    }
    Ok(answers)
}
