//! Replies in the words of the workspace.

use std::time::Duration;

use bytes::Bytes;
use larder_cache_core::{Expiry, Result};
use redis::Value;

use crate::error::unexpected_reply;
use crate::lane::Frame;

/// The reply to `GET`. Costs no copy.
pub(super) fn string(reply: &Frame) -> Result<Option<Bytes>> {
    reply
        .string()
        .ok_or_else(|| unexpected_reply("a string or nothing"))
}

/// The reply to `GET` and the like. Costs no copy.
pub(crate) fn value(reply: Value) -> Result<Option<Bytes>> {
    match reply {
        Value::BulkString(bytes) => Ok(Some(bytes.into())),
        Value::Nil => Ok(None),
        _ => Err(unexpected_reply("a string or nothing")),
    }
}

/// The reply to `SET`.
pub(crate) fn stored(reply: &Value) -> Result<bool> {
    match reply {
        Value::Okay => Ok(true),
        Value::Nil => Ok(false),
        _ => Err(unexpected_reply("OK or nothing")),
    }
}

/// A reply that counts.
pub(crate) fn count(reply: &Value) -> Result<u64> {
    integer(reply)?
        .try_into()
        .map_err(|_| unexpected_reply("a count"))
}

/// The reply to `PTTL`.
pub(crate) fn expiry(reply: &Value) -> Result<Option<Expiry>> {
    match integer(reply)? {
        -2 => Ok(None),
        -1 => Ok(Some(Expiry::Never)),
        millis => {
            let millis = millis.try_into().map_err(|_| unexpected_reply("a time"))?;
            Ok(Some(Expiry::In(Duration::from_millis(millis))))
        }
    }
}

/// A reply of several parts.
pub(crate) fn parts(reply: Value) -> Result<Vec<Value>> {
    match reply {
        Value::Array(parts) => Ok(parts),
        _ => Err(unexpected_reply("an array")),
    }
}

fn integer(reply: &Value) -> Result<i64> {
    match reply {
        Value::Int(number) => Ok(*number),
        _ => Err(unexpected_reply("a number")),
    }
}
