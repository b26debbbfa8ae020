//! Compatibility with the original.

use larder_cache_core::{ErrorKind, LzStringForm};

use super::encoder::{BitWriter, CodeWidth};
use super::{END, LAST_UTF16, NARROW, compress, decompress, push_char, push_symbol, symbol_bits};

const FORMS: [LzStringForm; 2] = [LzStringForm::Utf16, LzStringForm::Base64];

fn check(text: &str, base64: &str, utf16: &str) {
    for (form, expected) in FORMS.into_iter().zip([utf16, base64]) {
        let stored = compress(text.as_bytes(), form).unwrap();
        assert_eq!(std::str::from_utf8(&stored), Ok(expected), "{text:?}");
        let plain = decompress(expected.as_bytes(), form, text.len());
        assert_eq!(plain.unwrap(), text.as_bytes());
    }
}

/// Made with the published JavaScript.
#[test]
fn writes_what_javascript_writes() {
    check("", "Q===", "\u{2020} ");
    check("a", "IZA=", "\u{10e8} ");
    check(
        "Hello, world",
        "BIUwNmD2A0AEDukBOYAmQ===",
        "\u{262}\u{4c2d}\u{4c3e}\u{6054}\u{40}\u{3bc4}\u{293}\u{46}\u{2020} ",
    );
    check(
        "aaaaaaaaaaaaaaaaaaaaaaaa",
        "IY18aQ==",
        "\u{10e6}\u{5f3a}\u{2020} ",
    );
    check("éЖ世", "JeNBBGhyQ===", "\u{1311}\u{5061}\u{d2e}\u{2420} ");
    check(
        "a😀b😀😀",
        "IaXg3AB7BG7kA===",
        "\u{10f2}\u{7857}\u{2f}\u{3066}\u{7740} ",
    );
    check(
        r#"{"name":"Ada","tags":["a","b","a","b"]}"#,
        "N4IgdghgtgpiBcICCATCIA0IAuEDmAzggNojpYBGmZ1VAugL5A==",
        "\u{1be1}\u{83d}\u{412c}\u{b80}\u{5330}\u{1728}\u{430}\u{4e2}\u{1026}\u{4220}\u{5c40}\
         \u{39a0}\u{6724}\u{388}\u{476b}\u{66}\u{4cee}\u{5560}\u{5d21}\u{3e60} ",
    );
}

/// Of `lz-str`, which writes one `=` too many where it writes any.
fn peer_base64(stored: &str) -> String {
    let body = stored.trim_end_matches('=');
    let length = body.len().next_multiple_of(4);
    format!("{body:=<length$}")
}

#[test]
fn agrees_with_another_implementation_on_random_texts() {
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..3000 {
        let chars = random.usize(..300);
        let kind = round % 4;
        let text: String = (0..chars)
            .map(|_| match kind {
                0 => random.char('a'..'d'),
                1 => random.char(' '..='~'),
                2 => random.char('\u{1F600}'..'\u{1F604}'),
                _ => random.char(..),
            })
            .collect();
        check(
            &text,
            &peer_base64(&lz_str::compress_to_base64(&text)),
            &lz_str::compress_to_utf16(&text),
        );
    }
}

#[test]
fn takes_text_alone() {
    for form in FORMS {
        let error = compress(b"\xFF", form).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Codec);
        assert!(error.to_string().contains("text"), "{error}");
    }
}

/// JavaScript strings may hold them, UTF-8 may not.
#[test]
fn half_a_surrogate_pair_is_an_error() {
    let halves: [&[u16]; 5] = [
        &[0xD83D],
        &[0xDE00],
        &[0xDE00, 0xD83D],
        &[0xD83D, 0x61],
        &[0x61, 0xD83D, 0xD83D, 0xDE00],
    ];
    for units in halves {
        let stored = peer_base64(&lz_str::compress_to_base64(units));
        for plain_bytes in 0..20 {
            let found = decompress(stored.as_bytes(), LzStringForm::Base64, plain_bytes);
            assert_eq!(found.unwrap_err().kind(), ErrorKind::Codec, "{units:?}");
        }
        let found = decompress(stored.as_bytes(), LzStringForm::Base64, 100).unwrap_err();
        assert!(found.to_string().contains("surrogate"), "{found}");
    }
}

#[test]
fn only_the_one_form_of_an_end_is_read() {
    let refuse = |stored: &str, form: LzStringForm, plain_bytes: usize| {
        let error = decompress(stored.as_bytes(), form, plain_bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Codec, "{stored:?}");
    };
    for stored in [
        "IZA",
        "IZA==",
        "IZA======",
        "IZB=",
        "IZAA",
        "IZAAA===",
        "IZ=A",
        "I!A=",
        "====",
    ] {
        refuse(stored, LzStringForm::Base64, 1);
    }
    for stored in [
        "\u{10e8}",
        "\u{10e8}  ",
        "\u{10e9} ",
        "\u{10e8}\u{8020} ",
        " \u{10e8} ",
        " ",
    ] {
        refuse(stored, LzStringForm::Utf16, 1);
    }
}

/// Each phrase is the one before and a character more.
pub(in crate::algorithms) fn bomb(plain_bytes: usize, form: LzStringForm) -> Vec<u8> {
    let mut stored = Vec::new();
    let mut bits = BitWriter::new(symbol_bits(form), |s| push_symbol(&mut stored, form, s));
    bits.write(NARROW, 2);
    bits.write(u32::from(b'a'), 8);
    let mut width = CodeWidth { bits: 3, left: 4 };
    let (mut written, mut phrase, mut code) = (1, 1, END + 2);
    while written < plain_bytes {
        phrase += 1;
        written += phrase;
        bits.write(code, width.bits);
        code += 1;
        width.count();
    }
    bits.write(END, width.bits);
    bits.finish();
    match form {
        LzStringForm::Utf16 => push_char(&mut stored, LAST_UTF16),
        LzStringForm::Base64 => stored.resize(stored.len().next_multiple_of(4), b'='),
    }
    stored
}

#[test]
fn the_bomb_is_one() {
    for form in FORMS {
        let bomb = bomb(5050, form);
        assert_eq!(bomb, compress("a".repeat(5050).as_bytes(), form).unwrap());
        assert_eq!(decompress(&bomb, form, 5050).unwrap(), [b'a'; 5050]);
    }
}
