//! User keys and physical keys.

use larder_cache_core::{
    ErrorKind, KeyPattern, KeyPrefix, MAX_KEY_BYTES, Tag, check_key, check_prefix, key_from_bytes,
};
use larder_keyspace::{KeyFault, Keyspace, sanitize_key, typed_key};

use super::pieces::Pieces;
use crate::target::{Bounds, Target, always};

pub(super) const KEYS: Target = Target {
    name: "keys",
    parses: "user keys: to physical keys and back, no two to the same one",
    run: keys,
    seeds,
    missing: always,
    bounds: Bounds::new(),
};

pub(super) const PHYSICAL: Target = Target {
    name: "physical-keys",
    parses: "physical keys, as a scan finds them",
    run: physical,
    seeds: physical_seeds,
    missing: always,
    bounds: Bounds::new(),
};

pub(super) const PATTERNS: Target = Target {
    name: "key-patterns",
    parses: "templates of keys: no two fillings make one key, and what is filled matches",
    run: patterns,
    seeds: pattern_seeds,
    missing: always,
    bounds: Bounds::new(),
};

pub(super) const VERDICTS: Target = Target {
    name: "key-verdicts",
    parses: "any bytes as keys: the verdict says what building does, sanitizing makes them fit",
    run: verdicts,
    seeds,
    missing: always,
    bounds: Bounds::new(),
};

/// Two keys with a line break between.
fn keys(input: &[u8]) {
    let Ok(app) = KeyPrefix::new("app") else {
        return;
    };
    let mut pieces = Pieces(input);
    let (a, b) = (pieces.until(b'\n'), pieces.0);
    let physical = [a, b].map(|key| {
        let key = match key_from_bytes(key) {
            Ok(key) => key,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidKey);
                assert!(
                    std::str::from_utf8(key).map_or(true, |key| app.value("user", key).is_err())
                );
                return None;
            }
        };
        assert!(!key.is_empty() && key.len() <= MAX_KEY_BYTES);
        assert!(!key.chars().any(char::is_control));
        round_trip(&app, key)
    });
    if let [Some(physical_a), Some(physical_b)] = physical {
        assert_eq!(physical_a == physical_b, a == b, "two keys in one place");
    }
}

fn round_trip(app: &KeyPrefix, key: &str) -> Option<String> {
    let physical = app.value("user", key);
    assert!(physical.is_ok(), "a key that was read is refused: {key:?}");
    let physical = physical.ok()?;
    let text = physical.as_str();
    assert_eq!(app.user_key("user", text).as_deref(), Some(key));
    assert_eq!(app.user_key("users", text), None);
    assert_eq!(app.user_key("use", text), None);
    assert!(text.starts_with(&app.namespace_start("user")));
    assert!(!text.contains(['{', '}']), "a key chose a slot");
    for internal in [
        app.internal(key),
        app.internal_in_slot("journal", key, "log"),
    ] {
        assert!(internal.is_ok_and(|internal| !internal.as_str().starts_with("app:")));
    }
    if let Ok(tag) = Tag::new(key) {
        assert_ne!(app.tag_epoch(&tag), physical);
    }
    Some(text.to_owned())
}

/// A prefix and a physical key with a line break between.
fn physical(input: &[u8]) {
    let mut pieces = Pieces(input);
    let prefix = pieces.text_until(b'\n');
    let physical = String::from_utf8_lossy(pieces.0);
    let Ok(app) = KeyPrefix::new(&prefix) else {
        assert!(check_prefix("key prefix", &prefix).is_err());
        return;
    };
    if let Some(key) = app.user_key("user", &physical)
        && check_key(&key).is_ok()
    {
        let again = app.value("user", &key);
        assert!(again.is_ok_and(|again| again.as_str() == physical));
    }
}

/// A template, a key, and two values, with a line break behind each.
fn patterns(input: &[u8]) {
    let mut pieces = Pieces(input);
    let template = pieces.text_until(b'\n');
    let pattern = KeyPattern::new("pattern", template.as_str());
    let key = pieces.text_until(b'\n');
    let (a, b) = (pieces.text_until(b'\n'), pieces.text_until(b'\n'));
    let filled = [[&a, &b], [&b, &a]].map(|[x, y]| pattern.fill([("x", x), ("y", y)]));
    if let Err(error) = pattern.check() {
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!pattern.matches(&key) && filled.iter().all(Result::is_err));
        return;
    }
    let matched = pattern.matches(&key);
    assert!(!matched || !key.is_empty());
    for filled in filled.iter().flatten() {
        assert!(check_key(filled).is_ok());
        assert!(
            pattern.matches(filled),
            "{filled:?} was filled in {pattern}"
        );
    }
    if let [Ok(one), Ok(other)] = filled {
        assert_eq!(one == other, a == b, "two fillings of {pattern}");
    }
}

/// Two keys with a line break between.
fn verdicts(input: &[u8]) {
    let Ok(keyspace) = KeyPrefix::new("app").map(Keyspace::new) else {
        return;
    };
    let mut pieces = Pieces(input);
    let (a, b) = (pieces.until(b'\n'), pieces.0);
    for key in [a, b] {
        let verdict = keyspace.validate_key(key, "content", None);
        assert!(verdict.is_ok(), "only names can be wrong");
        let Ok(verdict) = verdict else { continue };
        assert_eq!(verdict.is_valid(), key_from_bytes(key).is_ok());
        assert_eq!(verdict.is_valid(), verdict.check().is_ok());
        assert!(verdict.to_string().len() < 1000);
        let not_utf8 = |fault: &KeyFault| matches!(fault, KeyFault::NotUtf8 { .. });
        let is_text = std::str::from_utf8(key).is_ok();
        assert_eq!(verdict.faults().iter().any(not_utf8), !is_text);
        let sanitized = sanitize_key(key);
        assert!(check_key(&sanitized).is_ok(), "{sanitized:?}");
        assert!(verdict.is_valid() || sanitized.as_bytes() != key);
    }
    assert_eq!(sanitize_key(a) == sanitize_key(b), a == b);
    let [a, b] = [a, b].map(String::from_utf8_lossy);
    if let (Ok(one), Ok(other)) = (typed_key(&a, &b), typed_key(&b, &a)) {
        assert_eq!(one == other, a == b);
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let long = "x".repeat(MAX_KEY_BYTES + 1);
    let mut seeds: Vec<Vec<u8>> = [
        "profile:123\nprofile:124",
        "{evil}\n%7Bevil%7D",
        "{}\n{{x}}",
        "100%\n100%25",
        "%257B\n%7B",
        "a\u{85}\nü:ß",
        "\r\n",
        "{\n}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    seeds.push(long.clone().into_bytes());
    seeds.push([&long[1..], "\n", &long[2..]].concat().into_bytes());
    seeds.push(b"\xFF\xFE\n\0".to_vec());
    seeds
}

fn pattern_seeds() -> Vec<Vec<u8>> {
    [
        "profile:{x}:{y:int}\nprofile:a:7\na\n7\n",
        "{x}-{y:path}\na-b-c\na\na:b",
        "{{{x:uuid}}}.{y}\n{00000000-0000-4000-8000-000000000000}.x",
        "{x}{y}",
        "{x",
        "}",
        "{x:number}",
        "{}",
        "{x}é{y}\naéb\na\nb",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn physical_seeds() -> Vec<Vec<u8>> {
    [
        "app\napp:user:profile:123",
        "app\napp:user:%7Bevil%7D",
        "app\napp:user:%7",
        "app\napp:user:100%",
        "app\napp:user:%7b",
        "app\napp~e:n:user",
        "a.b-c_d\na.b-c_d:user:ä%25",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
