//! The rules of `rename_all`, as serde applies them.

use syn::LitStr;

/// How the names of all fields, or of all variants, are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

const CASES: &[(&str, Case)] = &[
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("PascalCase", Case::Pascal),
    ("camelCase", Case::Camel),
    ("snake_case", Case::Snake),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("SCREAMING-KEBAB-CASE", Case::ScreamingKebab),
];

impl Case {
    pub(crate) fn parse(name: &LitStr) -> syn::Result<Self> {
        let text = name.value();
        let known = CASES.iter().find(|(known, _)| *known == text);
        known.map(|(_, case)| *case).ok_or_else(|| {
            let names: Vec<&str> = CASES.iter().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            syn::Error::new(
                name.span(),
                format!("expected one of {names}, found {text}"),
            )
        })
    }

    /// The written name of a field, whose own name is in snake case.
    pub(crate) fn of_field(self, name: &str) -> String {
        match self {
            Self::Lower | Self::Snake => name.to_owned(),
            Self::Upper | Self::ScreamingSnake => name.to_ascii_uppercase(),
            Self::Pascal => name.split('_').map(capitalized).collect(),
            Self::Camel => uncapitalized(&Self::Pascal.of_field(name)),
            Self::Kebab => name.replace('_', "-"),
            Self::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }

    /// The written name of a variant, whose own name is in Pascal case.
    pub(crate) fn of_variant(self, name: &str) -> String {
        match self {
            Self::Pascal => name.to_owned(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Camel => uncapitalized(name),
            Self::Snake => snake(name),
            Self::ScreamingSnake => snake(name).to_ascii_uppercase(),
            Self::Kebab => snake(name).replace('_', "-"),
            Self::ScreamingKebab => snake(name).to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn capitalized(word: &str) -> String {
    with_first(word, char::to_ascii_uppercase)
}

fn uncapitalized(word: &str) -> String {
    with_first(word, char::to_ascii_lowercase)
}

fn with_first(word: &str, change: impl Fn(&char) -> char) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| change(&first));
    first.into_iter().chain(letters).collect()
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_serde() {
        let check = |case: Case, field: &str, variant: &str| {
            assert_eq!(case.of_field("very_tasty9"), field, "{case:?}");
            assert_eq!(case.of_variant("VeryTasty9"), variant, "{case:?}");
        };
        check(Case::Lower, "very_tasty9", "verytasty9");
        check(Case::Upper, "VERY_TASTY9", "VERYTASTY9");
        check(Case::Pascal, "VeryTasty9", "VeryTasty9");
        check(Case::Camel, "veryTasty9", "veryTasty9");
        check(Case::Snake, "very_tasty9", "very_tasty9");
        check(Case::ScreamingSnake, "VERY_TASTY9", "VERY_TASTY9");
        check(Case::Kebab, "very-tasty9", "very-tasty9");
        check(Case::ScreamingKebab, "VERY-TASTY9", "VERY-TASTY9");
        assert_eq!(Case::Camel.of_field("_x"), "x");
        assert_eq!(Case::Pascal.of_field("a__b_"), "AB");
    }
}
