//! Glob patterns, against a matcher that is too simple to be wrong.

use larder_cache_core::Glob;

use super::pieces::{Pieces, texts};
use crate::target::{Bounds, Target, always};

pub(super) const GLOBS: Target = Target {
    name: "globs",
    parses: "glob patterns: the same answer as the definition's",
    run: globs,
    seeds,
    missing: always,
    bounds: Bounds::new().input_bytes(1024),
};

/// A pattern and a text with a line break between.
fn globs(input: &[u8]) {
    let mut pieces = Pieces(input);
    let pattern = pieces.text_until(b'\n');
    let text = String::from_utf8_lossy(pieces.0).into_owned();
    let expected = matches(pattern.as_bytes(), text.as_bytes());
    assert_eq!(
        Glob::new(&*pattern).matches(&text),
        expected,
        "{pattern:?} on {text:?}"
    );
    let literal = Glob::escape(&pattern);
    assert!(literal.matches(&pattern));
    assert_eq!(literal.matches(&text), pattern == text);
    let behind = Glob::new("*").behind(&pattern);
    assert_eq!(behind.matches(&text), text.starts_with(&pattern));
}

/// Which rests of the text a pattern can leave, item by item: a table, as in the textbook.
fn matches(mut pattern: &[u8], text: &[u8]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    while let Some((item, rest)) = Item::first(pattern) {
        pattern = rest;
        let mut next = vec![false; text.len() + 1];
        let mut reached_before = false;
        for at in 0..=text.len() {
            reached_before |= reached[at];
            match &item {
                Item::Any => next[at] = reached_before,
                Item::One(bytes) => {
                    next[at] = at > 0 && reached[at - 1] && bytes[usize::from(text[at - 1])];
                }
            }
        }
        reached = next;
    }
    reached[text.len()]
}

/// What a piece of a pattern stands for.
enum Item {
    Any,
    /// One byte of those that are set.
    One(Box<[bool; 256]>),
}

impl Item {
    fn first(pattern: &[u8]) -> Option<(Self, &[u8])> {
        let mut set = [false; 256];
        let (&first, rest) = pattern.split_first()?;
        match (first, rest) {
            (b'*', _) => return Some((Self::Any, rest)),
            (b'?', _) => return Some((Self::One(Box::new([true; 256])), rest)),
            (b'[', _) => return Some(class(rest)),
            (b'\\', [escaped, rest @ ..]) => {
                set[usize::from(*escaped)] = true;
                return Some((Self::One(Box::new(set)), rest));
            }
            _ => set[usize::from(first)] = true,
        }
        Some((Self::One(Box::new(set)), rest))
    }
}

/// The class that begins behind a bracket.
fn class(pattern: &[u8]) -> (Item, &[u8]) {
    let (negated, mut rest) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, pattern),
    };
    let mut set = [negated; 256];
    loop {
        let (from, to);
        (from, to, rest) = match rest {
            [] => break,
            [b']', after @ ..] => {
                rest = after;
                break;
            }
            [b'\\', one, after @ ..] | [one, after @ ..] if !is_range(rest) => (*one, *one, after),
            [from, _, to, after @ ..] => (*from.min(to), *from.max(to), after),
            [one, after @ ..] => (*one, *one, after),
        };
        for byte in from..=to {
            set[usize::from(byte)] = !negated;
        }
    }
    (Item::One(Box::new(set)), rest)
}

fn is_range(class: &[u8]) -> bool {
    matches!(class, [from, b'-', _, ..] if *from != b'\\')
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = texts(&[
        "user:*\nuser:42",
        "h[ae]llo\nhallo",
        "h[^e]llo\nhello",
        "[a-c]?*\nbxyz",
        "[c-a]\nb",
        "[a\\-c]\n-",
        "[]\n]",
        "[^]\nx",
        "[ab\nb",
        "[a-]\n]",
        "[\\]\n]",
        "[\\\n\\",
        "\\*\n*",
        "a\\\na\\",
        "app\\[1\\]:*\napp[1]:k",
        "**a**\nbab",
        "ä?*\näöü",
    ]);
    seeds.push([&b"a*".repeat(200)[..], b"b\n", &b"a".repeat(500)].concat());
    seeds
}
