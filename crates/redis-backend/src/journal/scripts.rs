//! The scripts of a journal: each is one step of the server, whole or not at all.

use std::sync::LazyLock;

use crate::commands::Lua;

pub(super) static START: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/start.lua")
    ))
});

pub(super) static APPEND: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/add.lua"),
        include_str!("lua/append.lua")
    ))
});

pub(super) static APPEND_ONE: LazyLock<Lua> =
    LazyLock::new(|| Lua::new(include_str!("lua/append_one.lua")));

pub(super) static LATEST: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/latest.lua")
    ))
});

pub(super) static CLAIM: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/claim.lua")
    ))
});

pub(super) static RENEW: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/renew.lua")
    ))
});

pub(super) static RELEASE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/release.lua")
    ))
});

pub(super) static READ: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/read.lua")
    ))
});

pub(super) static ACKNOWLEDGE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/finish.lua"),
        include_str!("lua/letter.lua"),
        include_str!("lua/acknowledge.lua")
    ))
});

pub(super) static BURY: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/finish.lua"),
        include_str!("lua/letter.lua"),
        include_str!("lua/bury.lua")
    ))
});

pub(super) static SET_ASIDE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/set_aside.lua")
    ))
});

pub(super) static DEAD_LETTERS: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/dead_letters.lua")
    ))
});

pub(super) static REVIVE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/add.lua"),
        include_str!("lua/letter.lua"),
        include_str!("lua/revive.lua")
    ))
});

pub(super) static DISCARD: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/letter.lua"),
        include_str!("lua/discard.lua")
    ))
});

pub(super) static DEPTH: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!(
        include_str!("lua/shared.lua"),
        include_str!("lua/depth.lua")
    ))
});

#[cfg(test)]
mod tests {
    use larder_cache_core::Sequence;

    #[test]
    fn the_scripts_know_what_a_sequence_can_hold() {
        let add = include_str!("lua/add.lua");
        let most = (1_u64 << Sequence::COUNTER_BITS) - 1;
        assert!(add.contains(&format!("local MOST = {most}\n")));
        let millis = 1_u64 << (63 - Sequence::COUNTER_BITS);
        assert!(add.contains(&format!("millis >= {millis} ")));
    }
}
