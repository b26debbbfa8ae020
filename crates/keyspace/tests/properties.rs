//! No two inputs share a key, and none leaves its namespace.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use larder_cache_core::{Glob, KeyPrefix, Namespace, Tag, check_key};
use larder_keyspace::{KeyOptions, Keyspace, Located, Validation, typed_key};
use proptest::prelude::*;

/// Prefixes that begin one another.
const PREFIXES: [&str; 5] = ["u", "us", "u.s", "u-s", "app"];

fn keyspace(prefix: &str) -> Keyspace {
    let keyspace = Keyspace::new(KeyPrefix::new(prefix).unwrap());
    for (number, prefix) in PREFIXES.iter().enumerate() {
        let name = format!("n{number}");
        // The fifth is the prefix of the default namespace.
        if number < 4 {
            keyspace
                .register(Namespace::new(name).prefix(*prefix))
                .unwrap();
        }
    }
    keyspace
}

/// Keys that look like other keys.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[us:~.{}%7Bp-]{1,10}",
        "(app)?[:~](u|us|u\\.s|app):(s:)?[a{}%]{1,3}",
        "\\PC{1,40}",
        "[*?\\[\\]\\\\^-]{1,6}",
    ]
}

fn place() -> impl Strategy<Value = (&'static str, usize, String)> {
    let prefix = prop::sample::select(vec!["app", "ap", "app.u", "u"]);
    (prefix, 0..4_usize, key())
}

fn built((prefix, number, key): &(&str, usize, String)) -> Option<String> {
    let key = keyspace(prefix)
        .build_key(key, &format!("n{number}"))
        .ok()?;
    Some(key.as_str().to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_two_inputs_share_a_physical_key(a in place(), b in place()) {
        if let (Some(one), Some(other)) = (built(&a), built(&b)) {
            prop_assert_eq!(one == other, a == b);
        }
    }

    #[test]
    fn no_key_leaves_its_namespace(place in place()) {
        let (prefix, number, key) = &place;
        let Some(physical) = built(&place) else {
            prop_assert!(check_key(key).is_err());
            return Ok(());
        };
        let start = format!("{prefix}:{}:", PREFIXES[*number]);
        prop_assert!(physical.starts_with(&start));
        let braces = physical.contains(['{', '}']);
        prop_assert!(!braces);
        let keyspace = keyspace(prefix);
        let namespace = keyspace.get(&format!("n{number}")).unwrap().id();
        let expected = Located::Value { namespace, key: key.into() };
        prop_assert_eq!(keyspace.locate(&physical), Some(expected));
        for other in ["app", "ap", "app.u", "u"].iter().filter(|other| *other != prefix) {
            let other = crate::keyspace(other);
            prop_assert_eq!(other.locate(&physical), None);
        }
    }

    #[test]
    fn no_key_is_internal(place in place(), name in key()) {
        let (prefix, _, _) = place;
        let app = KeyPrefix::new(prefix).unwrap();
        let Some(physical) = built(&place) else { return Ok(()) };
        let internal = [
            app.internal(&name).ok(),
            app.internal_in_slot("journal", &name, "log").ok(),
            Tag::new(&name).ok().map(|tag| app.tag_epoch(&tag)),
            Some(app.namespace_epoch("u")),
        ];
        for internal in internal.into_iter().flatten() {
            prop_assert_ne!(internal.as_str(), &physical);
            prop_assert!(!internal.as_str().starts_with(&app.values_start()));
        }
    }

    #[test]
    fn data_in_a_glob_is_literal(a in place(), b in place()) {
        if let (Some(one), Some(other)) = (built(&a), built(&b)) {
            let pattern = Glob::escape(&one);
            prop_assert!(pattern.matches(&one));
            prop_assert_eq!(pattern.matches(&other), one == other);
            let all = Glob::new("*").behind(&one);
            prop_assert_eq!(all.matches(&other), other.starts_with(&one));
        }
    }

    #[test]
    fn what_is_sanitized_can_be_built(a in prop::collection::vec(any::<u8>(), 0..40), b in prop::collection::vec(any::<u8>(), 0..40)) {
        let keyspace = keyspace("app");
        let options = KeyOptions::new().validation(Validation::Sanitize);
        let built = [&a, &b].map(|key| keyspace.build_key_with(key, "n0", &options).unwrap());
        prop_assert_eq!(built[0].physical == built[1].physical, a == b);
        let again = keyspace.build_key_with(&built[0].user, "n0", &KeyOptions::new()).unwrap();
        prop_assert_eq!(&again.physical, &built[0].physical);
    }

    #[test]
    fn types_are_apart(a in "[a:%3A]{1,6}", b in "[a:%3A]{1,6}", c in "[a:%3A]{1,6}", d in "[a:%3A]{1,6}") {
        let keyspace = keyspace("app");
        let physical = |kind: &str, id: &str| {
            keyspace.build_key(&typed_key(kind, id).unwrap(), "n0").unwrap()
        };
        prop_assert_eq!(physical(&a, &b) == physical(&c, &d), (&a, &b) == (&c, &d));
    }
}

#[test]
fn bad_names_are_refused_with_what_is_allowed() {
    let keyspace = keyspace("app");
    let long = "x".repeat(65);
    for name in [
        "", "*", "[1]", "?", "users\\", "a:b", "a~b", "{u}", "a b", "ü", "a\r\n", &long,
    ] {
        let rule = format!("must be 1 to 64 letters, digits, `_`, `-` or `.` (found: {name:?}");
        let error = keyspace.register(Namespace::new(name)).unwrap_err();
        assert_eq!(error.to_string(), format!("a namespace name {rule})"));
        let error = keyspace
            .register(Namespace::new("ok").prefix(name))
            .unwrap_err();
        let expected = format!("a namespace prefix {rule}, namespace: \"ok\")");
        assert_eq!(error.to_string(), expected);
        let unknown = keyspace.get(name).unwrap_err().to_string();
        assert!(unknown.contains(&format!("found: {name:?}")), "{unknown}");
    }
}

#[test]
fn a_built_key_has_all_that_a_write_takes() {
    let keyspace = keyspace("app");
    let users = Namespace::new("users")
        .prefix("user")
        .tags(["people"])
        .key_pattern("profile", "profile:{id}");
    keyspace.register(users).unwrap();
    let options = KeyOptions::new()
        .tags(["vip", "active", "vip"])
        .pattern("profile");
    let built = keyspace
        .build_key_with("profile:7", "users", &options)
        .unwrap();
    assert_eq!(built.physical.as_str(), "app:user:profile:7");
    assert_eq!(built.as_ref() as &str, "profile:7");
    let tags: Vec<_> = built.tags.iter().map(Tag::as_str).collect();
    assert_eq!(tags, ["active", "people", "vip"]);
    for (key, options, expected) in [
        ("profil:7", KeyOptions::new(), "it is not of a pattern"),
        (
            "profile:7",
            KeyOptions::new().pattern("x"),
            "no key pattern of this name",
        ),
        (
            "profile:7\n",
            KeyOptions::new().pattern("profile"),
            "control characters",
        ),
        ("profile:7", KeyOptions::new().tags([""]), "a tag must have"),
        (
            "profil:7\n",
            options.validation(Validation::Sanitize),
            "it is not of a pattern",
        ),
    ] {
        let error = keyspace.build_key_with(key, "users", &options).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let sanitize = KeyOptions::new().validation(Validation::Sanitize);
    let built = keyspace
        .build_key_with("profile:7\n", "users", &sanitize)
        .unwrap();
    assert_eq!(built.user, "profile:7%0A");
    assert_eq!(built.physical.as_str(), "app:user:profile:7%250A");
    assert!(keyspace.build_key("profil:7", "users").is_err());
}
