//! Making entries stale: a script, because it depends on what stands there.

use std::sync::LazyLock;

use larder_cache_core::Key;
use redis::Cmd;

use super::script::{Lua, Naming};

pub(super) fn mark_stale_command(naming: Naming, key: &Key) -> Cmd {
    MARK_STALE.on(naming, key)
}

static MARK_STALE: LazyLock<Lua> = LazyLock::new(|| Lua::new(include_str!("mark_stale.lua")));
