//! Texts of invented words, as frequent as words are, some of which often stand together.

use fastrand::Rng;

const VOCABULARY: usize = 6000;

/// So many words can follow a word more often than others.
const COMPANIONS: usize = 8;

/// Syllables of which words are made.
const SYLLABLES: [&str; 40] = [
    "the", "an", "in", "er", "on", "re", "ed", "nd", "ha", "at", "en", "es", "of", "or", "nt",
    "ea", "ti", "to", "it", "st", "io", "le", "is", "ou", "ar", "as", "de", "rt", "ve", "con",
    "pro", "ment", "ing", "ter", "ver", "sti", "lo", "ma", "pe", "un",
];

/// Texts of just so many bytes.
pub(crate) fn texts(rng: &mut Rng, count: usize, bytes: usize) -> Vec<Vec<u8>> {
    let language = Language::new(rng);
    (0..count).map(|_| language.text(rng, bytes)).collect()
}

/// Some sentences.
pub(crate) fn sentences(rng: &mut Rng, bytes: usize) -> String {
    let text = Language::new(&mut Rng::with_seed(7)).text(rng, bytes);
    String::from_utf8_lossy(&text).into_owned()
}

struct Language {
    words: Vec<String>,
    companions: Vec<[usize; COMPANIONS]>,
}

impl Language {
    fn new(rng: &mut Rng) -> Self {
        let word = |rng: &mut Rng| -> String {
            let syllables = 1 + rng.usize(..2) + rng.usize(..2);
            (0..syllables)
                .map(|_| SYLLABLES[rng.usize(..SYLLABLES.len())])
                .collect()
        };
        let words = (0..VOCABULARY).map(|_| word(rng)).collect();
        let companions = (0..VOCABULARY).map(|_| [(); COMPANIONS].map(|()| frequent(rng)));
        Self {
            words,
            companions: companions.collect(),
        }
    }

    fn text(&self, rng: &mut Rng, bytes: usize) -> Vec<u8> {
        let mut text = String::with_capacity(bytes + 32);
        let (mut word, mut left) = (frequent(rng), 0);
        while text.len() < bytes {
            if left == 0 {
                left = rng.usize(5..22);
                text.push_str(if text.is_empty() { "" } else { ". " });
                let (first, rest) = self.words[word].split_at(1);
                text.push_str(&first.to_uppercase());
                text.push_str(rest);
            } else {
                text.push_str(if rng.usize(..14) == 0 { ", " } else { " " });
                text.push_str(&self.words[word]);
            }
            left -= 1;
            word = match rng.usize(..5) {
                0 | 1 => frequent(rng),
                _ => self.companions[word][rng.usize(..COMPANIONS)],
            };
        }
        let mut text = text.into_bytes();
        text.truncate(bytes);
        text
    }
}

/// A word; word n about 1/n as often as the first.
fn frequent(rng: &mut Rng) -> usize {
    let word = (VOCABULARY as f64).powf(rng.f64()) - 1.0;
    word as usize % VOCABULARY
}
