//! Names and texts, put together by chance.

use fastrand::Rng;

const FIRST_NAMES: [&str; 12] = [
    "Ada",
    "Alan",
    "Barbara",
    "Carl",
    "Emmy",
    "Grace",
    "Hedy",
    "Ida",
    "John",
    "Katherine",
    "Leonhard",
    "Sofia",
];
const FAMILY_NAMES: [&str; 12] = [
    "Berger", "Castillo", "Dubois", "Eriksen", "Fontana", "Haddad", "Ivanova", "Kimura", "Novak",
    "Okafor", "Rossi", "Tanaka",
];
const SUBJECTS: [&str; 10] = [
    "Algebra",
    "Astronomy",
    "Botany",
    "Chemistry",
    "Geometry",
    "History",
    "Logic",
    "Mechanics",
    "Music",
    "Statistics",
];
const SENTENCES: [&str; 8] = [
    "We begin with what can be seen and only then ask why it is so.",
    "The definition looks arbitrary until you try to do without it.",
    "Take a sheet of paper and work the first case out by hand.",
    "Every later lesson leans on this one, so read it twice.",
    "What happens at the boundary tells more than what happens in the middle.",
    "Compare your result with a neighbour's before you read on.",
    "The exception at the end is not an exception at all.",
    "Now say it in your own words; if you can't, go back one page.",
];
const SENTENCES_PER_BODY: usize = 36;

pub(super) fn name(rng: &mut Rng) -> String {
    format!("{} {}", pick(rng, &FIRST_NAMES), pick(rng, &FAMILY_NAMES))
}

pub(super) fn subject(rng: &mut Rng) -> &'static str {
    pick(rng, &SUBJECTS)
}

/// Some 2 KiB: above the size from which the cache compresses.
pub(super) fn body(rng: &mut Rng) -> String {
    let sentences: Vec<&str> = (0..SENTENCES_PER_BODY)
        .map(|_| pick(rng, &SENTENCES))
        .collect();
    sentences.join(" ")
}

fn pick(rng: &mut Rng, texts: &[&'static str]) -> &'static str {
    texts[rng.usize(..texts.len())]
}
