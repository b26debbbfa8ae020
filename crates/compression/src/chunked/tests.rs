use std::io::{self, Read, Write};

use larder_cache_core::{Algorithm, ErrorKind, LzStringForm};

use super::{ChunkOptions, ChunkedReader, ChunkedWriter, compress_chunked, decompress_chunked};

const CHUNK: usize = 4 << 10;
const HEADER: usize = 10;
const HEAD: usize = 17;

fn options() -> ChunkOptions {
    ChunkOptions::default().chunk_bytes(CHUNK)
}

/// Text, noise, and text again.
fn sample() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(12);
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
        .take(CHUNK)
        .collect();
    let text = |word: &str| word.repeat(CHUNK).as_bytes()[..CHUNK].to_vec();
    [text("larder "), noise, text("cache "), b"end".to_vec()].concat()
}

/// The chunks of a stream, with their heads; the last is the end.
fn chunks(stored: &[u8]) -> Vec<Vec<u8>> {
    let (mut chunks, mut rest) = (Vec::new(), &stored[HEADER..]);
    while !rest.is_empty() {
        let body = if rest[0] == 0 {
            0
        } else {
            usize::from(rest[5]) | usize::from(rest[6]) << 8
        };
        let (chunk, behind) = rest.split_at(HEAD + body);
        chunks.push(chunk.to_vec());
        rest = behind;
    }
    chunks
}

fn check(stored: &[u8], max: usize, expected: ErrorKind) {
    let error = decompress_chunked(stored, max).unwrap_err();
    assert_eq!(error.kind(), expected, "{error}");
}

#[test]
fn reads_back_what_was_written() {
    let algorithms = [
        Algorithm::Lz4,
        Algorithm::Zstd(1),
        Algorithm::Brotli(1),
        Algorithm::Gzip(1),
    ];
    for algorithm in algorithms {
        let options = options().algorithm(algorithm);
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 3] {
            let plain = &sample()[..length];
            let stored = compress_chunked(plain, options).unwrap();
            assert_eq!(decompress_chunked(&stored, length).unwrap(), plain);
            if length > 0 {
                check(&stored, length - 1, ErrorKind::TooLarge);
            }
            check(&[&stored[..], b"!"].concat(), length, ErrorKind::Codec);
        }
    }
}

#[test]
fn options_that_can_not_be_are_refused() {
    let refused = [
        options().chunk_bytes(CHUNK - 1),
        options().chunk_bytes((8 << 20) + 1),
        options().algorithm(Algorithm::Zstd(50)),
        options().algorithm(Algorithm::LzString(LzStringForm::Utf16)),
    ];
    for options in refused {
        let error = compress_chunked(b"", options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
    compress_chunked(b"", options().chunk_bytes(8 << 20)).unwrap();
}

#[test]
fn every_truncation_is_an_error() {
    let stored = compress_chunked(&sample(), options()).unwrap();
    for length in 0..stored.len() {
        check(&stored[..length], 1 << 20, ErrorKind::Codec);
    }
}

#[test]
fn every_flipped_bit_is_an_error() {
    let plain = &sample()[CHUNK - 100..2 * CHUNK + 10];
    let stored = compress_chunked(plain, options()).unwrap();
    for bit in 0..stored.len() * 8 {
        let mut damaged = stored.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(decompress_chunked(&damaged, 1 << 20).is_err(), "{bit}");
    }
}

#[test]
fn no_chunk_can_be_missing_moved_or_foreign() {
    let plain = sample();
    let stored = compress_chunked(&plain, options()).unwrap();
    let sound = chunks(&stored);
    let join = |chunks: &[Vec<u8>]| [&stored[..HEADER], &chunks.concat()].concat();
    assert_eq!(decompress_chunked(&join(&sound), 1 << 20).unwrap(), plain);

    let mut swapped = sound.clone();
    swapped.swap(0, 2);
    let mut without = sound.clone();
    without.remove(1);
    let mut twice = sound.clone();
    twice.insert(1, sound[0].clone());
    let mut other = plain.clone();
    other[0] ^= 1;
    let mut foreign = sound.clone();
    foreign[0] = chunks(&compress_chunked(&other, options()).unwrap())[0].clone();
    for chunks in [swapped, without, twice, foreign] {
        check(&join(&chunks), 1 << 20, ErrorKind::Codec);
    }
}

#[test]
fn a_flush_ends_a_chunk() {
    let mut writer = ChunkedWriter::new(Vec::new(), options()).unwrap();
    for part in [&b"ab"[..], b"", b"cd"] {
        writer.write_all(part).unwrap();
        writer.flush().unwrap();
    }
    let stored = writer.finish().unwrap();
    assert_eq!(chunks(&stored).len(), 3);
    assert_eq!(decompress_chunked(&stored, 4).unwrap(), b"abcd");
}

#[test]
fn a_reader_stops_at_the_end_and_leaves_what_is_behind() {
    let stored = compress_chunked(b"first", options()).unwrap();
    let both = [&stored[..], b"second"].concat();
    let mut reader = ChunkedReader::new(&both[..], 5);
    let mut plain = Vec::new();
    reader.read_to_end(&mut plain).unwrap();
    assert_eq!(plain, b"first");
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(reader.into_inner(), b"second");
}

#[test]
fn behind_an_error_there_is_nothing() {
    let mut stored = compress_chunked(&sample(), options()).unwrap();
    stored[HEADER + HEAD] ^= 1;
    let mut reader = ChunkedReader::new(&stored[..], 1 << 20);
    for _ in 0..3 {
        let error = reader.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
    let error = ChunkedReader::new(&stored[..HEADER], 9)
        .read(&mut [0; 8])
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

/// Takes so many bytes, then fails once, then takes all.
#[derive(Debug)]
struct Full(usize, Vec<u8>);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            self.0 = usize::MAX;
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        self.1.write(&bytes[..taken])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_failed_stays_failed() {
    let mut writer = ChunkedWriter::new(Full(20, Vec::new()), options()).unwrap();
    let error = writer.write_all(&sample()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(writer.write_all(b"more").is_err());
    let error = writer.finish().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec, "{error}");
}
