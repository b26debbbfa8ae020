//! Inputs: the seeds as they are, then all that small damage makes of them, then mutations of
//! them and noise without end. The same seed gives the same inputs.

use fastrand::Rng;

/// Seeds up to this length are cut at every byte and flipped in every bit.
const SHORT: usize = 512;

/// The most mutations of one input.
const MOST_STEPS: usize = 6;

/// Numbers at which lengths and counters go wrong.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    1 << 32,
    u64::MAX >> 1,
    u64::MAX,
];

/// Makes inputs.
#[derive(Debug)]
pub struct Mutator {
    rng: Rng,
    seeds: Vec<Vec<u8>>,
    longest: usize,
    damage: Damage,
    input: Vec<u8>,
}

/// Where the damage of seeds, one after the other, is.
#[derive(Debug, Default)]
struct Damage {
    seed: usize,
    step: usize,
}

impl Mutator {
    /// A mutator of these seeds, and of no bytes at all; no input is longer than `longest`.
    #[must_use]
    pub fn new(seed: u64, mut seeds: Vec<Vec<u8>>, longest: usize) -> Self {
        seeds.insert(0, Vec::new());
        for seed in &mut seeds {
            seed.truncate(longest);
        }
        Self {
            rng: Rng::with_seed(seed),
            seeds,
            longest,
            damage: Damage::default(),
            input: Vec::new(),
        }
    }

    /// How many seeds there are.
    #[must_use]
    pub fn seeds(&self) -> usize {
        self.seeds.len()
    }

    /// The next input.
    pub fn next_input(&mut self) -> &[u8] {
        self.input.clear();
        if !self.damage.next(&self.seeds, &mut self.input) {
            self.invent();
        }
        &self.input
    }

    fn invent(&mut self) {
        if self.rng.u8(..) < 16 {
            let length = self.rng.usize(..=self.longest.min(300));
            self.input.extend((0..length).map(|_| self.rng.u8(..)));
            return;
        }
        let chosen = self.rng.usize(..self.seeds.len());
        self.input.extend_from_slice(&self.seeds[chosen]);
        for _ in 0..self.rng.usize(1..=MOST_STEPS) {
            self.mutate();
        }
        self.input.truncate(self.longest);
    }

    fn mutate(&mut self) {
        match self.rng.u8(..10) {
            0 => self.flip_bit(),
            1 => self.set_byte(),
            2 => self.cut_end(),
            3 => self.cut_out(),
            4 => self.repeat(),
            5 => self.splice(),
            6 | 7 => self.set_number(),
            8 => self.insert_noise(),
            _ => self.swap(),
        }
    }

    fn flip_bit(&mut self) {
        if let Some(at) = self.place() {
            self.input[at] ^= 1 << self.rng.u8(..8);
        }
    }

    fn set_byte(&mut self) {
        if let Some(at) = self.place() {
            self.input[at] = self.rng.u8(..);
        }
    }

    fn cut_end(&mut self) {
        if let Some(at) = self.place() {
            self.input.truncate(at);
        }
    }

    fn cut_out(&mut self) {
        if let Some((from, to)) = self.piece() {
            self.input.drain(from..to);
        }
    }

    /// A piece once more, or many times.
    fn repeat(&mut self) {
        let Some((from, to)) = self.piece() else {
            return;
        };
        let piece = self.input[from..to].to_vec();
        let most = (self.longest / piece.len()).clamp(1, 64);
        let times = if self.rng.bool() {
            1
        } else {
            self.rng.usize(1..=most)
        };
        self.insert(to, &piece.repeat(times));
    }

    /// A piece of another seed.
    fn splice(&mut self) {
        let other = self.rng.usize(..self.seeds.len());
        let length = self.seeds[other].len();
        let from = self.rng.usize(..=length);
        let to = self.rng.usize(from..=length);
        let piece = self.seeds[other][from..to].to_vec();
        let at = self.rng.usize(..=self.input.len());
        self.insert(at, &piece);
    }

    /// A number at which things go wrong, of 1 to 8 bytes, in place of what is there.
    fn set_number(&mut self) {
        let Some(at) = self.place() else {
            return;
        };
        let number = NUMBERS[self.rng.usize(..NUMBERS.len())];
        let width = 1 << self.rng.usize(..4);
        let mut bytes = number.to_le_bytes();
        bytes[..width].reverse();
        if self.rng.bool() {
            bytes[..width].reverse();
        }
        for (byte, new) in self.input[at..].iter_mut().zip(&bytes[..width]) {
            *byte = *new;
        }
    }

    fn insert_noise(&mut self) {
        let at = self.rng.usize(..=self.input.len());
        let noise: Vec<u8> = (0..self.rng.usize(1..=16))
            .map(|_| self.rng.u8(..))
            .collect();
        self.insert(at, &noise);
    }

    fn swap(&mut self) {
        if let (Some(a), Some(b)) = (self.place(), self.place()) {
            self.input.swap(a, b);
        }
    }

    fn insert(&mut self, at: usize, bytes: &[u8]) {
        let room = self.longest.saturating_sub(self.input.len());
        let bytes = &bytes[..bytes.len().min(room)];
        self.input.splice(at..at, bytes.iter().copied());
    }

    fn place(&mut self) -> Option<usize> {
        (!self.input.is_empty()).then(|| self.rng.usize(..self.input.len()))
    }

    fn piece(&mut self) -> Option<(usize, usize)> {
        let from = self.place()?;
        Some((from, self.rng.usize(from + 1..=self.input.len())))
    }
}

impl Damage {
    /// Each seed as it is, cut at every byte, flipped in every bit; whether there was more.
    fn next(&mut self, seeds: &[Vec<u8>], input: &mut Vec<u8>) -> bool {
        while let Some(seed) = seeds.get(self.seed) {
            let (step, cuts) = (self.step, seed.len());
            self.step += 1;
            if step == 0 {
                input.extend_from_slice(seed);
                return true;
            }
            let within = seed.len() <= SHORT && step <= cuts * 9;
            if within && step <= cuts {
                input.extend_from_slice(&seed[..cuts - step]);
                return true;
            }
            if within {
                let bit = step - cuts - 1;
                input.extend_from_slice(seed);
                input[bit / 8] ^= 1 << (bit % 8);
                return true;
            }
            self.seed += 1;
            self.step = 0;
        }
        false
    }
}
