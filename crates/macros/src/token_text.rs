//! Tokens as text that is the same from every compiler: their own `to_string` is not.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The tokens, each followed by a space.
pub(crate) fn token_text(tokens: TokenStream) -> String {
    tokens.into_iter().map(of_token).collect()
}

fn of_token(token: TokenTree) -> String {
    let TokenTree::Group(group) = token else {
        return format!("{token} ");
    };
    let inside = token_text(group.stream());
    match group.delimiter() {
        Delimiter::Parenthesis => format!("( {inside}) "),
        Delimiter::Brace => format!("{{ {inside}}} "),
        Delimiter::Bracket => format!("[ {inside}] "),
        Delimiter::None => inside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_do_not_count() {
        for (one, other) in [
            ("a::b", "a :: b"),
            ("Vec<[u8;4]>", "Vec < [ u8 ; 4 ] >"),
            ("(A,B)", "( A , B )"),
        ] {
            let text = |source: &str| token_text(source.parse().unwrap());
            assert_eq!(text(one), text(other));
        }
        assert_eq!(
            token_text("Vec<(A, [u8; 4])>".parse().unwrap()),
            "Vec < ( A , [ u8 ; 4 ] ) > "
        );
    }
}
