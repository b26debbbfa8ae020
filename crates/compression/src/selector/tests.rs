//! What is learned, by times of a model.

use fastrand::Rng;

use super::*;
use crate::candidate::CANDIDATES;
use crate::model;
use crate::objective::Objective;

struct World {
    selector: Selector,
    options: OptimizerOptions,
    rng: Rng,
}

impl World {
    fn new(objective: Objective) -> Self {
        Self {
            selector: Selector::default(),
            options: OptimizerOptions::new().objective(objective),
            rng: Rng::with_seed(11),
        }
    }

    fn choose(&self, plain: &[u8]) -> Chosen {
        let setting = Setting {
            options: &self.options,
            stopwatch: Stopwatch::Model(model::server),
            dictionary: None,
        };
        self.selector.choose(plain, &setting)
    }

    fn noise(&mut self, bytes: usize) -> Vec<u8> {
        (0..bytes).map(|_| self.rng.u8(..)).collect()
    }

    /// Letters by chance: half of them can be saved, but by entropy coding alone, which LZ4
    /// does not have.
    fn letters(&mut self, bytes: usize) -> Vec<u8> {
        let letters = b"abcdefghijkl";
        (0..bytes)
            .map(|_| letters[self.rng.usize(..letters.len())])
            .collect()
    }

    fn check(&self, plain: &[u8], expected: &str) {
        let chosen = self.choose(plain);
        assert_eq!(CANDIDATES[chosen.candidate].to_string(), expected);
    }

    fn measured(&self) -> usize {
        let (_, bucket) = self.selector.learned().next().unwrap();
        let learned = bucket.learned();
        let classes = Content::ALL.iter().filter_map(|c| learned.class(*c));
        classes.map(Class::measured).sum()
    }
}

const REPEATED: &[u8] = &[b'x'; 2000];

#[test]
fn the_first_value_is_measured_and_compressed_with_the_best() {
    let world = World::new(Objective::Balanced);
    let chosen = world.choose(REPEATED);
    assert_eq!(CANDIDATES[chosen.candidate].to_string(), "lz4");
    assert!(chosen.compressed.unwrap().len() < 50);
}

#[test]
fn contents_of_one_size_are_learned_apart() {
    let mut world = World::new(Objective::Balanced);
    for _ in 0..100 {
        let (noise, letters) = (world.noise(2000), world.letters(2000));
        world.choose(&noise);
        world.choose(&letters);
    }
    let (noise, letters) = (world.noise(2000), world.letters(2000));
    world.check(&noise, "plain");
    world.check(&letters, "zstd:1");
}

#[test]
fn ever_fewer_values_are_measured() {
    let world = World::new(Objective::Balanced);
    for _ in 0..10_000 {
        world.choose(REPEATED);
    }
    let measured = world.measured();
    assert!((40..60).contains(&measured), "{measured}");
}

#[test]
fn data_that_changes_is_noticed() {
    let mut world = World::new(Objective::Balanced);
    for _ in 0..2000 {
        world.choose(REPEATED);
    }
    world.check(REPEATED, "lz4");
    let mut noticed_after = 0;
    loop {
        noticed_after += 1;
        assert!(noticed_after < 2000, "it was never noticed");
        let letters = world.letters(2000);
        let chosen = world.choose(&letters);
        if CANDIDATES[chosen.candidate].to_string() == "zstd:1" {
            break;
        }
    }
    assert!(noticed_after > 1, "one measurement alone should not do");
}

#[test]
fn a_new_objective_judges_what_was_learned() {
    let mut world = World::new(Objective::Fastest);
    let letters = world.letters(2000);
    for _ in 0..20 {
        world.choose(&letters);
    }
    world.check(&letters, "plain");
    let before = world.measured();
    world.options = world.options.objective(Objective::Balanced);
    world.selector.reconsider(&world.options);
    world.check(&letters, "zstd:1");
    assert!(world.measured() <= before + 1);
}

#[test]
fn fixed_learns_nothing() {
    let mut world = World::new(Objective::Balanced);
    world.options = world.options.adaptive(Adaptive::Fixed);
    let noise = world.noise(2000);
    world.check(&noise, "plain");
    world.check(REPEATED, "lz4");
    assert_eq!(world.measured(), 0);
}

#[test]
fn large_values_are_measured_by_a_part() {
    let world = World::new(Objective::Balanced);
    let chosen = world.choose(&vec![0; 3 << 20]);
    assert_eq!(chosen.compressed, None, "it was not compressed as a whole");
    assert_eq!(world.measured(), 1);
}

#[test]
fn every_size_has_its_class() {
    let check = |bytes, expected| assert_eq!(size_class(bytes), expected, "{bytes}");
    check(0, 0);
    check(1, 0);
    check(1023, 9);
    check(1024, 10);
    check(1 << 27, 27);
    check(usize::MAX, 27);
}
