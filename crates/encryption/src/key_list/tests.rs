#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use larder_cache_core::ErrorKind;

use super::*;

const A: &str = "q2rnbBuAtVFw1cLBRxUmqVTCd9e7wTyjSuS7cPUjhzo=";
const B: &str = "L0aXmDBvk2Y6y1OtDlwuSbYJfQCZcEO0b1bXrR5aS4A=";

#[test]
fn lists_are_read_in_their_order() {
    let gcm = CipherAlgorithm::Aes256GcmSiv;
    let chacha = CipherAlgorithm::XChaCha20Poly1305;
    check(&format!("1:{A}"), &[(1, gcm)]);
    check(&format!("7:{A},3:{B}"), &[(7, gcm), (3, gcm)]);
    check(
        &format!("7:xchacha20-poly1305:{A}\n3:aes-256-gcm-siv:{B}"),
        &[(7, chacha), (3, gcm)],
    );
    check(&format!(" 7 : {A} ,\r\n, 3:{B} ,"), &[(7, gcm), (3, gcm)]);
    check(
        &format!("# new, since May\n\n4294967295:{A} # writes\n# 5:{B}\n3:{B}"),
        &[(u32::MAX, gcm), (3, gcm)],
    );
}

fn check(text: &str, expected: &[(u32, CipherAlgorithm)]) {
    let (first, others) = parse(text).unwrap();
    let mut found = vec![(first.id(), first.chosen_algorithm())];
    found.extend(others.iter().map(|key| (key.id(), key.chosen_algorithm())));
    assert_eq!(found, expected, "{text}");
}

#[test]
fn a_wrong_list_is_refused_with_its_place_and_without_its_text() {
    refuse("", "at least one encryption key");
    refuse(" ,\n# 1:none\n", "at least one encryption key");
    refuse(
        A,
        "id:base64 or id:algorithm:base64 (parts found: 1, line: 1, entry: 1)",
    );
    refuse(&format!("1:a:b:{A}"), "(parts found: 4, line: 1, entry: 1)");
    refuse(&format!("{A}:1"), "must begin with its id");
    refuse(&format!("-1:{A}"), "must begin with its id");
    refuse(&format!("4294967296:{A}"), "must begin with its id");
    refuse(&format!(":{A}"), "must begin with its id");
    refuse(&format!("0:{A}"), "from 1 to 4294967295; found 0");
    refuse(
        &format!("1:{A}:aes-256-gcm-siv"),
        "aes-256-gcm-siv or xchacha20-poly1305",
    );
    refuse(
        &format!("1:aes-256-gcm:{A}"),
        "aes-256-gcm-siv or xchacha20-poly1305",
    );
    refuse(&format!("1::{A}"), "aes-256-gcm-siv or xchacha20-poly1305");
    refuse(
        "1:",
        "(expected bytes: 32, found bytes: 0, line: 1, entry: 1)",
    );
    refuse(
        "1:c2hvcnQgc2VjcmV0",
        "(expected bytes: 32, found bytes: 12, line: 1, entry: 1)",
    );
    refuse(&format!("1:{A}{B}"), "not base64");
    refuse(&format!("1:{}", &A[..43].replace('o', "!")), "not base64");
    refuse(&format!("1:{} {}", &A[..20], &A[20..]), "not base64");
    let hex = "ab6ae76c1b80b55170d5c2c1471526a954c277d7bbc13ca34ae4bb70f523873a";
    refuse(
        &format!("1:{hex}"),
        "(expected bytes: 32, found bytes: 48, line: 1, entry: 1)",
    );
    refuse(
        &format!("# old\n1:{A}, 2:{B}\n\n1:{B}"),
        "the same id; give every new key an id that no key had before (id: 1, line: 4, entry: 3)",
    );
}

fn refuse(text: &str, expected: &str) {
    let error = parse(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let shown = format!("{error}\n{error:?}");
    assert!(shown.contains(expected), "{text}: {shown}");
    for part in text
        .split([':', ',', '\n', ' '])
        .filter(|part| is_secret(part))
    {
        for piece in part.as_bytes().windows(8) {
            let piece = std::str::from_utf8(piece).unwrap();
            assert!(!shown.contains(piece), "{piece} of {text} in: {shown}");
        }
    }
}

/// Long enough to be a part of a key, and not the name of an algorithm.
fn is_secret(part: &str) -> bool {
    part.len() >= 12 && part.parse::<CipherAlgorithm>().is_err() && part != "aes-256-gcm"
}
