//! The loop finds what is planted, and the same seed finds it again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use larder_fuzz::targets::{TARGETS, find};
use larder_fuzz::{Fault, Mutator, Outcome, Plan, explore, explore_one, trial};

/// Far more time than any of these takes.
const LONG: Duration = Duration::from_secs(60);

/// The bug is one bit away from the seed, all bits of which are tried.
const INPUTS: u64 = 1000;

fn search(name: &str, seed: u64) -> Outcome {
    let plan = Plan::new(seed).time(LONG).inputs(INPUTS);
    explore(find(name).unwrap(), &plan)
}

fn check(name: &str, is_right: fn(&Fault) -> bool) -> Outcome {
    let outcome = search(name, 7);
    let failure = outcome.failure.clone().unwrap();
    assert!(is_right(&failure.fault), "{name}: {:?}", failure.fault);
    let again = explore_one(find(name).unwrap(), failure.input);
    assert!(is_right(&again.failure.unwrap().fault), "{name}");
    outcome
}

#[test]
fn a_panic_is_found_with_its_message_and_place() {
    let outcome = check("planted-panic", |fault| {
        matches!(fault, Fault::Panicked(message)
            if message.contains("planted") && message.contains("planted.rs:"))
    });
    assert!(outcome.inputs < INPUTS);
    assert!(
        outcome
            .failure
            .unwrap()
            .input
            .windows(2)
            .any(|pair| pair == [0xC1, 0x4D])
    );
}

#[test]
fn too_much_memory_is_found() {
    let outcome = check(
        "planted-allocation",
        |fault| matches!(fault, Fault::TooMuch { peak_bytes, .. } if *peak_bytes >= 64 << 20),
    );
    assert!(outcome.peak_bytes >= 64 << 20);
}

#[test]
fn an_input_that_takes_too_long_is_found() {
    let outcome = check(
        "planted-slowness",
        |fault| matches!(fault, Fault::TooSlow { took, allowed } if took > allowed),
    );
    assert!(outcome.slowest > Duration::from_millis(100));
}

#[test]
fn an_input_that_hangs_is_found_and_left_behind() {
    let target = find("planted-hang").unwrap();
    let input = b"\xC1\x4D".to_vec();
    let started = Instant::now();
    let failure = explore_one(target, input.clone()).failure.unwrap();
    assert_eq!(failure.input, input);
    let Fault::Hung { after } = failure.fault else {
        panic!("{:?}", failure.fault);
    };
    assert!(after <= 4 * target.bounds.time);
    assert!(started.elapsed() >= after);
    check("planted-hang", |fault| matches!(fault, Fault::Hung { .. }));
}

#[test]
fn noise_alone_finds_a_pair_of_bytes() {
    let target = find("planted-panic").unwrap();
    let mut inputs = Mutator::new(1, Vec::new(), 64);
    let found = (0..2_000_000).find(|_| trial_of(target, inputs.next_input()));
    assert!(found.is_some());
}

fn trial_of(target: &larder_fuzz::Target, input: &[u8]) -> bool {
    larder_fuzz::quieten();
    trial(target, input).fault.is_some()
}

#[test]
fn the_same_seed_gives_the_same_inputs() {
    let seeds = || vec![b"a seed".to_vec(), b"and another one".to_vec()];
    let inputs = |seed| {
        let mut mutator = Mutator::new(seed, seeds(), 40);
        let inputs: Vec<Vec<u8>> = (0..5000).map(|_| mutator.next_input().to_vec()).collect();
        inputs
    };
    let (first, again, other) = (inputs(1), inputs(1), inputs(2));
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert!(first.iter().all(|input| input.len() <= 40));
    assert!(first.iter().any(|input| input.len() == 40));
}

#[test]
fn all_small_damage_of_a_seed_is_tried_first() {
    let seed = b"four".to_vec();
    let mut mutator = Mutator::new(1, vec![seed.clone()], 40);
    let inputs: Vec<Vec<u8>> = (0..2 + 4 + 32)
        .map(|_| mutator.next_input().to_vec())
        .collect();
    assert_eq!(inputs[0], b"");
    for length in 0..=4 {
        assert!(inputs.contains(&seed[..length].to_vec()), "{length}");
    }
    for bit in 0..32 {
        let mut flipped = seed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(inputs.contains(&flipped), "{bit}");
    }
}

#[test]
fn every_target_has_a_name_of_its_own_and_keeps_its_property() {
    for target in TARGETS {
        let same = TARGETS.iter().filter(|other| other.name == target.name);
        assert_eq!(same.count(), 1, "{}", target.name);
        if (target.missing)().is_some() {
            continue;
        }
        assert!(!(target.seeds)().is_empty(), "{}", target.name);
        let plan = Plan::new(3).time(LONG).inputs(300);
        let outcome = explore(target, &plan);
        assert_eq!(outcome.failure, None, "{}", target.name);
        assert_eq!(outcome.inputs, 300, "{}", target.name);
    }
}
