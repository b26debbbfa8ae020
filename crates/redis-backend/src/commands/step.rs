//! What is asked of one key, wherever its server is.

use larder_cache_core::{
    EpochChange, Fill, FillOutcome, Key, LeaseRequest, Lifetime, Result, Write,
};
use redis::{Pipeline, Value};

use super::expire::expire_command;
use super::keys::unlink_bodies;
use super::lease::{add_fill, lease_command};
use super::read::{QUESTIONS, ask_for_head};
use super::renew::renew_command;
use super::script::{Naming, ScriptCall};
use super::stale::mark_stale_command;
use super::write::set_command;
use super::{BATCH, command};
use crate::bulk::LargeFill;
use crate::error::unexpected_reply;
use crate::lane::Link;

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
    Lease(&'a LeaseRequest, Naming),
    Fill(&'a Fill, Naming),
    /// The same with a large value, which the server has already.
    FillLarge(&'a LargeFill, Naming),
    MarkStale(&'a Key, Naming),
    Renew(&'a EpochChange, Naming),
    /// Any other script.
    Script(&'a ScriptCall<'a>, Naming),
}

impl<'a> Step<'a> {
    pub(crate) fn key(&self) -> &'a Key {
        match self {
            Self::Set(write) => &write.key,
            Self::Lease(request, _) => &request.key,
            Self::Fill(fill, _) => &fill.key,
            Self::FillLarge(fill, _) => &fill.key,
            Self::Renew(change, _) => &change.key,
            Self::Script(call, _) => &call.keys[0],
            Self::MarkStale(key, _)
            | Self::Get(key)
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
            Self::Lease(request, _) => Self::Lease(request, Naming::Text),
            Self::Fill(fill, _) => Self::Fill(fill, Naming::Text),
            Self::FillLarge(fill, _) => Self::FillLarge(fill, Naming::Text),
            Self::MarkStale(key, _) => Self::MarkStale(key, Naming::Text),
            Self::Renew(change, _) => Self::Renew(change, Naming::Text),
            Self::Script(call, _) => Self::Script(call, Naming::Text),
            other => other,
        }
    }

    /// Whether the step may be sent on a link: a lease counts on the connection that granted
    /// it alone.
    pub(crate) fn may_go_on(&self, link: &Link) -> bool {
        match self {
            // To give a lease back does no harm, wherever it was granted.
            Self::Fill(fill, _) if matches!(fill.outcome, FillOutcome::Release) => true,
            Self::Fill(fill, _) => fill.grant.connection == link.connection(),
            Self::FillLarge(fill, _) => fill.grant.connection == link.connection(),
            _ => true,
        }
    }

    /// How many bytes are sent, roughly.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Set(write) => write.value.len(),
            Self::Fill(fill, _) => match &fill.outcome {
                FillOutcome::Store(value, _) => value.len() + 256,
                _ => 256,
            },
            Self::Lease(_, Naming::Text) => 4096,
            Self::Lease(..) => 256,
            Self::FillLarge(fill, _) => fill.stub.len() + 2048,
            Self::Script(call, naming) => call.bytes(*naming),
            Self::Expire(_, _, Naming::Text)
            | Self::MarkStale(_, Naming::Text)
            | Self::Renew(_, Naming::Text) => 2048,
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
            Self::Lease(request, naming) => commands.add_command(lease_command(naming, request)),
            Self::Fill(fill, naming) => return add_fill(commands, naming, fill),
            Self::FillLarge(fill, naming) => commands.add_command(fill.command(naming)),
            Self::MarkStale(key, naming) => commands.add_command(mark_stale_command(naming, key)),
            Self::Renew(change, naming) => commands.add_command(renew_command(naming, change)),
            Self::Script(call, naming) => commands.add_command(call.command(naming)),
            Self::Head(key, bytes) => {
                ask_for_head(commands, key, bytes);
                return QUESTIONS;
            }
        };
        1
    }
}

/// How many of these steps go together: others are to get their turn in between, and the
/// whole is copied before it is sent.
pub(crate) fn batch_of<'a>(steps: impl IntoIterator<Item = &'a Step<'a>>) -> usize {
    const MAX_BYTES: usize = 4 << 20;
    let mut bytes = 0;
    let fits = |step: &&Step<'_>| {
        bytes += step.bytes();
        bytes <= MAX_BYTES
    };
    let some = steps.into_iter().take(BATCH);
    some.take_while(fits).count().max(1)
}

/// The reply to a step of one command.
pub(crate) fn only(replies: Vec<Value>) -> Result<Value> {
    replies
        .into_iter()
        .next_back()
        .ok_or_else(|| unexpected_reply("a reply to each command"))
}
