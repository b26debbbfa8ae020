//! What is asked of one key, wherever its server is.

use larder_cache_core::{Key, Lifetime, Result, Write};
use redis::{Pipeline, Value};

use super::command;
use super::expire::{Naming, expire_command};
use super::keys::unlink_bodies;
use super::read::{QUESTIONS, ask_for_head};
use super::write::set_command;
use crate::error::unexpected_reply;

/// What is asked of one key: commands that go together to the server that holds it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    Get(&'a Key),
    /// So many bytes of a value's beginning.
    Head(&'a Key, usize),
    Set(&'a Write),
    Delete(&'a Key),
    /// The large value of a key that is deleted, if there is one.
    DeleteBody(&'a Key),
    Exists(&'a Key),
    Ttl(&'a Key),
    Expire(&'a Key, Lifetime, Naming),
}

impl<'a> Step<'a> {
    pub(crate) fn key(&self) -> &'a Key {
        match self {
            Self::Set(write) => &write.key,
            Self::Get(key)
            | Self::Head(key, _)
            | Self::Delete(key)
            | Self::DeleteBody(key)
            | Self::Exists(key)
            | Self::Ttl(key)
            | Self::Expire(key, ..) => key,
        }
    }

    pub(crate) fn is_read(&self) -> bool {
        matches!(
            self,
            Self::Get(_) | Self::Head(..) | Self::Exists(_) | Self::Ttl(_)
        )
    }

    /// The same with scripts by their text.
    pub(crate) fn by_text(self) -> Self {
        match self {
            Self::Expire(key, lifetime, _) => Self::Expire(key, lifetime, Naming::Text),
            other => other,
        }
    }

    /// How many bytes are sent, roughly.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Set(write) => write.value.len(),
            Self::Expire(_, _, Naming::Text) => 1024,
            _ => self.key().as_bytes().len(),
        }
    }

    /// Adds the commands; so many replies follow.
    pub(crate) fn add_to(&self, commands: &mut Pipeline) -> usize {
        match *self {
            Self::Get(key) => commands.add_command(command("GET", key)),
            Self::Set(write) => commands.add_command(set_command(write)),
            Self::Delete(key) => commands.add_command(command("UNLINK", key)),
            Self::DeleteBody(key) => commands.add_command(unlink_bodies(std::slice::from_ref(key))),
            Self::Exists(key) => commands.add_command(command("EXISTS", key)),
            Self::Ttl(key) => commands.add_command(command("PTTL", key)),
            Self::Expire(key, lifetime, naming) => {
                commands.add_command(expire_command(naming, key, lifetime))
            }
            Self::Head(key, bytes) => {
                ask_for_head(commands, key, bytes);
                return QUESTIONS;
            }
        };
        1
    }
}

/// The reply to a step of one command.
pub(crate) fn only(replies: Vec<Value>) -> Result<Value> {
    replies
        .into_iter()
        .next_back()
        .ok_or_else(|| unexpected_reply("a reply to each command"))
}
