//! Skewed choices.

use fastrand::Rng;

/// Chooses numbers from 1 such that number n comes up 1/n times as often as number 1:
/// Zipf's law.
#[derive(Debug)]
pub(super) struct Zipf {
    /// For each number, the share of all choices that fall on it or a smaller one.
    shares: Vec<f64>,
}

impl Zipf {
    pub(super) fn new(numbers: u32) -> Self {
        let mut sum = 0.0;
        let sums: Vec<f64> = (1..=numbers)
            .map(|number| {
                sum += 1.0 / f64::from(number);
                sum
            })
            .collect();
        Self {
            shares: sums.into_iter().map(|part| part / sum).collect(),
        }
    }

    pub(super) fn choose(&self, rng: &mut Rng) -> u32 {
        let at = rng.f64();
        let below = self.shares.partition_point(|share| *share <= at);
        u32::try_from(below).map_or(u32::MAX, |below| below + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_come_up_more_often() {
        let (zipf, mut rng) = (Zipf::new(1_000), Rng::with_seed(7));
        let mut counts = [0_u32; 1_001];
        for _ in 0..100_000 {
            counts[zipf.choose(&mut rng) as usize] += 1;
        }
        assert_eq!(counts[0], 0);
        // The shares of 1 and of 10 are 13.4 % and 1.34 %.
        assert!((13_000..13_800).contains(&counts[1]), "{}", counts[1]);
        assert!((1_200..1_500).contains(&counts[10]), "{}", counts[10]);
    }
}
