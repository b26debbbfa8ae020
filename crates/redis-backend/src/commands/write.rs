//! Storing values.

use std::time::Duration;

use larder_cache_core::{Condition, Result, Write, millis_rounded_up};
use redis::Cmd;

use super::{BATCH, all_done};
use crate::error::unexpected_reply;
use crate::lane::{Link, number, word, words};

pub(crate) async fn set(link: &Link, writes: &[Write]) -> Result<Vec<bool>> {
    let mut stored = Vec::with_capacity(writes.len());
    for writes in batches(writes) {
        let write = |out: &mut Vec<u8>| writes.iter().for_each(|write| write_set(out, write));
        let replies = link.several(write, writes.len()).await?;
        let replies = replies.iter().map(|reply| {
            let reply = link.checked(reply)?;
            let stored = reply.stored();
            stored.ok_or_else(|| unexpected_reply("OK or nothing"))
        });
        stored.extend(all_done(replies.collect(), stored.len())?);
    }
    Ok(stored)
}

/// Writes one write down, as it is sent.
pub(crate) fn write_set(out: &mut Vec<u8>, write: &Write) {
    let condition = match write.condition {
        Condition::Always => None,
        Condition::IfAbsent => Some("NX"),
        Condition::IfPresent => Some("XX"),
    };
    let lifetime = write.ttl.map(lifetime_millis);
    let options = 2 * usize::from(lifetime.is_some()) + usize::from(condition.is_some());
    words(out, 3 + options);
    word(out, b"SET");
    word(out, write.key.as_bytes());
    word(out, &write.value);
    if let Some(millis) = lifetime {
        word(out, b"PX");
        number(out, millis);
    }
    if let Some(condition) = condition {
        word(out, condition.as_bytes());
    }
}

pub(super) fn set_command(write: &Write) -> Cmd {
    const OPTION_BYTES: usize = 32;
    let bytes = write.key.as_bytes().len() + write.value.len() + OPTION_BYTES;
    let mut command = Cmd::with_capacity(6, bytes);
    command
        .arg("SET")
        .arg(write.key.as_bytes())
        .arg(&write.value[..]);
    if let Some(ttl) = write.ttl {
        command.arg("PX").arg(lifetime_millis(ttl));
    }
    match write.condition {
        Condition::Always => {}
        Condition::IfAbsent => {
            command.arg("NX");
        }
        Condition::IfPresent => {
            command.arg("XX");
        }
    }
    command
}

/// A lifetime that Redis and its scripts can count with: at least a millisecond, at most
/// 285,000 years.
pub(crate) fn lifetime_millis(lifetime: Duration) -> u64 {
    millis_rounded_up(lifetime).clamp(1, 1 << 53)
}

/// Writes in slices of at most [`BATCH`] and of a few megabytes, but of one write at
/// least: the whole of a slice is copied before it is sent.
fn batches(mut writes: &[Write]) -> impl Iterator<Item = &[Write]> {
    const MAX_BYTES: usize = 4 << 20;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |write: &&Write| {
            bytes += write.value.len();
            bytes <= MAX_BYTES
        };
        let length = writes.iter().take(BATCH).take_while(fits).count();
        let (batch, rest) = writes.split_at(length.max(1).min(writes.len()));
        writes = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use larder_cache_core::KeyPrefix;

    use super::*;

    fn check(sizes: &[usize], expected: &[usize]) {
        let key = KeyPrefix::new("t").unwrap().value("n", "k").unwrap();
        let write = |size: &usize| Write {
            key: key.clone(),
            value: Bytes::from(vec![0; *size]),
            ttl: None,
            condition: Condition::Always,
        };
        let writes: Vec<Write> = sizes.iter().map(write).collect();
        let lengths: Vec<usize> = batches(&writes).map(<[Write]>::len).collect();
        assert_eq!(lengths, expected);
    }

    #[test]
    fn batches_are_bounded_by_count_and_bytes() {
        check(&[], &[]);
        check(&[9 << 20], &[1]);
        check(&[3 << 20, 3 << 20, 1, 9 << 20, 1], &[1, 2, 1, 1]);
        check(&[1; 2001], &[1000, 1000, 1]);
    }
}
