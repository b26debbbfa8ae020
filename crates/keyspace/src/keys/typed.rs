//! The convention `namespace:type:id`.

use larder_cache_core::{Result, check_key};

/// The user key `type:id`, as in `namespace:type:id`. Different parts make different keys:
/// where a part holds `:`, that is written as `%3A`, and a `%` before two hexadecimal digits
/// as `%25`.
///
/// # Errors
/// Kind `InvalidKey` when a part is empty or can't be in a key, or both are too long together.
///
/// # Example
/// ```
/// use larder_keyspace::typed_key;
///
/// assert_eq!(typed_key("profile", "123")?, "profile:123");
/// assert_eq!(typed_key("a:b", "c")?, "a%3Ab:c");
/// assert_eq!(typed_key("a", "b:c")?, "a:b%3Ac");
/// # Ok::<(), larder_cache_core::Error>(())
/// ```
pub fn typed_key(kind: &str, id: &str) -> Result<String> {
    for (part, text) in [("type", kind), ("id", id)] {
        check_key(text).map_err(|error| error.with("part", part))?;
    }
    let mut key = String::with_capacity(kind.len() + id.len() + 1);
    write_part(&mut key, kind);
    key.push(':');
    write_part(&mut key, id);
    check_key(&key)?;
    Ok(key)
}

fn write_part(key: &mut String, part: &str) {
    for (at, c) in part.char_indices() {
        let digits = part.as_bytes().get(at + 1..at + 3);
        let looks_encoded = || digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit));
        match c {
            ':' => key.push_str("%3A"),
            '%' if looks_encoded() => key.push_str("%25"),
            other => key.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bad_parts_are_named() {
        let long = "x".repeat(1000);
        for (kind, id, expected) in [
            ("", "7", "part: type"),
            ("user", "", "part: id"),
            ("user", "7\n", "at byte: 1, part: id"),
            (&*long, &*long, "1024 bytes"),
        ] {
            let error = typed_key(kind, id).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn different_parts_make_different_keys(
            a in "[%:3A2a]{1,6}", b in "[%:3A2a]{1,6}", c in "[%:3A2a]{1,6}", d in "[%:3A2a]{1,6}",
        ) {
            let same = typed_key(&a, &b).unwrap() == typed_key(&c, &d).unwrap();
            prop_assert_eq!(same, (a, b) == (c, d));
        }

        /// The parts that are likeliest to collide are those that others become.
        #[test]
        fn what_others_become_is_changed(a in "[%:3A2a]{1,6}", b in "[%:3A2a]{1,6}") {
            let key = typed_key(&a, &b).unwrap();
            let (kind, id) = key.split_once(':').unwrap();
            let same = typed_key(kind, id).unwrap() == key;
            prop_assert_eq!(same, (kind, id) == (&*a, &*b));
        }
    }
}
