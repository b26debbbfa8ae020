//! Moving the expiry of entries: a script, because header and key must change in one step.

use std::sync::LazyLock;

use larder_cache_core::{Key, Lifetime, Result};
use redis::{Cmd, Value};

use super::reply;
use super::script::{Lua, Naming};
use super::write::lifetime_millis;
use crate::bulk::body_key;

pub(super) fn expire_command(naming: Naming, key: &Key, lifetime: Lifetime) -> Cmd {
    let mut command = EXPIRE.on(naming, key);
    for duration in [lifetime.soft, lifetime.hard] {
        match duration {
            Some(duration) => command.arg(lifetime_millis(duration)),
            None => command.arg(""),
        };
    }
    // No key of the script: most have none, and a cluster refuses scripts with keys that
    // are not there while their slot moves.
    command.arg(body_key(key));
    command
}

pub(crate) fn moved_or_not(reply: &Value) -> Result<bool> {
    Ok(reply::count(reply)? > 0)
}

const TEXT: &str = include_str!("expire.lua");

static EXPIRE: LazyLock<Lua> = LazyLock::new(|| Lua::new(TEXT));

#[cfg(test)]
mod tests {
    use larder_cache_core::entry::{HEADER_BYTES, SOFT_AND_HARD_EXPIRY};
    use larder_cache_core::{Entry, Header, Kind, Timestamp};

    use super::*;

    #[test]
    fn the_script_knows_the_layout_of_an_entry() {
        let header = Header::new(Kind::Value, Timestamp::from_millis(1));
        let body = bytes::Bytes::new();
        let stored = Entry { header, body }.encode();
        assert_eq!(stored[..4], *b"\xC1LD\x01");
        assert!(TEXT.contains(r"'\193LD\1'"));
        assert!(TEXT.contains(&format!("< {HEADER_BYTES} ")));
        assert_eq!(SOFT_AND_HARD_EXPIRY, 4..20);
        assert!(TEXT.contains("KEYS[1], 4, struct.pack('<I8I8'"));
    }
}
