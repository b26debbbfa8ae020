//! What is asked of keys, whatever they hold.

use larder_cache_core::{Expiry, Key, Result};
use redis::{Pipeline, Value};

use super::{BATCH, command, command_for_all, reply};
use crate::error::in_part;
use crate::lane::Link;

pub(crate) async fn delete(link: &Link, keys: &[Key]) -> Result<u64> {
    let mut deleted = 0;
    for (index, keys) in keys.chunks(BATCH).enumerate() {
        match link.ask(&command_for_all("UNLINK", keys)).await {
            Ok(count) => deleted += reply::count(&count)?,
            Err(error) if index > 0 => return Err(in_part(&error)),
            Err(error) => return Err(error),
        }
    }
    Ok(deleted)
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
