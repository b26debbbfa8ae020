#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use super::*;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Reloads of a value that changes at a rate, at times spread over two decades.
fn observed(random: &mut Random, rate: f64, reloads: usize) -> ChangeHistogram {
    let mut changes = ChangeHistogram::default();
    for _ in 0..reloads {
        let seconds = 10.0 * 100_f64.powf(random.unit());
        let changed = random.unit() < 1.0 - (-rate * seconds).exp();
        changes.record(Duration::from_secs_f64(seconds), changed);
    }
    changes
}

fn every(seconds: u64, reloads: u32, changed: u32) -> ChangeHistogram {
    let mut changes = ChangeHistogram::default();
    for reload in 0..reloads {
        changes.record(Duration::from_secs(seconds), reload < changed);
    }
    changes
}

#[test]
fn simulated_changes_are_within_the_interval_as_often_as_stated() {
    let mut random = Random(7);
    for rate in [1.0 / 1000.0, 1.0 / 100.0, 1.0 / 20.0] {
        let trials = 400;
        let mut within = 0;
        for _ in 0..trials {
            let found = ChangeRate::of(&observed(&mut random, rate, 300));
            let Some(ChangeRate::About { lower, upper, .. }) = found else {
                panic!("300 reloads at {rate} a second: {found:?}");
            };
            within += u32::from((lower..=upper).contains(&rate));
        }
        // 95 % of 400 are 380, and their deviation 4.4; bins of factor two cost a little.
        assert!(
            (362..=396).contains(&within),
            "{rate}: {within} of {trials}"
        );
    }
}

#[test]
fn where_none_or_all_changed_there_is_a_bound() {
    // The rule of three.
    let Some(ChangeRate::AtMost(rate)) = ChangeRate::of(&every(60, 100, 0)) else {
        panic!("a bound above");
    };
    assert!((rate * 6000.0 - 2.9957).abs() < 0.001, "{rate}");
    // 0.05 to the hundredth part is 0.97: as likely each has changed within a minute.
    let Some(ChangeRate::AtLeast(rate)) = ChangeRate::of(&every(60, 100, 100)) else {
        panic!("a bound below");
    };
    let all_changed = (1.0 - (-rate * 60.0_f64).exp()).powi(100);
    assert!((all_changed - 0.05).abs() < 1e-6, "{rate}: {all_changed}");
    assert_eq!(ChangeRate::of(&ChangeHistogram::default()), None);
    assert_eq!(ChangeRate::of(&every(0, 100, 100)), None);
}

#[test]
fn the_advice_holds_the_share_of_outdated_reads() {
    let mut random = Random(11);
    for rate in [1.0 / 50_000.0, 1.0 / 3000.0, 1.0 / 300.0] {
        let changes = observed(&mut random, rate, 5000);
        let now = Duration::from_secs(100);
        let ttl = match TtlAdvice::of(&changes, now, 0.05) {
            TtlAdvice::Change(suggestion) => suggestion.then,
            TtlAdvice::Keep { ttl, .. } => ttl,
            TtlAdvice::TooFew { .. } => panic!("5,000 reloads"),
        };
        let expected = rate * ttl.as_secs_f64();
        let stale = 1.0 - (1.0 - (-expected).exp()) / expected;
        assert!(stale < 0.054, "{rate}: {ttl:?} {stale}");
        assert!(stale > 0.03 || ttl == now * 8, "{rate}: {ttl:?} {stale}");
    }
}

#[test]
fn advice_reads_like_this() {
    let check = |changes: &ChangeHistogram, seconds, expected: &str| {
        let advice = TtlAdvice::of(changes, Duration::from_secs(seconds), 0.05);
        assert_eq!(advice.to_string(), expected);
    };
    check(&every(60, 12, 3), 300, "not enough reloads seen (12 of 30)");
    check(
        &every(300, 10_000, 200),
        300,
        "TTL 300 s -> 1,300 s: 77 % fewer loads, 4.3 % of reads outdated instead of 1.0 %",
    );
    check(
        &every(300, 10_000, 9_000),
        300,
        "TTL 300 s -> 38 s: 7.9 times the loads, 13.3 % of reads outdated instead of 60.9 %",
    );
    check(
        &every(300, 10_000, 1_000),
        300,
        "TTL 300 s suits: 5.1 % of reads outdated",
    );
    check(
        &every(300, 1_000, 0),
        300,
        "TTL 300 s -> 2,400 s: 88 % fewer loads, at most 1.2 % of reads outdated instead of 0.1 %",
    );
}

#[test]
fn histograms_merge_whatever_they_hold() {
    let (mut one, other) = (every(60, 100, 10), every(6_000_000_000, 50, 50));
    one.merge(&other);
    assert_eq!(one.totals(), (150, 60));
    let foreign = format!(
        r#"{{"bins":[{}]}}"#,
        vec![r#"{"reloads":4294967295,"changed":4294967295,"millis":18446744073709551615}"#; 99]
            .join(",")
    );
    let foreign: ChangeHistogram = serde_json::from_str(&foreign).unwrap();
    one.merge(&foreign);
    one.merge(&foreign);
    assert!(ChangeRate::of(&one).is_some());
    let advice = TtlAdvice::of(&one, Duration::MAX, f64::NAN);
    assert!(!advice.to_string().is_empty());
}
