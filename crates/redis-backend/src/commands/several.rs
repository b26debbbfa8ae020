//! Different operations in one round trip.

use larder_cache_core::{Error, ErrorKind, Operation, Reply, Result};
use redis::{Pipeline, Value};

use super::expire::{expire_command, moved_or_not};
use super::keys::unlink_bodies;
use super::script::Naming;
use super::write::set_command;
use super::{Step, command, reply};
use crate::error::unexpected_reply;
use crate::lane::Link;

pub(crate) async fn pipeline(link: &Link, operations: &[Operation]) -> Result<Vec<Result<Reply>>> {
    let mut commands = Pipeline::with_capacity(operations.len());
    // A script by its text first: one that the server doesn't know can't be sent again
    // without losing its place in the order.
    let mut naming = Naming::Text;
    let mut bodies = Vec::new();
    for operation in operations {
        if let Operation::Delete(key) = operation {
            bodies.push(key.clone());
        }
        commands.add_command(match operation {
            Operation::Get(key) => command("GET", key),
            Operation::Set(write) => set_command(write),
            Operation::Delete(key) => command("UNLINK", key),
            Operation::Expire(key, lifetime) => {
                let naming = std::mem::replace(&mut naming, Naming::Digest);
                expire_command(naming, key, *lifetime)
            }
            _ => return Err(unknown_operation()),
        });
    }
    if !bodies.is_empty() {
        commands.add_command(unlink_bodies(&bodies));
    }
    let replies = link.ask_all(&commands).await?.into_iter();
    Ok(operations
        .iter()
        .zip(replies)
        .map(|(operation, reply)| answer(operation, reply?))
        .collect())
}

/// An operation as a step by itself.
pub(crate) fn step_of(operation: &Operation) -> Result<Step<'_>> {
    Ok(match operation {
        Operation::Get(key) => Step::Get(key),
        Operation::Set(write) => Step::Set(write),
        Operation::Delete(key) => Step::Delete(key),
        // By its text: a script that the server doesn't know can't be sent again without
        // losing its place in the order.
        Operation::Expire(key, lifetime) => Step::Expire(key, *lifetime, Naming::Text),
        _ => return Err(unknown_operation()),
    })
}

/// The reply to an operation.
pub(crate) fn answer(operation: &Operation, reply: Value) -> Result<Reply> {
    match operation {
        Operation::Get(_) => reply::value(reply).map(Reply::Value),
        Operation::Set(_) => reply::stored(&reply).map(Reply::Done),
        Operation::Delete(_) => Ok(Reply::Done(reply::count(&reply)? > 0)),
        Operation::Expire(..) => moved_or_not(&reply).map(Reply::Done),
        _ => Err(unexpected_reply("the reply to a known operation")),
    }
}

pub(super) fn unknown_operation() -> Error {
    let message = "the Redis backend does not know this operation: use one version of all \
                   Larder crates";
    Error::new(ErrorKind::Unsupported, message)
}
