//! The shape of a key: what stays when what names one thing is taken out.

/// What separates the segments of a key.
const SEPARATORS: [char; 3] = [':', '/', '.'];

/// Segments that are looked at; what follows is `{rest}`.
const MOST_SEGMENTS: usize = 8;

/// Longer segments name one thing.
const LONGEST_WORD: usize = 24;

/// The most bytes of a shape.
pub(crate) const LONGEST_SHAPE: usize = MOST_SEGMENTS * (LONGEST_WORD + 1) + REST.len();

/// From this length on hexadecimal digits are an id and not a word.
const SHORTEST_HEX: usize = 8;

/// Stands for a segment that is an id by its looks.
pub(crate) const ID: &str = "{id}";

/// Stands for segments that are words, but too many.
pub(crate) const NAME: &str = "{name}";

const REST: &str = "{rest}";

/// The shape of a key such as `profile:{id}` for `profile:123`.
///
/// A segment is an id when it is all digits, hexadecimal of 8 digits and more (dashes
/// between them as in a UUID), longer than 24 bytes, or has letters and digits; but a word
/// with one or two digits behind it, such as `v2`, is a word. Where `is_name` says of a
/// place, known by the shape before it, that too many words were seen there, the word is
/// `{name}`.
pub(crate) fn shape_of(key: &str, is_name: impl Fn(&str) -> bool) -> String {
    let mut shape = String::with_capacity(key.len().min(64));
    for (index, segment) in key.split_inclusive(SEPARATORS).enumerate() {
        if index == MOST_SEGMENTS {
            shape.push_str(REST);
            break;
        }
        let (word, separator) = match segment.char_indices().next_back() {
            Some((at, last)) if SEPARATORS.contains(&last) => segment.split_at(at),
            _ => (segment, ""),
        };
        if is_id(word) {
            shape.push_str(ID);
        } else if is_name(&shape) {
            shape.push_str(NAME);
        } else {
            push_literal(&mut shape, word);
        }
        shape.push_str(separator);
    }
    shape
}

/// The places of a shape that are words: the shape before each.
pub(crate) fn word_places(shape: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    shape
        .split_inclusive(SEPARATORS)
        .filter_map(move |segment| {
            let place = &shape[..start];
            start += segment.len();
            let is_word = ![ID, NAME, REST].contains(&segment.trim_end_matches(SEPARATORS));
            is_word.then_some(place)
        })
}

/// Braces of a key must not look like ours.
fn push_literal(shape: &mut String, word: &str) {
    let plain = |c: char| if matches!(c, '{' | '}') { '_' } else { c };
    shape.extend(word.chars().map(plain));
}

fn is_id(segment: &str) -> bool {
    if segment.is_empty() {
        return false;
    }
    segment.len() > LONGEST_WORD || is_number(segment) || is_hex(segment) || is_mixed(segment)
}

fn is_number(segment: &str) -> bool {
    let digits = segment.strip_prefix('-').unwrap_or(segment);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hex(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    let digits = segment.bytes().filter(u8::is_ascii_hexdigit).count();
    let has_digit = segment.bytes().any(|byte| byte.is_ascii_digit());
    digits >= SHORTEST_HEX && has_digit && segment.bytes().all(allowed)
}

fn is_mixed(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let has_letter = segment.chars().any(char::is_alphabetic);
    let word = segment.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_numbered_word = segment.len() - word.len() == digits && digits <= 2;
    digits > 0 && has_letter && !is_numbered_word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_out() {
        for (key, expected) in [
            ("profile:123", "profile:{id}"),
            ("profile:-7", "profile:{id}"),
            (
                "user/550e8400-e29b-41d4-a716-446655440000/cart",
                "user/{id}/cart",
            ),
            ("img.deadbeef00.png", "img.{id}.png"),
            ("feed:facade", "feed:facade"),
            ("v2:order:A17B", "v2:order:{id}"),
            ("config", "config"),
            ("", ""),
            ("a::b:", "a::b:"),
            ("session:abcdefghijklmnopqrstuvwxyz", "session:{id}"),
            ("a:b:c:d:e:f:g:h:i:j", "a:b:c:d:e:f:g:h:{rest}"),
            ("{id}:x", "_id_:x"),
            ("größe:5", "größe:{id}"),
        ] {
            assert_eq!(shape_of(key, |_| false), expected, "{key}");
        }
    }

    #[test]
    fn names_are_taken_out_where_it_is_said() {
        let is_name = |place: &str| place == "name:";
        assert_eq!(shape_of("name:ada:cart", is_name), "name:{name}:cart");
        assert_eq!(shape_of("name:17", is_name), "name:{id}");
    }

    #[test]
    fn words_have_their_places() {
        let places: Vec<_> = word_places("name:{id}:cart.x").collect();
        assert_eq!(places, ["", "name:{id}:", "name:{id}:cart."]);
        assert_eq!(word_places("{id}").count(), 0);
    }
}
