//! A look at a value, of some hundred nanoseconds: how probable it is that it can be compressed.

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Content {
    /// Few bytes make up most of it, as in text and JSON.
    Text = 0,
    /// Many different bytes, as in binary formats and Base64.
    Dense = 1,
    /// All bytes are about as frequent, as in what is compressed or encrypted already.
    Noise = 2,
}

impl Content {
    pub(crate) const COUNT: usize = 3;
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::Text, Self::Dense, Self::Noise];
}

/// So many bytes are looked at, in stripes over the whole value.
const LOOKED_AT: usize = 512;
const STRIPE: usize = 64;

/// How probable it is that two bytes of the value are the same, at most, of each content. It is
/// 1/256 in noise, 1/64 in Base64 of noise, and about 1/15 in English text.
const NOISE: f64 = 0.0065;
const DENSE: f64 = 0.022;

/// Looks at a value.
pub(crate) fn probe(plain: &[u8]) -> Content {
    let mut counts = [0_u32; 256];
    let step = (plain.len() / (LOOKED_AT / STRIPE)).max(STRIPE);
    let mut looked_at = 0_u32;
    for stripe in plain.chunks(step) {
        for byte in &stripe[..stripe.len().min(STRIPE)] {
            counts[usize::from(*byte)] += 1;
            looked_at += 1;
        }
    }
    let same: u64 = counts
        .iter()
        .map(|c| u64::from(*c) * u64::from(c.saturating_sub(1)))
        .sum();
    let pairs = f64::from(looked_at) * f64::from(looked_at.saturating_sub(1));
    let probability = same as f64 / pairs.max(1.0);
    match probability {
        p if p < NOISE => Content::Noise,
        p if p < DENSE => Content::Dense,
        _ => Content::Text,
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    #[test]
    fn tells_text_from_noise_at_any_size() {
        let mut rng = Rng::with_seed(7);
        for bytes in [200, 513, 1000, 4096, 65_537, 1 << 20] {
            let noise: Vec<u8> = (0..bytes).map(|_| rng.u8(..)).collect();
            assert_eq!(probe(&noise), Content::Noise, "{bytes}");
            let letters: Vec<u8> = (0..bytes)
                .map(|_| {
                    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                        [rng.usize(..64)]
                })
                .collect();
            assert_eq!(probe(&letters), Content::Dense, "{bytes}");
            let text = "the learner has read another chapter of the book ".repeat(bytes / 49 + 1);
            assert_eq!(probe(&text.as_bytes()[..bytes]), Content::Text, "{bytes}");
        }
    }

    #[test]
    fn takes_any_length() {
        for bytes in 0..200 {
            assert_ne!(probe(&vec![1; bytes]), Content::Dense, "{bytes}");
        }
    }
}
