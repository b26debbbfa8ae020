//! The end of a lease with a large value.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use larder_cache_core::{Grant, Key};
use redis::Cmd;

use super::{body_key, stays};
use crate::commands::{Lua, Naming, lifetime_millis};

/// A large value that the server has already, under a name for the time being, to be put in
/// place if the lease still stands.
#[derive(Debug)]
pub(crate) struct LargeFill {
    pub(crate) key: Key,
    pub(crate) grant: Grant,
    pub(crate) stub: Bytes,
    pub(super) upload: String,
    pub(super) ttl: Option<Duration>,
}

impl LargeFill {
    pub(crate) fn command(&self, naming: Naming) -> Cmd {
        let place = body_key(&self.key);
        let keys = [
            self.key.as_bytes(),
            place.as_bytes(),
            self.upload.as_bytes(),
        ];
        let mut command = FILL.on_all(naming, &keys);
        command
            .arg(&self.grant.token.to_le_bytes()[..])
            .arg(&self.stub[..]);
        match self.ttl {
            Some(ttl) => command.arg(lifetime_millis(ttl)),
            None => command.arg(""),
        };
        command.arg(lifetime_millis(stays(self.ttl)));
        command
    }
}

static FILL: LazyLock<Lua> = LazyLock::new(|| Lua::new(include_str!("fill.lua")));
