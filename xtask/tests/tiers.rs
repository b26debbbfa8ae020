//! Which crate may depend on which: the tier table of `ARCHITECTURE.md`, held against
//! `cargo metadata`.

mod packages;

use packages::{Dependency, Package};

/// From the bottom to the top; a crate depends on crates of lower rows only, never of its own.
/// A new crate gets its place here.
const TIERS: &[&[&str]] = &[
    &["cache-core", "macros"],
    &[
        "memory-backend",
        "redis-backend",
        "file-journal",
        "keyspace",
        "compression",
        "encryption",
        "metrics",
        "testkit",
    ],
    &["cache"],
    &["patterns", "simulator"],
    &["automation"],
    &["larder"],
    &["http", "tower"],
    &[
        "chaos",
        "fuzz",
        "cli",
        "learning-assistant",
        "benches",
        "xtask",
    ],
];

/// Never published, so nothing published may need them.
const FOR_TESTS_ONLY: &[&str] = &["testkit", "simulator"];
const MAY_USE_TEST_CRATES: &[&str] = &["chaos", "xtask", "benches", "testkit", "simulator"];

/// `benches` measures Larder against the bare client.
const MAY_NAME_REDIS_CLIENT: &[&str] = &["redis-backend", "benches"];

/// They work on any backend.
const NEVER_NAME_REDIS: &[&str] = &["patterns", "automation"];

/// They meet analytics through the observer only, so that who wants none builds none.
const WITHOUT_ANALYTICS: &[&str] = &["cache", "patterns"];

#[test]
fn the_workspace_keeps_its_tiers() {
    let found = violations(&packages::load());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_rule_can_be_broken() {
    let check = |folder: &str, dependency: Dependency, expected: &str| {
        let found = violations(&[package(folder, dependency)]).join("\n");
        assert!(found.contains(expected), "{folder}: {found:?}");
    };
    check(
        "cache-core",
        normal("cache"),
        "cache-core (tier 0) depends on cache (tier 2)",
    );
    check(
        "keyspace",
        normal("compression"),
        "keyspace (tier 1) depends on compression (tier 1)",
    );
    check(
        "cache",
        normal("testkit"),
        "cache depends on testkit other than for its tests",
    );
    check("nonsense", normal("cache"), "add `nonsense` to TIERS");
    check("cache", normal("nonsense"), "add `nonsense` to TIERS");
    let mut sketches = normal("keyspace");
    sketches.features = vec!["analytics".to_owned()];
    check("cache", sketches, "cache asks for analytics");
    check("keyspace", external("redis"), "keyspace depends on `redis`");
    check("testkit", external("redis"), "testkit depends on `redis`");
    check(
        "patterns",
        normal("redis-backend"),
        "patterns depends on redis-backend",
    );
}

#[test]
fn what_is_allowed_is_not_reported() {
    let check = |folder: &str, dependency: Dependency| {
        let found = violations(&[package(folder, dependency)]);
        assert!(found.is_empty(), "{folder}: {found:?}");
    };
    check("cache", normal("redis-backend"));
    check("larder", normal("automation"));
    check("cache-core", dev("testkit"));
    check("keyspace", dev("larder"));
    check("patterns", dev("redis-backend"));
    check("xtask", normal("testkit"));
    check("benches", normal("simulator"));
    check("redis-backend", external("redis"));
    check("benches", external("redis"));
    check("cache", external("tokio"));
}

fn violations(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        found.extend(unknown(&package.folder));
        found.extend(wrong_name(package));
        for dependency in &package.dependencies {
            found.extend(names_redis(package, dependency));
            found.extend(asks_for_analytics(package, dependency));
            if let Some(folder) = &dependency.folder {
                found.extend(wrong_direction(package, folder, dependency.is_dev));
            }
        }
    }
    found
}

fn wrong_direction(package: &Package, on: &str, is_dev: bool) -> Vec<String> {
    let folder = package.folder.as_str();
    let mut found: Vec<String> = unknown(on).into_iter().collect();
    if is_dev {
        return found;
    }
    if FOR_TESTS_ONLY.contains(&on) && !MAY_USE_TEST_CRATES.contains(&folder) {
        found.push(format!("{folder} depends on {on} other than for its tests"));
    }
    if NEVER_NAME_REDIS.contains(&folder) && on == "redis-backend" {
        found.push(format!(
            "{folder} depends on {on}, but works on any backend"
        ));
    }
    if let (Some(from), Some(to)) = (tier(folder), tier(on))
        && from <= to
    {
        found.push(format!(
            "{folder} (tier {from}) depends on {on} (tier {to}), not on a lower one"
        ));
    }
    found
}

fn names_redis(package: &Package, dependency: &Dependency) -> Option<String> {
    let is_wrong =
        dependency.name == "redis" && !MAY_NAME_REDIS_CLIENT.contains(&package.folder.as_str());
    is_wrong.then(|| {
        format!(
            "{} depends on `redis`: only redis-backend and benches may",
            package.folder
        )
    })
}

fn asks_for_analytics(package: &Package, dependency: &Dependency) -> Option<String> {
    let folder = package.folder.as_str();
    let is_wrong = !dependency.is_dev
        && WITHOUT_ANALYTICS.contains(&folder)
        && dependency.features.iter().any(|name| name == "analytics");
    is_wrong.then(|| format!("{folder} asks for analytics, which observe it"))
}

fn wrong_name(package: &Package) -> Option<String> {
    let is_crate = package
        .dir
        .parent()
        .is_some_and(|parent| parent.ends_with("crates"));
    let expected = match package.folder.as_str() {
        "larder" => "larder".to_owned(),
        folder => format!("larder-{folder}"),
    };
    (is_crate && package.name != expected).then(|| {
        format!(
            "crates/{} is named {}, not {expected}",
            package.folder, package.name
        )
    })
}

fn unknown(folder: &str) -> Option<String> {
    tier(folder)
        .is_none()
        .then(|| format!("add `{folder}` to TIERS in xtask/tests/tiers.rs"))
}

fn tier(folder: &str) -> Option<usize> {
    TIERS.iter().position(|tier| tier.contains(&folder))
}

fn package(folder: &str, dependency: Dependency) -> Package {
    Package {
        folder: folder.to_owned(),
        dir: format!("/w/crates/{folder}").into(),
        name: if folder == "larder" {
            folder.to_owned()
        } else {
            format!("larder-{folder}")
        },
        dependencies: vec![dependency],
    }
}

fn normal(folder: &str) -> Dependency {
    let name = format!("larder-{folder}");
    Dependency {
        name,
        folder: Some(folder.to_owned()),
        features: Vec::new(),
        is_dev: false,
    }
}

fn dev(folder: &str) -> Dependency {
    Dependency {
        is_dev: true,
        ..normal(folder)
    }
}

fn external(name: &str) -> Dependency {
    Dependency {
        name: name.to_owned(),
        folder: None,
        features: Vec::new(),
        is_dev: false,
    }
}
