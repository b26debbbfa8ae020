use std::path::Path;

use crate::failure::Failure;

/// The backend that a test runs against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Memory,
    Redis,
}

/// The backends whose tests shall run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// All but the Redis tests: what runs on a machine without Redis.
    Memory,
    /// The Redis tests alone.
    Redis,
    All,
}

impl Selection {
    pub(super) fn parse(name: &str) -> Result<Self, Failure> {
        match name {
            "memory" => Ok(Self::Memory),
            "redis" => Ok(Self::Redis),
            "all" => Ok(Self::All),
            _ => Err(Failure::Usage(format!(
                "unknown backend `{name}`: expected memory, redis or all"
            ))),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::All => "all",
        }
    }

    pub(super) fn wants(self, backend: Option<Backend>) -> bool {
        match self {
            Self::Memory => backend != Some(Backend::Redis),
            Self::Redis => backend == Some(Backend::Redis),
            Self::All => true,
        }
    }
}

/// The naming rule: which backend a test belongs to.
///
/// Of the path `binary::module::test`, the first segment decides that is `redis` or `memory`, or
/// begins with `redis_` or `memory_`. So `tests/redis.rs` holds Redis tests whatever they are
/// called, elsewhere they live in a `mod redis` or are named `redis_...`, and `parses_redis_urls`
/// belongs to no backend.
pub(super) fn backend_of(binary: &str, test: &str) -> Option<Backend> {
    [binary]
        .into_iter()
        .chain(test.split("::"))
        .find_map(|segment| match segment.split('_').next() {
            Some("redis") => Some(Backend::Redis),
            Some("memory") => Some(Backend::Memory),
            _ => None,
        })
}

/// The name of a test binary without the hash that cargo appends: for `tests/redis.rs`, `redis`.
pub(super) fn binary_name(executable: &str) -> &str {
    let file = Path::new(executable)
        .file_stem()
        .and_then(|stem| stem.to_str());
    let file = file.unwrap_or(executable);
    match file.rsplit_once('-') {
        Some((name, hash)) if hash.chars().all(|c| c.is_ascii_hexdigit()) => name,
        _ => file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_telling_segment_decides() {
        let check = |binary: &str, test: &str, expected: Option<Backend>| {
            assert_eq!(backend_of(binary, test), expected, "{binary} {test}");
        };
        check("redis", "get_set", Some(Backend::Redis));
        check("redis_server", "starts", Some(Backend::Redis));
        check("redis", "memory::get_set", Some(Backend::Redis));
        check("memory", "redis_semantics_hold", Some(Backend::Memory));
        check("conformance", "redis::get_set", Some(Backend::Redis));
        check("conformance", "memory::get_set", Some(Backend::Memory));
        check(
            "larder_cache",
            "lease::tests::redis_reconnects",
            Some(Backend::Redis),
        );
        check("larder_cache", "lease::redis", Some(Backend::Redis));
        check("larder_cache", "url::tests::parses_redis_urls", None);
        check("larder_cache", "redistribute::works", None);
        check("larder_redis_backend", "url::parses", None);
    }

    #[test]
    fn a_selection_takes_what_it_says() {
        let check = |selection: Selection, expected: [bool; 3]| {
            let backends = [None, Some(Backend::Memory), Some(Backend::Redis)];
            assert_eq!(
                backends.map(|backend| selection.wants(backend)),
                expected,
                "{selection:?}"
            );
        };
        check(Selection::Memory, [true, true, false]);
        check(Selection::Redis, [false, false, true]);
        check(Selection::All, [true, true, true]);
    }

    #[test]
    fn binaries_lose_their_hash() {
        let check = |path, expected| assert_eq!(binary_name(path), expected, "{path}");
        check("target/debug/deps/redis-17027e9fd716ed17", "redis");
        check(
            "/t/debug/deps/larder_testkit-7c5554cbbb95ddc4",
            "larder_testkit",
        );
        check("target/debug/deps/hot-path", "hot-path");
    }
}
