//! Compressed values.

use std::sync::OnceLock;

use larder_cache_core::{
    Algorithm, Bytes, Codec, Coding, Compression, Dictionary, ErrorKind, KeyPrefix, LzStringForm,
    Place,
};
use larder_compression::{Optimizer, OptimizerOptions};

use super::pieces::Pieces;
use super::ready::uncounted;
use crate::target::{Bounds, Target, always};

/// The codec that is fuzzed.
fn codec() -> &'static dyn Codec {
    static CODEC: OnceLock<Optimizer> = OnceLock::new();
    CODEC.get_or_init(|| {
        // Short values too are compressed, or little would be tried.
        let options = OptimizerOptions::new().threshold_bytes(0);
        uncounted(|| Optimizer::new(options))
            .unwrap_or_else(|error| unreachable!("no codec: {error}"))
    })
}

/// The most that a value may say that it was before it was compressed, in bytes.
const MOST_PLAIN: usize = 1 << 20;

/// A target for an algorithm, by its number in stored headers.
const fn target<const ID: u8>(name: &'static str, parses: &'static str, peak: usize) -> Target {
    Target {
        name,
        parses,
        run: run::<ID>,
        seeds: seeds::<ID>,
        missing: missing::<ID>,
        bounds: Bounds::new()
            .input_bytes(16 << 10)
            .peak_bytes(2 * MOST_PLAIN + peak),
    }
}

/// What the decoders with a window take for it.
pub(super) const WINDOW: usize = 24 << 20;

pub(super) const LZ4: Target = target::<1>("lz4", "LZ4 values", 1 << 20);
pub(super) const ZSTD: Target = target::<2>("zstd", "Zstandard values", WINDOW);
pub(super) const BROTLI: Target = target::<3>("brotli", "Brotli values", WINDOW);
pub(super) const GZIP: Target = target::<4>("gzip", "Gzip values", WINDOW);
pub(super) const LZ_STRING_UTF16: Target =
    target::<5>("lz-string", "LZ-String values in UTF-16", WINDOW);
pub(super) const LZ_STRING_BASE64: Target =
    target::<6>("lz-string-base64", "LZ-String values in Base64", WINDOW);

pub(super) const ANY: Target = Target {
    name: "codings",
    parses: "compressed values of any algorithm and dictionary",
    run: any,
    seeds: any_seeds,
    missing: always,
    bounds: Bounds::new().peak_bytes(2 * MOST_PLAIN + WINDOW),
};

pub(super) const DICTIONARIES: Target = Target {
    name: "dictionaries",
    parses: "dictionaries, as other processes publish them",
    run: dictionary,
    seeds: dictionary_seeds,
    missing: no_dictionaries,
    bounds: Bounds::new().peak_bytes(WINDOW),
};

/// The algorithms, in the order of their numbers.
pub(super) const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Lz4,
    Algorithm::Zstd(3),
    Algorithm::Brotli(5),
    Algorithm::Gzip(6),
    Algorithm::LzString(LzStringForm::Utf16),
    Algorithm::LzString(LzStringForm::Base64),
];

const fn coding(algorithm: u8) -> Coding {
    Coding {
        algorithm,
        dictionary: 0,
    }
}

fn missing<const ID: u8>() -> Option<&'static str> {
    (!codec().can_decode(coding(ID))).then_some("this build has no codec for it")
}

fn no_dictionaries() -> Option<&'static str> {
    let is_missing = codec().dictionaries().is_none();
    is_missing.then_some("this build has no codec with dictionaries")
}

/// The length before, in three bytes, the first of them odd for a value that is yet to be
/// compressed; then the value.
fn run<const ID: u8>(input: &[u8]) {
    let mut pieces = Pieces(input);
    let head = [pieces.byte(), pieces.byte(), pieces.byte()];
    if head[0] % 2 == 1 {
        round_trip::<ID>(pieces.0);
    } else {
        let [_, high, low] = head.map(usize::from);
        decode(pieces.0, coding(ID), (high << 8 | low) * (MOST_PLAIN >> 16));
        decode(pieces.0, coding(ID), high << 8 | low);
    }
}

/// Whatever comes out is as long as was declared, and whatever goes wrong is an error.
fn decode(stored: &[u8], coding: Coding, plain_bytes: usize) -> Option<Bytes> {
    match codec().decode(stored, coding, plain_bytes) {
        Ok(plain) => {
            assert_eq!(plain.len(), plain_bytes);
            Some(plain)
        }
        Err(error) => {
            let kind = error.kind();
            assert!(
                matches!(kind, ErrorKind::Codec | ErrorKind::TooLarge),
                "{error}"
            );
            None
        }
    }
}

fn round_trip<const ID: u8>(plain: &[u8]) {
    if let Some((stored, coding)) = encode(ID, plain) {
        assert!(codec().can_decode(coding));
        let read = decode(&stored, coding, plain.len());
        assert_eq!(read.as_deref(), Some(plain));
        if let Some(shorter) = plain.len().checked_sub(1) {
            assert_eq!(decode(&stored, coding, shorter), None, "over the cap");
        }
    }
}

fn encode(id: u8, plain: &[u8]) -> Option<(Bytes, Coding)> {
    let key = KeyPrefix::new("app").and_then(|app| app.value("user", "7"));
    let key = key.ok()?;
    let place = Place {
        namespace: "user",
        key: &key,
    };
    let algorithm = ALGORITHMS.get(usize::from(id.checked_sub(1)?))?;
    let encoded = codec().encode(plain, Compression::With(*algorithm), &place);
    let encoded = encoded.ok()??;
    Some((encoded.bytes, encoded.coding))
}

/// The coding, then a value.
fn any(input: &[u8]) {
    let mut pieces = Pieces(input);
    let algorithm = pieces.byte();
    let mut dictionary = [0; 4];
    for byte in &mut dictionary {
        *byte = pieces.byte();
    }
    let coding = Coding {
        algorithm,
        dictionary: u32::from_le_bytes(dictionary),
    };
    let read = decode(pieces.0, coding, 4096);
    assert!(read.is_none() || codec().can_decode(coding));
}

fn dictionary(input: &[u8]) {
    let Some(dictionaries) = codec().dictionaries() else {
        return;
    };
    let dictionary = Dictionary::new(Bytes::copy_from_slice(input));
    match dictionaries.install("fuzz", &dictionary) {
        Ok(()) => {
            let coding = Coding {
                algorithm: Algorithm::Zstd(3).id(),
                dictionary: dictionary.id(),
            };
            decode(input, coding, 4096);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Codec, "{error}"),
    }
}

pub(super) fn plains() -> [Vec<u8>; 4] {
    let rows: Vec<String> = (0..40)
        .map(|row| format!("{{\"id\":{row},\"name\":\"user {row}\"}}"))
        .collect();
    let noise = (0..600_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8);
    [
        vec![7; 3000],
        rows.join(",").into_bytes(),
        noise.collect(),
        b"\0\xFFa".repeat(500),
    ]
}

fn seeds<const ID: u8>() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for plain in plains() {
        let [_, _, .., high, low] = (plain.len() as u32).to_be_bytes();
        if let Some((stored, _)) = encode(ID, &plain) {
            seeds.push([&[0, high, low], &stored[..]].concat());
            seeds.push([&[0, 0xFF, 0xFF], &stored[..]].concat());
        }
        seeds.push([&[1, 0, 0], &plain[..]].concat());
    }
    // Lengths that lie.
    seeds.push(b"\0\xFF\xFF\xFF\xFF\xFF\xFF\0".to_vec());
    seeds.push(b"\0\xFF\xFF\0\0\0\0".to_vec());
    seeds
}

fn any_seeds() -> Vec<Vec<u8>> {
    let codings = (0..=8).chain([255]);
    codings
        .flat_map(|id| {
            let stored = encode(id, &plains()[1]).map(|(stored, _)| stored);
            let stored = stored.unwrap_or_default();
            [[0, 0, 0, 0], [1, 0, 0, 0]]
                .map(|dictionary| [&[id], &dictionary[..], &stored[..]].concat())
        })
        .collect()
}

fn dictionary_seeds() -> Vec<Vec<u8>> {
    // The magic number of a Zstandard dictionary, and its tables missing.
    let mut seeds = vec![b"\x37\xA4\x30\xEC\x01\0\0\0".to_vec()];
    seeds.extend(plains());
    seeds
}
