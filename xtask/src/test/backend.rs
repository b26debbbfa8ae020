use std::path::Path;

use crate::failure::Failure;

/// The backend that a test runs against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Memory,
    /// A single server.
    Redis,
    Cluster,
    Sentinel,
}

/// The backends whose tests shall run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    All,
    /// The tests of one backend. For [`Backend::Memory`], those of no backend as well: what runs
    /// on a machine without Redis.
    Only(Backend),
}

/// What a selection may be called.
pub(super) const EXPECTED: &str = "memory, redis, cluster, sentinel or all";

impl Backend {
    const ALL: [Self; 4] = [Self::Memory, Self::Redis, Self::Cluster, Self::Sentinel];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Cluster => "cluster",
            Self::Sentinel => "sentinel",
        }
    }

    fn needs_servers(self) -> bool {
        self != Self::Memory
    }

    /// The backend that a segment names: `redis` and `memory` are enough as its beginning.
    fn of_segment(segment: &str) -> Option<Self> {
        match segment.strip_prefix("redis_").unwrap_or(segment) {
            "cluster" => Some(Self::Cluster),
            "sentinel" => Some(Self::Sentinel),
            _ => match segment.split('_').next() {
                Some("redis") => Some(Self::Redis),
                Some("memory") => Some(Self::Memory),
                _ => None,
            },
        }
    }

    /// As a segment, but any beginning is enough: no test binary is called `cluster_...` by chance.
    fn of_binary(binary: &str) -> Option<Self> {
        let name = binary.strip_prefix("redis_").unwrap_or(binary);
        let start = name.split('_').next().unwrap_or(name);
        match Self::of_segment(start) {
            Some(special @ (Self::Cluster | Self::Sentinel)) => Some(special),
            _ => Self::of_segment(binary),
        }
    }
}

impl Selection {
    pub(super) fn parse(name: &str) -> Result<Self, Failure> {
        if name == "all" {
            return Ok(Self::All);
        }
        let backend = Backend::ALL
            .into_iter()
            .find(|backend| backend.name() == name);
        backend
            .map(Self::Only)
            .ok_or_else(|| Failure::Usage(format!("unknown backend `{name}`: expected {EXPECTED}")))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Only(backend) => backend.name(),
        }
    }

    pub(super) fn wants(self, backend: Option<Backend>) -> bool {
        match self {
            Self::All => true,
            Self::Only(Backend::Memory) => backend.is_none_or(|backend| !backend.needs_servers()),
            Self::Only(wanted) => backend == Some(wanted),
        }
    }

    pub(super) fn needs_servers(self) -> bool {
        self != Self::Only(Backend::Memory)
    }

    /// Documentation tests belong to no backend.
    pub(super) fn wants_doctests(self) -> bool {
        self.wants(None)
    }
}

/// The naming rule: which backend a test belongs to.
///
/// Of the path `binary::module::test`, the first segment decides that is `redis`, `memory`,
/// `cluster` or `sentinel`, or begins with `redis_` or `memory_`. So `tests/redis.rs` holds Redis
/// tests whatever they are called, elsewhere they live in a `mod redis` or are named `redis_...`,
/// and `parses_redis_urls` belongs to no backend.
///
/// Where that is `redis`, a later segment `cluster` or `sentinel` says which: `redis::cluster::get`
/// needs a cluster. Of names of tests `cluster_nodes` belongs to no backend; of names of files
/// `tests/cluster_faults.rs` does to `cluster`.
pub(super) fn backend_of(binary: &str, test: &str) -> Option<Backend> {
    let segments = test.split("::").filter_map(Backend::of_segment);
    let mut found = Backend::of_binary(binary).into_iter().chain(segments);
    let first = found.next()?;
    if first != Backend::Redis {
        return Some(first);
    }
    let special = found.find(|backend| matches!(backend, Backend::Cluster | Backend::Sentinel));
    special.or(Some(Backend::Redis))
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
    fn cluster_and_sentinel_are_backends_of_their_own() {
        let check = |binary: &str, test: &str, expected: Option<Backend>| {
            assert_eq!(backend_of(binary, test), expected, "{binary} {test}");
        };
        check("cluster", "moves_slots", Some(Backend::Cluster));
        check("cluster_faults", "kill", Some(Backend::Cluster));
        check("redis_cluster", "kill", Some(Backend::Cluster));
        check("redis_sentinel_faults", "kill", Some(Backend::Sentinel));
        check("sentinel", "redis_url", Some(Backend::Sentinel));
        check("conformance", "cluster::get_set", Some(Backend::Cluster));
        check("conformance", "sentinel::get_set", Some(Backend::Sentinel));
        check("redis", "cluster::kill", Some(Backend::Cluster));
        check("faults", "redis::sentinel::kill", Some(Backend::Sentinel));
        check("faults", "redis::kill", Some(Backend::Redis));
        check("memory", "cluster::kill", Some(Backend::Memory));
        check("config", "variables::cluster_nodes", None);
        check("redis", "cluster_nodes", Some(Backend::Redis));
        check("config", "parses_sentinel_urls", None);
    }

    #[test]
    fn a_selection_takes_what_it_says() {
        let check = |name: &str, expected: &str| {
            let selection = Selection::parse(name).expect(name);
            assert_eq!(selection.name(), name);
            let all = [None].into_iter().chain(Backend::ALL.map(Some));
            let wanted: Vec<_> = all
                .filter(|backend| selection.wants(*backend))
                .map(|backend| backend.map_or("none", Backend::name))
                .collect();
            assert_eq!(wanted.join(" "), expected, "{name}");
        };
        check("memory", "none memory");
        check("redis", "redis");
        check("cluster", "cluster");
        check("sentinel", "sentinel");
        check("all", "none memory redis cluster sentinel");
    }

    #[test]
    fn memory_alone_needs_no_servers_and_documentation_no_backend() {
        let check = |name: &str, servers: bool, doctests: bool| {
            let selection = Selection::parse(name).expect(name);
            let found = (selection.needs_servers(), selection.wants_doctests());
            assert_eq!(found, (servers, doctests), "{name}");
        };
        check("memory", false, true);
        check("all", true, true);
        for name in ["redis", "cluster", "sentinel"] {
            check(name, true, false);
        }
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
