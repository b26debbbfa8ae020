//! Random operations, compared with a model one by one.

mod step;
mod store;

use std::env;

use fastrand::Rng;

use self::step::{Run, Step};
use super::subject::Subject;

const STEPS: usize = 1500;

/// Every journal answers a thousand random operations as plain lists would, reopenings among
/// them where it can be opened again.
///
/// A failure names its seed; `LARDER_SEED` runs that one again.
pub async fn random_operations_match_the_model(subject: &Subject) {
    let seed = seed();
    let mut rng = Rng::with_seed(seed);
    let mut run = Run::new(subject);
    for number in 0..STEPS {
        let step = Step::random(&mut rng);
        let (found, expected) = run.take(&step, &mut rng).await;
        let expected = expected.excused(subject, &found);
        assert_eq!(
            found, expected,
            "step {number}, {step:?}; run again with LARDER_SEED={seed}"
        );
    }
}

fn seed() -> u64 {
    match env::var("LARDER_SEED") {
        Ok(seed) => seed.parse().expect("LARDER_SEED must be a number"),
        Err(_) => fastrand::u64(..),
    }
}
