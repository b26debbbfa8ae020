//! What a person at a terminal, or a pipe, gets to see.

mod advice;
mod greeting;
mod keys;
mod lines;
mod numbers;
mod patterns;
mod payload;
mod summary;

use larder::{Health, NamespaceStats};

pub use self::advice::Advice;
pub use self::greeting::greet;
pub use self::keys::Keys;
pub use self::lines::every_second;
pub use self::numbers::bytes;
pub use self::summary::Summary;

/// Lookups in the cache, by what they found.
#[derive(Clone, Copy, Debug, Default)]
struct Lookups {
    in_l1: u64,
    in_l2: u64,
    known_absent: u64,
    all: u64,
}

impl Lookups {
    fn of(stats: &NamespaceStats) -> Self {
        Self {
            in_l1: stats.l1_hits,
            in_l2: stats.l2_hits,
            known_absent: stats.negative_hits,
            all: stats.reads(),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            in_l1: self.in_l1 - before.in_l1,
            in_l2: self.in_l2 - before.in_l2,
            known_absent: self.known_absent - before.known_absent,
            all: self.all - before.all,
        }
    }
}

/// The backend in a few words: `redis healthy 0.25 ms`, `redis degraded: timeout`.
fn backend(health: &Health) -> String {
    let (name, status) = (health.backend.name, health.status);
    match (&health.backend.error, health.backend.latency) {
        (Some(error), _) => format!("{name} {status}: {}", error.kind()),
        (None, Some(latency)) => format!("{name} {status} {:.2} ms", numbers::millis(latency)),
        (None, None) => format!("{name} {status}"),
    }
}
