//! What a template says: text and placeholders.

use std::fmt;

use crate::key::MAX_KEY_BYTES;

/// The bytes of a UUID with its hyphens.
const UUID_BYTES: usize = 36;

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Stands for itself.
    Text(Box<str>),
    Placeholder {
        name: Box<str>,
        shape: Shape,
    },
}

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Segment,
    Int,
    Uuid,
    Path,
}

/// Why a template is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Empty,
    TooLong(usize),
    Control(usize),
    Unclosed(usize),
    Unopened(usize),
    Nameless(usize),
    UnknownShape(String),
    Twice(String),
    NoEnd(String),
    PathNotLast(String),
}

impl Shape {
    fn named(name: &str) -> Option<Self> {
        match name {
            "int" => Some(Self::Int),
            "uuid" => Some(Self::Uuid),
            "path" => Some(Self::Path),
            _ => None,
        }
    }

    /// How many bytes at the beginning of the text a placeholder takes that ends before
    /// `stop`; 0: it does not match there.
    pub(super) fn length(self, text: &str, stop: Option<char>) -> usize {
        match self {
            Self::Segment => text
                .find(|c| c == ':' || Some(c) == stop)
                .unwrap_or(text.len()),
            Self::Int => text
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len()),
            Self::Uuid if is_uuid(text.as_bytes()) => UUID_BYTES,
            Self::Uuid => 0,
            Self::Path => text.len(),
        }
    }

    /// What it stands for, for people.
    pub(super) fn expected(self, stop: Option<char>) -> String {
        match (self, stop) {
            (Self::Segment, Some(stop)) if stop != ':' => {
                format!("one or more characters but `:` and `{stop}`")
            }
            (Self::Segment, _) => "one or more characters but `:`".to_owned(),
            (Self::Int, _) => "one or more of the digits 0 to 9".to_owned(),
            (Self::Uuid, _) => "a UUID with its four hyphens".to_owned(),
            (Self::Path, _) => "one or more characters".to_owned(),
        }
    }
}

fn is_uuid(text: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.get(..UUID_BYTES)
        .is_some_and(|text| text.iter().enumerate().all(fits))
}

/// Reads a template.
pub(super) fn parse(template: &str) -> Result<Vec<Piece>, Flaw> {
    if template.is_empty() {
        return Err(Flaw::Empty);
    }
    if template.len() > MAX_KEY_BYTES {
        return Err(Flaw::TooLong(template.len()));
    }
    if let Some(at) = template.find(char::is_control) {
        return Err(Flaw::Control(at));
    }
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut at = 0;
    while let Some(c) = template[at..].chars().next() {
        let rest = &template[at..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            text.push(c);
            at += 2;
        } else if c == '}' {
            return Err(Flaw::Unopened(at));
        } else if c == '{' {
            let close = rest.find('}').ok_or(Flaw::Unclosed(at))?;
            add_text(&mut pieces, &mut text)?;
            add_placeholder(&mut pieces, &rest[1..close], at)?;
            at += close + 1;
        } else {
            text.push(c);
            at += c.len_utf8();
        }
    }
    add_text(&mut pieces, &mut text)?;
    Ok(pieces)
}

/// Adds the text since the last placeholder, where there is some.
fn add_text(pieces: &mut Vec<Piece>, text: &mut String) -> Result<(), Flaw> {
    let Some(first) = text.chars().next() else {
        return Ok(());
    };
    if let Some(Piece::Placeholder { name, shape }) = pieces.last() {
        if *shape == Shape::Path {
            return Err(Flaw::PathNotLast(name.to_string()));
        }
        if first.is_alphanumeric() {
            return Err(Flaw::NoEnd(name.to_string()));
        }
    }
    pieces.push(Piece::Text(std::mem::take(text).into()));
    Ok(())
}

fn add_placeholder(pieces: &mut Vec<Piece>, inside: &str, at: usize) -> Result<(), Flaw> {
    let (name, shape) = match inside.split_once(':') {
        None => (inside, Shape::Segment),
        Some((name, shape)) => {
            let named = Shape::named(shape);
            (
                name,
                named.ok_or_else(|| Flaw::UnknownShape(shape.to_owned()))?,
            )
        }
    };
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(in_name) {
        return Err(Flaw::Nameless(at));
    }
    for piece in &*pieces {
        if matches!(piece, Piece::Placeholder { name: known, .. } if **known == *name) {
            return Err(Flaw::Twice(name.to_owned()));
        }
    }
    if let Some(Piece::Placeholder { name, shape }) = pieces.last() {
        return Err(match shape {
            Shape::Path => Flaw::PathNotLast(name.to_string()),
            _ => Flaw::NoEnd(name.to_string()),
        });
    }
    pieces.push(Piece::Placeholder {
        name: name.into(),
        shape,
    });
    Ok(())
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the template is empty"),
            Self::TooLong(bytes) => write!(
                f,
                "the template has {bytes} bytes, and a key 1024 bytes at most"
            ),
            Self::Control(at) => write!(f, "there is a control character at byte {at}"),
            Self::Unclosed(at) => write!(
                f,
                "the `{{` at byte {at} has no `}}`; write `{{{{` for a brace"
            ),
            Self::Unopened(at) => write!(
                f,
                "the `}}` at byte {at} has no `{{`; write `}}}}` for a brace"
            ),
            Self::Nameless(at) => write!(
                f,
                "the placeholder at byte {at} needs a name of letters, digits and `_`"
            ),
            Self::UnknownShape(found) => write!(
                f,
                "there is `int`, `uuid` and `path` behind a placeholder's name, not {found:?}"
            ),
            Self::Twice(name) => write!(f, "there is a placeholder {name:?} twice"),
            Self::NoEnd(name) => write!(
                f,
                "behind the placeholder {name:?} must be a separator such as `:`, so that one \
                 can see where its value ends"
            ),
            Self::PathNotLast(name) => write!(
                f,
                "the placeholder {name:?} takes everything to the end, so that nothing can be \
                 behind it"
            ),
        }
    }
}
