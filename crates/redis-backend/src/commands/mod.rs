//! The commands of a cache, each on a given connection.
//!
//! Nothing here knows where the connection came from: all keys of a call are on its
//! server.

mod expire;
mod keys;
mod read;
mod reply;
mod scan;
mod several;
mod write;

use larder_cache_core::{Key, Result};
use redis::Cmd;

use crate::error::in_part;

pub(crate) use self::expire::expire;
pub(crate) use self::keys::{delete, exists, ttl};
pub(crate) use self::read::{get, head};
pub(crate) use self::scan::scan;
pub(crate) use self::several::pipeline;
pub(crate) use self::write::{set, write_set};

/// The most keys in one command or pipeline: other callers get their turn in between.
const BATCH: usize = 1000;

fn command(name: &str, key: &Key) -> Cmd {
    let mut command = Cmd::with_capacity(2, name.len() + key.as_bytes().len());
    command.arg(name).arg(key.as_bytes());
    command
}

fn command_for_all(name: &str, keys: &[Key]) -> Cmd {
    let bytes = keys.iter().map(|key| key.as_bytes().len()).sum::<usize>();
    let mut command = Cmd::with_capacity(1 + keys.len(), name.len() + bytes);
    command.arg(name);
    for key in keys {
        command.arg(key.as_bytes());
    }
    command
}

/// All results, or the first error. Where some of several writes were done before or
/// beside the one that failed, that error is not safe to replay.
fn all_done<T>(results: Vec<Result<T>>, done_before: usize) -> Result<Vec<T>> {
    let done = done_before + results.iter().filter(|result| result.is_ok()).count();
    let all: Result<Vec<T>> = results.into_iter().collect();
    all.map_err(|error| if done == 0 { error } else { in_part(&error) })
}
