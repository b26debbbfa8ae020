//! Bugs that are planted, to see that each is found. They run only when asked for by name.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use crate::target::{Bounds, Target, always};

/// A target for each kind of bug.
pub const PLANTED: &[Target] = &[
    planted("planted-panic", "nothing: it panics", panics),
    planted("planted-allocation", "nothing: it takes memory", allocates),
    planted("planted-slowness", "nothing: it takes long", dawdles),
    planted("planted-hang", "nothing: it never ends", hangs),
    planted("planted-abort", "nothing: it ends the process", aborts),
];

const fn planted(name: &'static str, parses: &'static str, run: fn(&[u8])) -> Target {
    Target {
        name,
        parses,
        run,
        seeds,
        missing: always,
        bounds: Bounds::new()
            .input_bytes(64)
            .time(Duration::from_millis(100)),
    }
}

/// What each bug waits for. No seed has it, but one is a bit away.
fn is_met(input: &[u8]) -> bool {
    input.windows(2).any(|pair| pair == [0xC1, 0x4D])
}

fn panics(input: &[u8]) {
    assert!(!is_met(input), "planted");
}

fn allocates(input: &[u8]) {
    if is_met(input) {
        black_box(Vec::<u8>::with_capacity(64 << 20));
    }
}

fn dawdles(input: &[u8]) {
    if is_met(input) {
        thread::sleep(Duration::from_millis(110));
    }
}

fn hangs(input: &[u8]) {
    while is_met(input) {
        thread::sleep(Duration::from_millis(10));
    }
}

fn aborts(input: &[u8]) {
    if is_met(input) {
        std::process::abort();
    }
}

fn seeds() -> Vec<Vec<u8>> {
    vec![b"some text\xC1\x4C and more of it".to_vec()]
}
