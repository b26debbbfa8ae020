//! Moving the expiry of entries: a script, because header and key must change in one step.

use std::sync::LazyLock;

use larder_cache_core::{Key, Lifetime, Result};
use redis::{Cmd, Pipeline, Script, Value};

use super::write::lifetime_millis;
use super::{BATCH, all_done, reply};
use crate::bulk::body_key;
use crate::lane::Link;

pub(crate) async fn expire(link: &Link, keys: &[Key], lifetime: Lifetime) -> Result<Vec<bool>> {
    let mut moved = Vec::with_capacity(keys.len());
    for keys in keys.chunks(BATCH) {
        let mut replies = send(link, keys, lifetime, Naming::Digest).await?;
        if replies.iter().any(is_unknown_script) {
            replies = send(link, keys, lifetime, Naming::Text).await?;
        }
        let results = replies
            .into_iter()
            .map(|reply| moved_or_not(&link.read(reply)?));
        moved.extend(all_done(results.collect(), moved.len())?);
    }
    Ok(moved)
}

/// How the script is named to the server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Naming {
    /// By its digest: the server must know it already.
    Digest,
    /// By its text, from which the server learns it.
    Text,
}

pub(super) fn expire_command(naming: Naming, key: &Key, lifetime: Lifetime) -> Cmd {
    let (name, script) = match naming {
        Naming::Digest => ("EVALSHA", EXPIRE.get_hash()),
        Naming::Text => ("EVAL", TEXT),
    };
    let mut command = redis::cmd(name);
    command.arg(script).arg(1).arg(key.as_bytes());
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

static EXPIRE: LazyLock<Script> = LazyLock::new(|| Script::new(TEXT));

/// The server learns the script from the first key's command, in time for the others.
async fn send(
    link: &Link,
    keys: &[Key],
    lifetime: Lifetime,
    mut naming: Naming,
) -> Result<Vec<Value>> {
    let mut commands = Pipeline::with_capacity(keys.len());
    for key in keys {
        commands.add_command(expire_command(naming, key, lifetime));
        naming = Naming::Digest;
    }
    link.send_all(&commands).await
}

fn is_unknown_script(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(refused) if refused.code() == "NOSCRIPT")
}

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
