//! What is counted of a namespace.

use std::collections::BTreeSet;

/// So many namespaces are told apart; those above share the last row.
const MOST_SPACES: usize = 256;

/// What an entry is thought to weigh before one was seen.
const TYPICAL_BYTES: f32 = 512.0;

/// The misses of one size, each in proportion to the keys it stands for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Misses {
    /// Of this size.
    pub(super) here: u64,
    /// Of the next smaller size, by the keys that this one follows.
    pub(super) below: u64,
}

/// What is counted of a namespace.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) misses: Box<[Misses]>,
    mean_bytes: f32,
}

impl Row {
    pub(super) fn new(sizes: usize) -> Self {
        Self {
            misses: vec![Misses::default(); sizes].into(),
            mean_bytes: TYPICAL_BYTES,
        }
    }

    /// An entry of the namespace was weighed.
    pub(super) fn weighed(&mut self, bytes: u32) {
        self.mean_bytes += (bytes as f32 - self.mean_bytes) / 64.0;
    }

    pub(super) fn mean_bytes(&self) -> u32 {
        self.mean_bytes as u32
    }
}

/// The rows of all namespaces.
#[derive(Debug)]
pub(super) struct Counts {
    rows: Vec<Row>,
    sizes: usize,
}

impl Counts {
    pub(super) const fn new(sizes: usize) -> Self {
        Self {
            rows: Vec::new(),
            sizes,
        }
    }

    /// The most bytes that the rows take.
    pub(super) const fn most_bytes(sizes: usize) -> usize {
        MOST_SPACES * (size_of::<Row>() + sizes * size_of::<Misses>())
    }

    pub(super) fn row(&mut self, space: u32) -> &mut Row {
        let at = place(space);
        if at >= self.rows.len() {
            self.rows.reserve_exact(at + 1 - self.rows.len());
            self.rows.resize_with(at + 1, || Row::new(self.sizes));
        }
        &mut self.rows[at]
    }

    pub(super) fn get(&self, space: u32) -> Option<&Row> {
        self.rows.get(place(space))
    }

    /// The rows of these namespaces, each once.
    pub(super) fn of(&self, spaces: impl Iterator<Item = u32>) -> impl Iterator<Item = &Row> {
        let places: BTreeSet<usize> = spaces.map(place).collect();
        places.into_iter().filter_map(|at| self.rows.get(at))
    }

    pub(super) fn restart(&mut self) {
        for misses in self.rows.iter_mut().flat_map(|row| row.misses.iter_mut()) {
            *misses = Misses::default();
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.rows.len() * (size_of::<Row>() + self.sizes * size_of::<Misses>())
    }
}

/// Whether a namespace has a row of its own.
pub(super) const fn is_told_apart(space: u32) -> bool {
    (space as usize) < MOST_SPACES - 1
}

const fn place(space: u32) -> usize {
    if is_told_apart(space) {
        space as usize
    } else {
        MOST_SPACES - 1
    }
}
