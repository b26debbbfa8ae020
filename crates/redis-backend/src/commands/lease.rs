//! Asking for leases and ending them: scripts, because the token must be judged and written in
//! one step.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use larder_cache_core::{
    Claim, Entry, Fill, FillOutcome, Grant, Header, Key, Kind, LeaseRequest, Leased, Result,
    Timestamp,
};
use redis::{Cmd, Pipeline, Value};

use super::reply;
use super::script::{Lua, Naming};
use super::write::lifetime_millis;
use crate::bulk::body_key;
use crate::error::unexpected_reply;

pub(super) fn lease_command(naming: Naming, request: &LeaseRequest) -> Cmd {
    let id = |id: larder_cache_core::EntryId| Vec::from(id.to_bytes());
    let (claim, entry) = match request.claim {
        Claim::Renew(entry) => ("renew", id(entry)),
        Claim::Replace(entry) => ("replace", id(entry)),
        Claim::Absent(entry) => ("absent", entry.map(id).unwrap_or_default()),
        Claim::Force => ("force", Vec::new()),
        // Of a claim from a later version the least is granted.
        _ => ("missing", Vec::new()),
    };
    let mut command = LEASE.on(naming, &request.key);
    command
        .arg(&request.token.to_le_bytes()[..])
        .arg(lifetime_millis(request.lasts))
        .arg(claim)
        .arg(entry)
        .arg(&PLACEHOLDER[..])
        .arg(body_key(&request.key));
    command
}

/// The answer to a request, given on a connection.
pub(crate) fn leased(request: &LeaseRequest, reply: &Value, connection: u64) -> Result<Leased> {
    match reply {
        Value::Int(-1) => Ok(Leased::Granted(Grant {
            token: request.token,
            connection,
        })),
        Value::Int(0) => Ok(Leased::Fresh),
        held => Ok(Leased::Held(Duration::from_millis(reply::count(held)?))),
    }
}

/// Adds what ends a lease; so many replies follow.
pub(super) fn add_fill(commands: &mut Pipeline, naming: Naming, fill: &Fill) -> usize {
    let key = fill.key.as_bytes();
    let temporary = temporary_key(&fill.key, fill.grant.token);
    let stored = match &fill.outcome {
        FillOutcome::Store(value, ttl) => Some((value, *ttl)),
        _ => None,
    };
    let mut script = match stored {
        Some((value, ttl)) => {
            commands.add_command(put_aside(&temporary, value, ttl));
            FILL.on_all(naming, &[key, temporary.as_bytes()])
        }
        None => FILL.on(naming, &fill.key),
    };
    script.arg(&fill.grant.token.to_le_bytes()[..]);
    match &fill.outcome {
        FillOutcome::Store(_, Some(ttl)) => script.arg("store").arg(lifetime_millis(*ttl)),
        FillOutcome::Store(_, None) => script.arg("store").arg(""),
        FillOutcome::Remove => script.arg("remove").arg(""),
        FillOutcome::Hold(duration) => script.arg("hold").arg(lifetime_millis(*duration)),
        // Of an outcome from a later version this is the least.
        _ => script.arg("release").arg(""),
    };
    script.arg(&(!fill.grant.token).to_le_bytes()[..]);
    script.arg(body_key(&fill.key));
    commands.add_command(script);
    1 + usize::from(stored.is_some())
}

/// Whether the header held the token.
pub(crate) fn filled(replies: &[Value]) -> Result<bool> {
    let last = replies.last();
    let last = last.ok_or_else(|| unexpected_reply("a reply to each command"))?;
    Ok(reply::count(last)? > 0)
}

/// Stores a value for the short time until a script puts it in place.
fn put_aside(temporary: &str, value: &Bytes, ttl: Option<Duration>) -> Cmd {
    const OPTION_BYTES: usize = 32;
    let stays = ttl.map_or(ASIDE, |ttl| ttl.min(ASIDE));
    let mut command = Cmd::with_capacity(5, temporary.len() + value.len() + OPTION_BYTES);
    command.arg("SET").arg(temporary).arg(&value[..]);
    command.arg("PX").arg(lifetime_millis(stays));
    command
}

/// Where a value stands until a script puts it in place: internal, and in the slot of its key.
fn temporary_key(key: &Key, token: u64) -> String {
    let prefix = key.as_str().split([':', '~']).next().unwrap_or_default();
    format!("{prefix}~fill:{{{}}}:{token:016x}", key.as_str())
}

/// How long a value may wait for that.
const ASIDE: Duration = Duration::from_secs(60);

static LEASE: LazyLock<Lua> = LazyLock::new(|| Lua::new(include_str!("lease.lua")));

static FILL: LazyLock<Lua> = LazyLock::new(|| Lua::new(include_str!("fill.lua")));

/// What stands under a key while its value is loaded, but for the mutable part.
static PLACEHOLDER: LazyLock<Bytes> = LazyLock::new(|| {
    let header = Header::new(Kind::Placeholder, Timestamp::from_millis(0));
    let body = Bytes::new();
    Entry { header, body }.encode()
});

#[cfg(test)]
mod tests {
    use larder_cache_core::KeyPrefix;
    use larder_cache_core::entry::{HEADER_BYTES, LEASE as LEASE_AT, MUTABLE_PART};

    use super::*;

    #[test]
    fn the_scripts_know_the_layout_of_an_entry() {
        assert_eq!((HEADER_BYTES, LEASE_AT, MUTABLE_PART), (104, 20..36, 4..36));
        assert_eq!(PLACEHOLDER.len(), HEADER_BYTES);
        assert_eq!(PLACEHOLDER[36], 3);
        let lease = include_str!("lease.lua");
        assert!(lease.contains("local HEADER = 104"));
        for script in [
            lease,
            include_str!("fill.lua"),
            include_str!("mark_stale.lua"),
        ] {
            assert!(script.contains(r"'\193LD\1'"));
        }
    }

    #[test]
    fn a_value_put_aside_is_internal_and_in_the_slot_of_its_key() {
        let key = KeyPrefix::new("app").unwrap().value("n", "a{b}").unwrap();
        let temporary = temporary_key(&key, 10);
        assert_eq!(temporary, "app~fill:{app:n:a%7Bb%7D}:000000000000000a");
    }
}
