//! Bombs of 1 GiB, built by hand, that lie as well as they can: each is refused soon, within
//! the cap and a window.

use std::fs;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use larder_cache_core::{Algorithm, LzStringForm};

use super::{decompress, lz_string};

const GIB: usize = 1 << 30;
/// Unoptimized code is slow, and not what is promised.
const CAP: usize = if cfg!(debug_assertions) {
    1 << 20
} else {
    64 << 20
};
const SOON: Duration = Duration::from_millis(if cfg!(debug_assertions) { 20_000 } else { 200 });

/// What an algorithm holds beside the value: brotli's window, and tables.
const WINDOW: u64 = 5 << 20;

fn check(algorithm: Algorithm, bomb: &[u8]) {
    let mut took = Duration::MAX;
    let allocated = measure(|| {
        let started = Start::now();
        let error = decompress(algorithm.id(), bomb, CAP, None).unwrap_err();
        took = started.elapsed();
        assert!(
            !error.to_string().contains("cut off"),
            "{algorithm}: {error}"
        );
    });
    assert!(took < SOON, "{algorithm}: {took:?}");
    let most = u64::try_from(CAP).unwrap() + WINDOW;
    assert!(allocated.bytes_max < most, "{algorithm}: {allocated:?}");
}

/// When work began, by this thread's time on a processor where Linux tells it: other tests and
/// programs run at the same time, and their time is not the decoder's.
struct Start {
    on_cpu: Option<Duration>,
    clock: Instant,
}

impl Start {
    fn now() -> Self {
        Self {
            on_cpu: on_cpu(),
            clock: Instant::now(),
        }
    }

    fn elapsed(&self) -> Duration {
        let on_cpu = on_cpu().zip(self.on_cpu).map(|(now, then)| now - then);
        on_cpu.unwrap_or_else(|| self.clock.elapsed())
    }
}

fn on_cpu() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = stat.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

/// One literal, and a match that says 255 bytes more in every byte.
#[test]
fn of_lz4() {
    let mut bomb = vec![0x1F, 0, 1, 0];
    bomb.resize(GIB / 255, 255);
    bomb.extend([0, 0x50, 0, 0, 0, 0, 0]);
    check(Algorithm::Lz4, &bomb);
}

/// Blocks that say one byte 128 Ki times, under a length that is true and one that is the cap.
#[test]
fn of_zstd() {
    for declared in [GIB, CAP] {
        let mut bomb = 0xFD2F_B528_u32.to_le_bytes().to_vec();
        let eight_mib = 13 << 3;
        bomb.extend([0xC0, eight_mib]);
        bomb.extend(u64::try_from(declared).unwrap().to_le_bytes());
        for left in (0..GIB >> 17).rev() {
            let head = (128_u32 << 10) << 3 | 1 << 1 | u32::from(left == 0);
            bomb.extend(&head.to_le_bytes()[..3]);
            bomb.push(0);
        }
        check(Algorithm::Zstd(3), &bomb);
    }
}

/// Made by the C library at quality 9 and a window of 4 MiB: as large as the cap allows.
#[test]
fn of_brotli() {
    check(
        Algorithm::Brotli(5),
        include_bytes!("../../tests/golden/zeros-1gib.br"),
    );
}

/// Matches of 258 bytes in 13 bits, under a length that is true and one that is the cap.
#[test]
fn of_gzip() {
    // The last block, with fixed codes; then the literal 0, and the first match.
    let mut bits = vec![1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0];
    let longest_match = [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0];
    bits.extend(longest_match);
    bits.extend(longest_match.repeat(8));
    let bytes: Vec<u8> = bits
        .chunks(8)
        .map(|byte| byte.iter().rev().fold(0, |sum, bit| sum << 1 | bit))
        .collect();
    let (first, eight_matches) = bytes.split_at(3);
    let header = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];
    for declared in [GIB, CAP] {
        let mut bomb = [&header, first, &eight_matches.repeat(GIB / 258 / 8)].concat();
        bomb.extend([0; 8]);
        bomb.extend(u32::try_from(declared).unwrap().to_le_bytes());
        check(Algorithm::Gzip(6), &bomb);
    }
}

#[test]
fn of_lz_string() {
    for form in [LzStringForm::Utf16, LzStringForm::Base64] {
        check(Algorithm::LzString(form), &lz_string::bomb(GIB, form));
    }
}
