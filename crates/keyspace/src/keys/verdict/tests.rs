use larder_cache_core::{ErrorKind, KeyPrefix};

use super::*;
use crate::registry::Keyspace;

fn keyspace() -> Keyspace {
    let keyspace = Keyspace::new(KeyPrefix::new("app").unwrap());
    let users = Namespace::new("users")
        .prefix("user")
        .key_pattern("profile", "profile:{id:int}")
        .key_pattern("file", "file:{rest:path}");
    keyspace.register(users).unwrap();
    keyspace
}

fn check(key: impl AsRef<[u8]>, (namespace, pattern): (&str, Option<&str>), expected: &str) {
    let verdict = keyspace().validate_key(key, namespace, pattern).unwrap();
    assert_eq!(verdict.to_string(), expected);
    let is_valid = expected.starts_with("valid");
    assert_eq!(verdict.is_valid(), is_valid);
    assert_eq!(verdict.faults().is_empty(), is_valid);
    match verdict.check() {
        Ok(()) => assert!(is_valid),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidKey);
            let reasons = expected.trim_start_matches("not valid: ");
            assert_eq!(
                error.to_string(),
                format!("the key can't be used: {reasons} (namespace: {namespace:?})")
            );
        }
    }
}

#[test]
fn bad_keys_have_all_their_faults_listed() {
    let free = ("content", None);
    let megabyte = "x".repeat(1 << 20);
    check(
        "",
        free,
        "not valid: it is empty; name what is cached, such as `profile:123`",
    );
    check(
        &megabyte,
        free,
        "not valid: it has 1048576 bytes and can have 1024; shorten it, or have it sanitized",
    );
    check(
        "a\0b\r\n",
        free,
        "not valid: control characters, 3 in all, the first (\\u{0}) at byte 1; encode binary \
         data, or have it sanitized",
    );
    check(
        b"\xFFa\n",
        free,
        "not valid: control characters, 1 in all, the first (\\u{a}) at byte 2; encode binary \
         data, or have it sanitized; it is not UTF-8 from byte 0 on; encode binary data, or have \
         it sanitized",
    );
    check(
        "profile:x\u{85}",
        ("users", None),
        "not valid: control characters, 1 in all, the first (\\u{85}) at byte 9; encode binary \
         data, or have it sanitized; it is not of a pattern expected (profile: \
         `profile:{id:int}`, file: `file:{rest:path}`)",
    );
    check(
        "file:a",
        ("users", Some("profile")),
        "not valid: it is not of a pattern expected (profile: `profile:{id:int}`)",
    );
}

#[test]
fn every_fault_is_found_at_once() {
    let mut all = b"\xFF\0".to_vec();
    all.resize(2000, b'x');
    let verdict = keyspace().validate_key(&all, "users", None).unwrap();
    let [
        KeyFault::TooLong { bytes: 2000 },
        KeyFault::ControlCharacters { count: 1, .. },
        KeyFault::NotUtf8 { valid_up_to: 0 },
        KeyFault::NoPattern { expected },
    ] = verdict.faults()
    else {
        panic!("{verdict:?}");
    };
    assert_eq!(expected.len(), 2);
}

#[test]
fn unusual_keys_are_valid_and_say_what_would_be_better() {
    let free = ("content", None);
    for (key, advice) in [
        ("profile:7", ""),
        ("{evil}:7", ""),
        ("{}:{{x}}", ""),
        ("app~e:7", ""),
        (
            "profile",
            "; better: `type:id`, as in `profile:7`, so that patterns can tell the types apart",
        ),
        (
            ":7",
            "; better: no `:` without something before and behind it",
        ),
        (
            "a:b:c:d:e:f:g:h:i",
            "; better: fewer than its 9 parts, which cost memory",
        ),
        (
            "a:*",
            "; better: no `*`, which must be escaped wherever the key is meant in a pattern",
        ),
        (
            "a:[1]",
            "; better: no `[`, which must be escaped wherever the key is meant in a pattern",
        ),
        (
            "a:\\",
            "; better: no `\\`, which must be escaped wherever the key is meant in a pattern",
        ),
        (
            "content:7",
            "; better: no `content:` at its beginning, since the namespace's prefix is put there \
             anyway",
        ),
        (
            "a:b c",
            "; better: a `-` or `_` than the white space at byte 3, for tools that split there",
        ),
    ] {
        check(key, free, &format!("valid{advice}"));
    }
    check("profile:7", ("users", None), "valid");
    check("file:a:b", ("users", Some("file")), "valid");
}

#[test]
fn unknown_names_are_errors_and_no_verdicts() {
    let unknown = keyspace().validate_key("7", "nobody", None).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::UnknownNamespace);
    let pattern = keyspace().validate_key("7", "users", Some("user"));
    assert_eq!(
        pattern.unwrap_err().to_string(),
        "the namespace has no key pattern of this name; declare it with key_pattern (namespace: \
         \"users\", found: \"user\", known: profile: `profile:{id:int}`, file: `file:{rest:path}`)"
    );
}
