//! Patterns: every backend matches as [`Glob::matches`] does.

use fastrand::Rng;
use larder_cache_core::{Glob, Key};

use super::subject::Subject;

const NAMES: [&str; 22] = [
    "a", "b", "-", "^", "]", "[a", "*", "?", "\\", "ab", "abc", "a*c", "a?c", "a-c", "acc",
    "hello", "hallo", "hxllo", "ä", "日本", "日", "a b",
];

const PATTERNS: [&str; 48] = [
    "*",
    "**",
    "?",
    "??",
    "???",
    "a",
    "a*",
    "*a",
    "*a*",
    "a?c",
    "a*c",
    "a\\*c",
    "a\\?c",
    "\\*",
    "\\?",
    "\\\\",
    "\\",
    "\\a",
    "[ab]",
    "[^ab]",
    "[a-b]",
    "[b-a]",
    "[a-]",
    "[-a]",
    "[a\\-c]",
    "a[-]c",
    "a[a-z]c",
    "a[^a-z]c",
    "h[ae]llo",
    "h[^e]llo",
    "h?llo",
    "h*llo",
    "h[a-e]l*",
    "[",
    "[a",
    "[^",
    "[^a",
    "[]",
    "[^]",
    "]",
    "[\\]]",
    "\\[a",
    "ä",
    "?ä",
    "??",
    "日*",
    "*本",
    "no such key",
];

/// ASCII alone: Redis compares the ends of a range as `char`, so that a range to or from
/// another byte means one thing on x86 and another on ARM.
const ALPHABET: [&str; 13] = [
    "a", "b", "c", "h", "l", "*", "?", "[", "]", "^", "-", "\\", " ",
];

/// The patterns of the Redis manual and their odd corners.
pub async fn patterns_match_as_redis_does(subject: &Subject) {
    let keys = stored(subject).await;
    for pattern in PATTERNS {
        check(subject, &keys, pattern).await;
    }
}

/// Patterns that nobody would think of.
pub async fn random_patterns_match_as_the_model(subject: &Subject) {
    let keys = stored(subject).await;
    let mut rng = Rng::new();
    for _ in 0..300 {
        let length = rng.usize(0..7);
        let letter = |_| ALPHABET[rng.usize(..ALPHABET.len())];
        let pattern: String = (0..length).map(letter).collect();
        check(subject, &keys, &pattern).await;
    }
}

/// No character of a key has a meaning once it is escaped.
pub async fn escaped_keys_are_taken_literally(subject: &Subject) {
    for key in stored(subject).await {
        let found = subject.scan(&Glob::escape(key.as_str()), 100).await;
        assert_eq!(found, [key.as_str()]);
    }
}

async fn stored(subject: &Subject) -> Vec<Key> {
    let keys = subject.keys(&NAMES);
    for key in &keys {
        subject.put(key, "x").await;
    }
    keys
}

async fn check(subject: &Subject, keys: &[Key], pattern: &str) {
    let pattern = subject.pattern(pattern);
    let mut expected: Vec<_> = keys
        .iter()
        .map(Key::as_str)
        .filter(|key| pattern.matches(key))
        .collect();
    expected.sort_unstable();
    let mut found = subject.scan(&pattern, 100).await;
    found.dedup();
    assert_eq!(found, expected, "{pattern}");
}
