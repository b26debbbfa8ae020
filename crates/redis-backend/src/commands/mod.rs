//! The commands of a cache, each on a given connection.
//!
//! Nothing here knows where the connection came from: all keys of a call are on its
//! server. Where they are not, a call is taken apart into [steps](Step).

mod expire;
mod keys;
mod lease;
mod read;
mod renew;
pub(crate) mod reply;
mod scan;
mod script;
mod several;
mod stale;
mod step;
mod write;

use larder_cache_core::{Key, Result};
use redis::Cmd;

use crate::error::in_part;

pub(crate) use self::expire::moved_or_not;
pub(crate) use self::keys::{delete, exists, ttl};
pub(crate) use self::lease::{filled, leased};
pub(crate) use self::read::{get, head, head_of};
pub(crate) use self::renew::renewed;
pub(crate) use self::scan::{Place, foreign, page, scan};
pub(crate) use self::script::{Answer, Lua, Naming, Replies, ScriptCall, run};
pub(crate) use self::several::{answer, pipeline, step_of};
pub(crate) use self::step::{Step, batch_of, only};
pub(crate) use self::write::{lifetime_millis, set, write_set};

/// The most keys in one command or pipeline: other callers get their turn in between.
pub(crate) const BATCH: usize = 1000;

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
/// beside the one that failed, or may have been, that error is not safe to replay.
pub(crate) fn all_done<T>(results: Vec<Result<T>>, done_before: usize) -> Result<Vec<T>> {
    let may_be_done = |result: &Result<T>| match result {
        Ok(_) => true,
        Err(error) => !error.is_replay_safe(),
    };
    let done = done_before > 0 || results.iter().any(may_be_done);
    let all: Result<Vec<T>> = results.into_iter().collect();
    all.map_err(
        |error| match done && error.is_replay_safe() || done_before > 0 {
            true => in_part(&error),
            false => error,
        },
    )
}
