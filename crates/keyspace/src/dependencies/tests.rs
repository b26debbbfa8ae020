//! Cycles, cascades, and both against what a search of all chains finds.

use std::collections::{BTreeMap, BTreeSet};

use larder_cache_core::{KeyPrefix, Namespace};
use proptest::prelude::*;

use super::*;

fn keyspace() -> Keyspace {
    Keyspace::new(KeyPrefix::new("app").unwrap())
}

fn tag(name: &str) -> Target {
    Target::tag(name)
}

/// Tags that depend on tags, each as `dependent < on`.
fn tags(pairs: &[(&str, &str)]) -> Dependencies {
    let dependencies = Dependencies::new();
    for (dependent, on) in pairs {
        dependencies.add(tag(dependent), tag(on)).unwrap();
    }
    dependencies
}

fn check_levels(dependencies: &Dependencies, from: &[Target], expected: &[&[Target]]) {
    let cascade = dependencies.cascade(from, &keyspace());
    assert_eq!(cascade.levels, expected, "{from:?}");
    assert_eq!(cascade.depth(), expected.len().saturating_sub(1));
}

#[test]
fn a_cycle_is_refused_and_named_whole() {
    let ns = |name| Target::namespace(name);
    let key = |key| Target::key("b", key);
    let long: Vec<_> = (0..5)
        .map(|n| (format!("{}", n + 1), n.to_string()))
        .collect();
    for (pairs, closing, expected) in [
        (vec![], (tag("a"), tag("a")), r#"tag "a" -> tag "a""#),
        (
            vec![(ns("b"), tag("a"))],
            (tag("a"), ns("b")),
            r#"tag "a" -> namespace "b" -> tag "a""#,
        ),
        (
            vec![],
            (ns("b"), key("k")),
            r#"namespace "b" -> key "k" of namespace "b" -> namespace "b""#,
        ),
        (
            vec![(ns("b"), tag("a")), (tag("a"), tag("c"))],
            (tag("c"), key("k")),
            r#"tag "c" -> key "k" of namespace "b" -> namespace "b" -> tag "a" -> tag "c""#,
        ),
        (
            long.iter().map(|(d, on)| (tag(d), tag(on))).collect(),
            (tag("0"), tag("5")),
            r#"tag "0" -> tag "5" -> tag "4" -> tag "3" -> tag "2" -> tag "1" -> tag "0""#,
        ),
    ] {
        let dependencies = Dependencies::new();
        for (dependent, on) in pairs {
            dependencies.add(dependent, on).unwrap();
        }
        let before = dependencies.list();
        let (dependent, on) = closing;
        let error = dependencies.add(dependent, on).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let text = error.to_string();
        assert!(text.contains(&format!("cycle: {expected})")), "{text}");
        assert_eq!(dependencies.list(), before);
        let cleared = dependencies.cascade(&[ns("b")], &keyspace());
        assert!(
            !cleared.targets().any(|target| *target == key("k")),
            "{cleared:?}"
        );
    }
}

#[test]
fn what_can_be_no_target_is_refused() {
    let long = "x".repeat(1 << 20);
    for (bad, kind) in [
        (tag(""), ErrorKind::InvalidTag),
        (tag(&long), ErrorKind::InvalidTag),
        (Target::key("users", ""), ErrorKind::InvalidKey),
        (Target::key("users", "a\r\nb"), ErrorKind::InvalidKey),
        (Target::key("*", "a"), ErrorKind::Config),
        (Target::namespace("[1]"), ErrorKind::Config),
    ] {
        let dependencies = Dependencies::new();
        let error = dependencies.add(bad.clone(), tag("a")).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let error = dependencies.add(tag("a"), bad).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[test]
fn a_diamond_is_visited_once_and_at_its_far_end_last() {
    let diamond = tags(&[
        ("b", "a"),
        ("c", "a"),
        ("d", "b"),
        ("d", "c"),
        ("e", "d"),
        ("e", "a"),
    ]);
    let level = |names: &[&str]| names.iter().map(|n| tag(n)).collect::<Vec<_>>();
    let expected = [
        level(&["a"]),
        level(&["b", "c"]),
        level(&["d"]),
        level(&["e"]),
    ];
    let expected: Vec<&[Target]> = expected.iter().map(Vec::as_slice).collect();
    check_levels(&diamond, &[tag("a")], &expected);
    check_levels(&diamond, &[tag("a"), tag("c"), tag("e")], &expected);
    check_levels(&diamond, &[tag("e")], &[&[tag("e")]]);
    check_levels(&diamond, &[tag("unknown")], &[&[tag("unknown")]]);
    check_levels(&diamond, &[], &[]);
}

#[test]
fn a_dependency_can_be_taken_back() {
    let chain = tags(&[("b", "a"), ("c", "b")]);
    chain.add(tag("b"), tag("a")).unwrap();
    assert_eq!(chain.list().len(), 2);
    assert!(chain.remove(&tag("b"), &tag("a")));
    assert!(!chain.remove(&tag("b"), &tag("a")));
    check_levels(&chain, &[tag("a")], &[&[tag("a")]]);
    chain.add(tag("a"), tag("c")).unwrap();
    check_levels(
        &chain,
        &[tag("b")],
        &[&[tag("b")], &[tag("c")], &[tag("a")]],
    );
}

#[test]
fn a_namespace_contains_its_keys() {
    let dependencies = Dependencies::new();
    let key = Target::key("users", "7");
    dependencies.add(tag("feed:7"), key.clone()).unwrap();
    let users = Target::namespace("users");
    let expected: [&[Target]; 3] = [
        std::slice::from_ref(&users),
        std::slice::from_ref(&key),
        &[tag("feed:7")],
    ];
    check_levels(&dependencies, std::slice::from_ref(&users), &expected);
    // A key that nothing depends on is in its namespace as well.
    let other = Target::key("users", "8");
    let both = dependencies.cascade(&[other.clone(), users.clone()], &keyspace());
    assert_eq!(both.levels[1], [key.clone(), other]);
    assert_eq!(both.namespaces, ["users"]);
    let alone = dependencies.cascade(&[key], &keyspace());
    assert_eq!(
        (alone.depth(), &*alone.namespaces),
        (1, &["users".to_owned()][..])
    );
    assert!(dependencies.remove(&tag("feed:7"), &Target::key("users", "7")));
    check_levels(
        &dependencies,
        std::slice::from_ref(&users),
        &[std::slice::from_ref(&users)],
    );
}

#[test]
fn the_tags_of_a_namespace_reach_it() {
    let keyspace = keyspace();
    let tagged = Namespace::new("feeds").tags(["team", "all"]);
    keyspace.register(tagged).unwrap();
    let dependencies = tags(&[("team", "company")]);
    let feeds = Target::namespace("feeds");
    let cascade = dependencies.cascade(&[tag("company"), tag("all")], &keyspace);
    let expected = [
        vec![tag("all"), tag("company")],
        vec![tag("team")],
        vec![feeds.clone()],
    ];
    assert_eq!(cascade.levels, expected);
    assert_eq!(cascade.namespaces, ["feeds"]);
    // A tag that depends on the namespace whose values carry it: all is reached, once.
    dependencies.add(tag("company"), feeds.clone()).unwrap();
    for from in [tag("company"), tag("team"), feeds] {
        let round = dependencies.cascade(std::slice::from_ref(&from), &keyspace);
        let mut all: Vec<_> = round.targets().cloned().collect();
        all.sort();
        let expected = [Target::namespace("feeds"), tag("company"), tag("team")];
        assert_eq!(BTreeSet::from_iter(all), BTreeSet::from(expected), "{from}");
        let order: Vec<_> = round.targets().cloned().collect();
        let at = |target: &Target| order.iter().position(|one| one == target);
        assert!(
            at(&Target::namespace("feeds")) < at(&tag("company")),
            "{from}"
        );
        assert!(at(&tag("company")) < at(&tag("team")), "{from}");
    }
}

#[test]
fn what_is_behind_a_cycle_of_tags_keeps_its_order() {
    let keyspace = keyspace();
    for (name, carried) in [("round", "own"), ("behind", "last")] {
        keyspace
            .register(Namespace::new(name).tags([carried]))
            .unwrap();
    }
    let dependencies = tags(&[("between", "first"), ("last", "between")]);
    let (round, behind) = (Target::namespace("round"), Target::namespace("behind"));
    for dependent in ["own", "first"] {
        dependencies.add(tag(dependent), round.clone()).unwrap();
    }
    let expected = [
        vec![round.clone()],
        vec![tag("first"), tag("own")],
        vec![tag("between")],
        vec![tag("last")],
        vec![behind],
    ];
    assert_eq!(dependencies.cascade(&[round], &keyspace).levels, expected);
}

#[test]
fn there_is_a_bound_and_a_long_chain_is_quick() {
    let dependencies = Dependencies::new();
    let name = |n: usize| tag(&n.to_string());
    // From both ends in turn, so that each search has something to look at.
    let half = Dependencies::MOST / 2;
    for n in 0..half {
        dependencies.add(name(n + 1), name(n)).unwrap();
        let n = Dependencies::MOST - n;
        dependencies.add(name(n), name(n - 1)).unwrap();
    }
    let error = dependencies.add(tag("one"), tag("more")).unwrap_err();
    assert!(error.to_string().contains("100000"), "{error}");
    dependencies.add(name(1), name(0)).unwrap();
    let cascade = dependencies.cascade(&[name(0)], &keyspace());
    assert_eq!(cascade.depth(), Dependencies::MOST);
    assert_eq!(cascade.targets().count(), Dependencies::MOST + 1);
}

/// The numbers of `0..8` that a pair of numbers is declared of.
type Pairs = BTreeSet<(usize, usize)>;

/// Whether a chain leads from `dependent` to `on`.
fn depends(pairs: &Pairs, dependent: usize, on: usize) -> bool {
    let mut sources = pairs.iter().filter(|(of, _)| *of == dependent);
    sources.any(|(_, source)| *source == on || depends(pairs, *source, on))
}

/// The longest chain to each number that can be reached from these.
fn longest(pairs: &Pairs, from: &BTreeSet<usize>) -> BTreeMap<usize, usize> {
    fn walk(pairs: &Pairs, at: usize, length: usize, longest: &mut BTreeMap<usize, usize>) {
        let known = longest.entry(at).or_default();
        *known = length.max(*known);
        for (dependent, _) in pairs.iter().filter(|(_, on)| *on == at) {
            walk(pairs, *dependent, length + 1, longest);
        }
    }
    let mut longest = BTreeMap::new();
    for at in from {
        walk(pairs, *at, 0, &mut longest);
    }
    longest
}

proptest! {
    #[test]
    fn cycles_and_levels_are_those_of_a_search_of_all_chains(
        tried in prop::collection::vec((0_usize..8, 0_usize..8), 0..24),
        from in prop::collection::btree_set(0_usize..8, 0..4),
    ) {
        let dependencies = Dependencies::new();
        let name = |n: usize| tag(&n.to_string());
        let mut pairs = Pairs::new();
        for (dependent, on) in tried {
            let closes = dependent == on || depends(&pairs, on, dependent);
            let added = dependencies.add(name(dependent), name(on));
            prop_assert_eq!(added.is_err(), closes);
            if !closes {
                pairs.insert((dependent, on));
            }
        }
        prop_assert_eq!(dependencies.list().len(), pairs.len());
        let from_targets: Vec<_> = from.iter().map(|n| name(*n)).collect();
        let cascade = dependencies.cascade(&from_targets, &keyspace());
        let levels = cascade.levels.iter().enumerate();
        let found = levels.flat_map(|(at, level)| level.iter().map(move |one| (one.clone(), at)));
        let found: Vec<_> = found.collect();
        let expected = longest(&pairs, &from);
        prop_assert_eq!(found.len(), expected.len(), "each once");
        let expected = expected.into_iter().map(|(n, level)| (name(n), level));
        prop_assert_eq!(BTreeMap::from_iter(found), expected.collect());
    }
}
