//! Changing epoch records.

use std::sync::LazyLock;
use std::time::Duration;

use larder_cache_core::{EpochChange, Invalidation, MAX_TAG_SETS, Result, names_of};
use redis::{Cmd, Value};

use super::script::{Lua, Naming};
use super::write::lifetime_millis;
use crate::error::unexpected_reply;

pub(super) fn renew_command(naming: Naming, change: &EpochChange) -> Cmd {
    let fresh = change.fresh.to_le_bytes();
    let effect = match change.effect {
        // The record begins anew, whatever it was.
        Invalidation::Hard if change.others.is_empty() => {
            let mut set = redis::cmd("SET");
            set.arg(change.key.as_bytes()).arg([fresh, fresh].concat());
            set.arg("PX").arg(lifetime_millis(STAYS));
            return set;
        }
        Invalidation::Hard => "hard",
        Invalidation::Soft => "soft",
    };
    let mut command = RENEW.on(naming, &change.key);
    command
        .arg(names_of(&change.others))
        .arg(effect)
        .arg(&fresh[..])
        .arg(MAX_TAG_SETS)
        .arg(lifetime_millis(STAYS));
    command
}

/// The change was made.
pub(crate) fn renewed(reply: &Value) -> Result<()> {
    match reply {
        Value::Okay | Value::Int(_) => Ok(()),
        _ => Err(unexpected_reply("OK or a number")),
    }
}

/// How long a record stays that nobody changes. Without it nothing is valid.
const STAYS: Duration = Duration::from_secs(30 * 86_400);

static RENEW: LazyLock<Lua> = LazyLock::new(|| Lua::new(include_str!("renew.lua")));
