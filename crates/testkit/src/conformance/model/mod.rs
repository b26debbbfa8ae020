//! Random operations, compared with a model one by one.

mod content;
mod fenced;
mod step;
mod store;

use std::env;

use fastrand::Rng;

use self::fenced::Connections;
use self::step::Step;
use self::store::Model;
use super::subject::Subject;

const STEPS: usize = 3000;

/// Every backend answers a few thousand random operations as a plain map would.
///
/// A failure names its seed; `LARDER_SEED` runs that one again.
pub async fn random_operations_match_the_model(subject: &Subject) {
    let seed = seed();
    let mut rng = Rng::with_seed(seed);
    let (mut model, mut connections) = (Model::default(), Connections::new());
    for number in 0..STEPS {
        let step = Step::random(&mut rng);
        let expected = step.on_model(&mut model);
        let found = step.on_backend(subject, &mut connections).await;
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
