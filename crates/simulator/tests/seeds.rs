//! What every seed must show.

use larder_simulator::{Outcome, Rule, Tracing, simulate};

const SEEDS: u64 = 200;

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [1, 2, 5, 11, 23] {
        let [first, second] = [(); 2].map(|()| simulate(seed, None, Tracing::On).trace);
        let differs = first.iter().zip(&second).find(|(a, b)| a != b);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
        assert!(first.len() > 20, "seed {seed} does next to nothing");
    }
}

#[test]
fn a_trace_changes_nothing() {
    let [told, untold] = [Tracing::On, Tracing::Off].map(|tracing| simulate(3, None, tracing));
    assert_eq!(told.operations, untold.operations);
    assert_eq!(told.checks, untold.checks);
    assert!(untold.trace.is_empty());
}

#[test]
fn no_seed_breaks_a_promise() {
    let mut total = Outcome::default();
    for seed in 1..=SEEDS {
        let outcome = simulate(seed, None, Tracing::Off);
        assert_eq!(outcome.violations, [], "seed {seed}");
        total.checks.reads += outcome.checks.reads;
        total.checks.changes += outcome.checks.changes;
    }
    assert!(total.checks.reads > 20 * SEEDS, "{total:?}");
    assert!(total.checks.changes > 5 * SEEDS, "{total:?}");
}

#[test]
fn every_rule_is_missed_when_it_is_left_out() {
    const MOST: u64 = 500;
    let unnoticed = Rule::ALL.into_iter().filter(|rule| {
        let breaks = |seed| {
            let outcome = simulate(seed, Some(*rule), Tracing::Off);
            !outcome.violations.is_empty()
        };
        !(1..=MOST).any(breaks)
    });
    let unnoticed: Vec<&str> = unnoticed.map(Rule::name).collect();
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}

#[test]
fn every_rule_has_a_name_of_its_own() {
    for rule in Rule::ALL {
        assert_eq!(rule.name().parse(), Ok(rule));
    }
}
