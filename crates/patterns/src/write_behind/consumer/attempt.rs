//! How a batch is divided when it fails, and when the database is taken to be down.

use std::collections::VecDeque;

use super::window::Window;

/// So many parts of a batch may fail before one succeeds, until the database is taken to be
/// down; after an earlier failure; and in a row once it took something.
const FAILURES_BEFORE_LIFE: u32 = 8;
const FAILURES_AFTER_FAILURE: u32 = 2;
const FAILURES_AFTER_LIFE: u32 = 64;

/// An attempt to write a batch: its parts, and what is known of the database.
pub(super) struct Attempt {
    parts: VecDeque<Vec<String>>,
    keys: usize,
    lives: bool,
    failed: u32,
    failures_allowed: u32,
    /// Single writes that failed where the database may be to blame, and why.
    pub(super) doubtful: Vec<(String, String)>,
}

impl Attempt {
    /// After a failure a single write goes first, each time another one, to see whether the
    /// database is back. A write that may have ended its consumers goes alone, after the others.
    pub(super) fn new(keys: Vec<String>, window: &Window, earlier_failures: u32) -> Self {
        let count = keys.len();
        let is_suspect = |key: &String| window.get(key).is_some_and(|it| it.is_suspect());
        let (suspects, mut others): (Vec<_>, Vec<_>) = keys.into_iter().partition(is_suspect);
        let mut parts = VecDeque::new();
        if earlier_failures > 0 && others.len() > 1 {
            let turn = usize::try_from(earlier_failures).unwrap_or(0) % others.len();
            parts.push_back(vec![others.swap_remove(turn)]);
        }
        if !others.is_empty() {
            parts.push_back(others);
        }
        parts.extend(suspects.into_iter().map(|key| vec![key]));
        Self {
            parts,
            keys: count,
            lives: false,
            failed: 0,
            failures_allowed: match earlier_failures {
                0 => FAILURES_BEFORE_LIFE,
                _ => FAILURES_AFTER_FAILURE,
            },
            doubtful: Vec::new(),
        }
    }

    /// What to write next; `None`: all was tried, or the database is taken to be down.
    pub(super) fn next(&mut self) -> Option<Vec<String>> {
        match self.gave_up() {
            true => None,
            false => self.parts.pop_front(),
        }
    }

    /// Whether the database took anything.
    pub(super) fn lives(&self) -> bool {
        self.lives
    }

    /// Whether nothing can be said of the database but that it did not take this one write.
    pub(super) fn is_lone(&self) -> bool {
        self.keys == 1 && !self.lives
    }

    /// Whether the database is taken to be down.
    pub(super) fn gave_up(&self) -> bool {
        self.failed >= self.failures_allowed
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    pub(super) fn succeeded(&mut self) {
        (self.lives, self.failed) = (true, 0);
        self.failures_allowed = FAILURES_AFTER_LIFE;
    }

    /// These are to be tried again at once.
    pub(super) fn again(&mut self, keys: Vec<String>) {
        self.parts.push_front(keys);
    }

    /// A part failed: its halves are tried behind the others. A single key is returned.
    pub(super) fn failed(&mut self, mut keys: Vec<String>) -> Option<String> {
        self.failed += 1;
        if keys.len() < 2 {
            return keys.pop();
        }
        let other_half = keys.split_off(keys.len() / 2);
        self.parts.extend([keys, other_half]);
        None
    }
}
