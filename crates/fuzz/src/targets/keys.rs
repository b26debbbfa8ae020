//! User keys and physical keys.

use larder_cache_core::{
    ErrorKind, KeyPrefix, MAX_KEY_BYTES, Tag, check_key, check_prefix, key_from_bytes,
};

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
