//! Records of a service, serialized as the cache does it.

use std::ops::Range;

use fastrand::Rng;
use larder_benches::Failure;
use serde::Serialize;

use crate::corpora::prose;

/// Some learner of a service: 11 fields.
#[derive(Debug, Serialize)]
struct Learner {
    id: u64,
    account: String,
    name: String,
    email: String,
    plan: &'static str,
    language: &'static str,
    created_at: u64,
    last_seen_at: u64,
    progress: Vec<Progress>,
    tags: Vec<&'static str>,
    note: String,
}

#[derive(Debug, Serialize)]
struct Progress {
    lesson: u32,
    score: f32,
    finished: bool,
}

const FIRST: [&str; 16] = [
    "Ada",
    "Alan",
    "Barbara",
    "Claude",
    "Donald",
    "Edsger",
    "Frances",
    "Grace",
    "Hedy",
    "John",
    "Katherine",
    "Ken",
    "Leslie",
    "Margaret",
    "Niklaus",
    "Tony",
];
const LAST: [&str; 16] = [
    "Allen", "Backus", "Dijkstra", "Hamilton", "Hoare", "Hopper", "Johnson", "Knuth", "Lamarr",
    "Lamport", "Liskov", "Lovelace", "Shannon", "Thompson", "Turing", "Wirth",
];
const PLANS: [&str; 3] = ["free", "premium-monthly", "premium-yearly"];
const LANGUAGES: [&str; 6] = ["en-GB", "en-US", "de-DE", "fr-FR", "pt-BR", "ja-JP"];
const TAGS: [&str; 8] = [
    "beginner",
    "advanced",
    "trial",
    "newsletter",
    "mentor",
    "inactive",
    "beta",
    "school",
];

/// Records of about so many bytes.
pub(crate) fn records(
    rng: &mut Rng,
    count: usize,
    bytes: Range<usize>,
) -> Result<Vec<Vec<u8>>, Failure> {
    (0..count).map(|_| record(rng, bytes.clone())).collect()
}

fn record(rng: &mut Rng, bytes: Range<usize>) -> Result<Vec<u8>, Failure> {
    let wanted = rng.usize(bytes);
    let mut learner = learner(rng);
    loop {
        let record = rmp_serde::to_vec_named(&learner)?;
        let missing = wanted.saturating_sub(record.len());
        match missing {
            0..40 => return Ok(record),
            40..120 => learner.note.push_str(&prose::sentences(rng, missing)),
            _ => learner.progress.push(progress(rng)),
        }
    }
}

fn learner(rng: &mut Rng) -> Learner {
    let (first, last) = (pick(rng, &FIRST), pick(rng, &LAST));
    let created_at = 1_600_000_000_000 + rng.u64(..150_000_000_000);
    let number = rng.u32(..10_000);
    Learner {
        id: rng.u64(1..50_000_000),
        account: format!("{:016x}-{:08x}", rng.u64(..), rng.u32(..)),
        name: format!("{first} {last}"),
        email: format!("{first}.{last}{number}@example.org").to_lowercase(),
        plan: pick(rng, &PLANS),
        language: pick(rng, &LANGUAGES),
        created_at,
        last_seen_at: created_at + rng.u64(..50_000_000_000),
        progress: Vec::new(),
        tags: (0..rng.usize(..4)).map(|_| pick(rng, &TAGS)).collect(),
        note: String::new(),
    }
}

fn progress(rng: &mut Rng) -> Progress {
    Progress {
        lesson: rng.u32(..2000),
        score: rng.f32(),
        finished: rng.bool(),
    }
}

pub(super) fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}
