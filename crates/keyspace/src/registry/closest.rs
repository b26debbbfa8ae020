//! Which names somebody may have meant.

use larder_cache_core::{Error, ErrorKind, MAX_PREFIX_BYTES};

/// Up to so many namespaces an error names all.
const ALL: usize = 20;

/// Of more than that it names so many.
const SOME: usize = 5;

/// How much of a name an error shows, in characters.
const SHOWN: usize = 2 * MAX_PREFIX_BYTES;

/// No namespace has this name: names those there are, or of many the closest.
///
/// # Cost
/// Of `n` names at most `n` times the product of two lengths, which are 64 bytes at most:
/// some milliseconds for 10,000.
pub(super) fn unknown(name: &str, known: &[&str]) -> Error {
    let shown: String = name.chars().take(SHOWN).collect();
    let error = Error::new(
        ErrorKind::UnknownNamespace,
        "no namespace of this name is registered; register it when the cache is built",
    )
    .with("found", format!("{shown:?}"));
    if known.len() <= ALL {
        return error.with("known", known.join(", "));
    }
    let mut ranked: Vec<(usize, usize, &str)> = known
        .iter()
        .map(|known| {
            let lengths = known.len().abs_diff(name.len());
            (distance(name, known), lengths, *known)
        })
        .collect();
    ranked.sort_unstable();
    let closest = ranked.iter().take(SOME);
    let closest: Vec<_> = closest.map(|(_, _, name)| *name).collect();
    error
        .with("closest", closest.join(", "))
        .with("known", format!("{} namespaces", known.len()))
}

/// How many characters must be added, removed or changed to make one name of the other; 1
/// where one begins with the other.
fn distance(asked: &str, known: &str) -> usize {
    if !asked.is_empty() && (known.starts_with(asked) || asked.starts_with(known)) {
        return usize::from(asked != known);
    }
    let asked = &asked.as_bytes()[..asked.len().min(SHOWN)];
    // One row of the table of Wagner and Fischer at a time.
    let mut row: Vec<usize> = (0..=asked.len()).collect();
    for (line, theirs) in known.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, ours) in asked.iter().enumerate() {
            let same = ours.eq_ignore_ascii_case(&theirs);
            let changed = diagonal + usize::from(!same);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    // What differs in case alone is close, but not the same.
    row[asked.len()].max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_must_be_changed() {
        for (asked, known, expected) in [
            ("users", "users", 0),
            ("user", "users", 1),
            ("Users", "users", 1),
            ("usres", "users", 2),
            ("", "users", 5),
            ("users-of-shop", "users", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(asked, known), expected, "{asked} and {known}");
        }
    }

    #[test]
    fn few_are_all_named_and_of_many_the_closest() {
        let names: Vec<String> = (0..10_000).map(|n| format!("tenant-{n}")).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.insert(5000, "users");
        let few = unknown("user", &names[4990..5010]).to_string();
        assert!(few.contains("tenant-4990, tenant-4991"), "{few}");
        let many = unknown("user", &names).to_string();
        assert!(many.contains("closest: users, "), "{many}");
        assert!(many.contains("known: 10001 namespaces"), "{many}");
        assert!(many.len() < 300, "{many}");
        let huge = unknown(&"x".repeat(1 << 20), &names).to_string();
        assert!(huge.len() < 500, "{huge}");
    }
}
