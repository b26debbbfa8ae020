//! Making keys of what is none.

use std::fmt::Write;

use larder_cache_core::{MAX_KEY_BYTES, key_from_bytes};
use xxhash_rust::xxh3::xxh3_128;

/// What stands before a digest, and for the empty key. Nothing else is written as `%23`,
/// since `#` needs no encoding.
const MARK: &str = "%23";

/// The hexadecimal digits of a digest.
const DIGEST_DIGITS: usize = 32;

/// A valid key for any bytes, the same one each time.
///
/// What can't stand in a key is percent-encoded, byte by byte: control characters, bytes that
/// are not UTF-8, and a `%` before two hexadecimal digits, which could be mistaken for an
/// encoded byte. All other valid keys stay as they are. The empty key becomes `%23`. What has
/// more than 1024 bytes then is cut, and ends with `%23` and a digest of 128 bits of the whole.
///
/// Different inputs make different keys; of those that are cut, two with the same beginning
/// collide with a chance of one in 2^128. The digest (XXH3) is not cryptographic: who
/// is free to choose such inputs can make two collide, so refuse them where strangers do.
/// A key that was sanitized is changed by being sanitized again only where it holds such an
/// encoded byte.
///
/// # Cost
/// Two looks at each byte, one allocation.
///
/// # Example
/// ```
/// use larder_keyspace::sanitize_key;
///
/// assert_eq!(sanitize_key("profile:7, 100%"), "profile:7, 100%");
/// assert_eq!(sanitize_key("a\r\nb"), "a%0D%0Ab");
/// assert_eq!(sanitize_key("a%0D%0Ab"), "a%250D%250Ab");
/// assert_eq!(sanitize_key(b"\xFF"), "%FF");
/// assert_eq!(sanitize_key("x".repeat(5000)).len(), 1024);
/// ```
#[must_use]
pub fn sanitize_key(key: impl AsRef<[u8]>) -> String {
    let key = key.as_ref();
    if key.is_empty() {
        return MARK.to_owned();
    }
    if let Ok(valid) = key_from_bytes(key)
        && !valid.contains('%')
    {
        return valid.to_owned();
    }
    let mut sanitized = String::with_capacity(key.len().min(MAX_KEY_BYTES));
    // Where it is cut, should it turn out too long: behind the last whole piece that fits.
    let mut cut = 0;
    let last_cut = MAX_KEY_BYTES - MARK.len() - DIGEST_DIGITS;
    for piece in pieces(key) {
        piece.write(&mut sanitized);
        if sanitized.len() <= last_cut {
            cut = sanitized.len();
        }
        if sanitized.len() > MAX_KEY_BYTES {
            sanitized.truncate(cut);
            let _infallible = write!(sanitized, "{MARK}{:032x}", xxh3_128(key));
            return sanitized;
        }
    }
    sanitized
}

/// A part of a key that is never cut in two.
enum Piece {
    Plain(char),
    /// Bytes to be encoded, so many of them.
    Encoded([u8; 4], usize),
}

impl Piece {
    fn write(&self, to: &mut String) {
        match self {
            Self::Plain(c) => to.push(*c),
            Self::Encoded(bytes, count) => {
                for byte in &bytes[..*count] {
                    let _infallible = write!(to, "%{byte:02X}");
                }
            }
        }
    }
}

fn pieces(key: &[u8]) -> impl Iterator<Item = Piece> {
    key.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid();
        let plain = valid.char_indices().map(|(at, c)| {
            let encode = c.is_control() || (c == '%' && looks_encoded(&valid[at..]));
            if !encode {
                return Piece::Plain(c);
            }
            let mut bytes = [0; 4];
            let count = c.encode_utf8(&mut bytes).len();
            Piece::Encoded(bytes, count)
        });
        let invalid = chunk.invalid().iter();
        plain.chain(invalid.map(|byte| Piece::Encoded([*byte, 0, 0, 0], 1)))
    })
}

/// Whether two hexadecimal digits are behind a `%`.
fn looks_encoded(rest: &str) -> bool {
    let digits = rest.as_bytes().get(1..3);
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use larder_cache_core::check_key;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_stand_in_a_key_is_encoded() {
        for (input, expected) in [
            (&b""[..], "%23"),
            (b"#", "#"),
            (b"%23", "%2523"),
            (b"\0", "%00"),
            (b"a\r\nb", "a%0D%0Ab"),
            (b"\xC2\x85", "%C2%85"),
            (b"\xC2", "%C2"),
            (b"%C2", "%25C2"),
            (b"\xFF\xFE", "%FF%FE"),
            (b"100%", "100%"),
            (b"%\n", "%%0A"),
            (b"%2\n", "%2%0A"),
            (b"{evil}:*", "{evil}:*"),
            ("ключ 🦀".as_bytes(), "ключ 🦀"),
        ] {
            assert_eq!(sanitize_key(input), expected, "{input:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let megabyte = "x".repeat(1 << 20);
        assert_eq!(sanitize_key(&megabyte[..1024]), megabyte[..1024]);
        let others = [&megabyte[..1025], &megabyte[..1026], &megabyte];
        let cut = others.map(sanitize_key);
        for key in &cut {
            assert_eq!(key.len(), 1024);
            assert_eq!(key[989..992], *"%23");
        }
        assert!(cut[0] != cut[1] && cut[1] != cut[2]);
        for wide in ["\n", "🦀", "\u{85}", "ü"] {
            for shift in 0..4 {
                let key = sanitize_key("x".repeat(shift) + &wide.repeat(1025));
                check_key(&key).unwrap();
            }
        }
    }

    /// Bytes that are likely to be mistaken for one another.
    fn likely() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            prop::sample::select(b"%%%%02358ABCFDEabcf#\n\r\0x".to_vec()),
            prop::sample::select(b"\xC2\x85\xFF\xE2\x88\x80".to_vec()),
        ];
        prop::collection::vec(byte, 0..8)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn different_inputs_make_different_keys(a in likely(), b in likely(), n in 1..200_usize) {
            prop_assert_eq!(sanitize_key(&a) == sanitize_key(&b), a == b);
            let (a, b) = (a.repeat(n), b.repeat(n));
            prop_assert_eq!(sanitize_key(&a) == sanitize_key(&b), a == b);
        }

        /// The input that is likeliest to collide is what another one becomes.
        #[test]
        fn what_others_become_is_changed(input in likely(), n in 1..200_usize) {
            for input in [input.clone(), input.repeat(n)] {
                let key = sanitize_key(&input);
                let is_same = key.as_bytes() == input;
                prop_assert_eq!(sanitize_key(&key) == key, is_same);
            }
        }

        #[test]
        fn every_output_is_a_key(input in prop_oneof![likely(), prop::collection::vec(any::<u8>(), 0..3000)]) {
            let key = sanitize_key(&input);
            check_key(&key).unwrap();
            prop_assert_eq!(sanitize_key(&input), key);
        }

        #[test]
        fn valid_keys_stay_as_they_are(key in "\\PC{1,40}") {
            let is_encoded = key.match_indices('%').any(|(at, _)| looks_encoded(&key[at..]));
            if check_key(&key).is_ok() && !is_encoded {
                prop_assert_eq!(sanitize_key(&key), key);
            }
        }
    }
}
