//! Nothing that is printed holds a key.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::{Debug, Display};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use larder_cache_core::{Cipher, Error};
use larder_encryption::{EncryptionKey, KeyRing};

/// Bytes with two or three digits each, none of which stands in a message by chance.
const SECRET: [u8; 32] = [
    173, 251, 199, 187, 239, 211, 163, 227, 157, 193, 233, 181, 241, 167, 223, 151, 229, 197, 179,
    213, 247, 191, 169, 221, 203, 159, 237, 185, 209, 171, 243, 161,
];

#[test]
fn debug_names_ids_and_algorithms_alone() {
    let key = EncryptionKey::new(7, SECRET).unwrap();
    check(&format!("{key:?} {key:#?}"));
    assert_eq!(
        format!("{key:?}"),
        "EncryptionKey { id: 7, algorithm: Aes256GcmSiv, .. }"
    );

    let ring = KeyRing::new(key);
    check(&format!("{ring:?} {ring:#?}"));
    assert_eq!(
        format!("{ring:?}"),
        "KeyRing { current: 7, keys: [7 (aes-256-gcm-siv)], is_lasting: true, .. }"
    );
}

#[test]
fn no_error_shows_a_key() {
    let base64 = BASE64_STANDARD.encode(SECRET);
    let lists = [
        base64.clone(),
        format!("{base64}:7"),
        format!("7:{base64}:aes-256-gcm-siv"),
        format!("7:{base64}:{base64}"),
        format!("0:{base64}"),
        format!("7:{base64}x"),
        format!("7:{}", &base64[..30]),
        format!("7:{base64}{base64}"),
        format!("7:aes:{base64}"),
        format!("7:{base64},7:{base64}"),
        format!("7:{base64}:a:b"),
    ];
    for list in &lists {
        check_error(&KeyRing::parse(list).unwrap_err());
        check_error(&KeyRing::from_settings(Some(list), None).unwrap_err());
    }
    check_error(&EncryptionKey::new(7, &SECRET[..31]).unwrap_err());
    check_error(&EncryptionKey::new(0, SECRET).unwrap_err());
    check_error(&EncryptionKey::from_base64(7, &base64[1..]).unwrap_err());

    let ring = KeyRing::parse(&format!("7:{base64}")).unwrap();
    check_error(
        &ring
            .add(EncryptionKey::new(7, SECRET).unwrap())
            .unwrap_err(),
    );
    check_error(&ring.use_key(8).unwrap_err());
    check_error(&ring.retire(7).unwrap_err());
    check_error(&ring.encrypt(8, &SECRET, &SECRET).unwrap_err());
    check_error(&ring.decrypt(7, &SECRET, &SECRET).unwrap_err());
}

fn check_error(error: &Error) {
    check(&both(error));
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        check(&both(error));
        source = error.source();
    }
}

fn both<E: Debug + Display + ?Sized>(error: &E) -> String {
    format!("{error} {error:?} {error:#?}")
}

/// Looks for every four bytes of the key in a row, in every form that something prints bytes in.
fn check(shown: &str) {
    for bytes in SECRET.windows(4) {
        let list = |text: fn(&u8) -> String| bytes.iter().map(text).collect::<Vec<_>>();
        let forms = [
            list(u8::to_string).join(", "),
            list(u8::to_string).join(",\n        "),
            list(|byte| format!("{byte:02x}")).concat(),
            list(|byte| format!("{byte:02X}")).concat(),
            list(|byte| format!("\\x{byte:02x}")).concat(),
        ];
        for form in forms {
            assert!(!shown.contains(&form), "{form} in: {shown}");
        }
    }
    for text in [
        BASE64_STANDARD.encode(SECRET),
        BASE64_URL_SAFE.encode(SECRET),
    ] {
        for piece in text.as_bytes().windows(5) {
            let piece = std::str::from_utf8(piece).unwrap();
            assert!(!shown.contains(piece), "{piece} in: {shown}");
        }
    }
}

#[test]
#[should_panic(expected = "in: 173, 251, 199, 187")]
fn a_shown_key_is_noticed() {
    check("173, 251, 199, 187");
}
