//! The choices of one class of size, in one atomic number: what every value reads.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::selector::Content;

/// What a choice is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Without a dictionary.
    Auto,
    /// With one, where that is better.
    Trained,
}

/// A candidate's place for each mode and content; one byte each.
#[derive(Debug)]
pub(crate) struct Choices(AtomicU64);

const UNKNOWN: u8 = u8::MAX;

/// Where each mode's bytes begin.
const fn start(mode: Mode) -> usize {
    match mode {
        Mode::Auto => 0,
        Mode::Trained => Content::COUNT,
    }
}

/// One choice for all, or one for each content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Nothing was learned yet.
    None,
    /// Whatever a value looks like.
    One(usize),
    /// By the look of the value; `None` where nothing was learned.
    ByContent([Option<usize>; Content::COUNT]),
}

impl Default for Choices {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl Choices {
    pub(crate) fn get(&self, mode: Mode) -> Choice {
        let bytes = self.0.load(Ordering::Relaxed).to_le_bytes();
        let places = bytes[start(mode)..].iter().take(Content::COUNT);
        let mut by_content = [None; Content::COUNT];
        for (choice, byte) in by_content.iter_mut().zip(places) {
            *choice = (*byte != UNKNOWN).then_some(usize::from(*byte));
        }
        let mut known = by_content.iter().flatten();
        match known.next() {
            None => Choice::None,
            Some(first) if known.all(|other| other == first) => Choice::One(*first),
            Some(_) => Choice::ByContent(by_content),
        }
    }

    /// Called by one thread at a time.
    pub(crate) fn set(&self, mode: Mode, content: Content, place: Option<usize>) {
        let mut bytes = self.0.load(Ordering::Relaxed).to_le_bytes();
        let place = place.and_then(|place| u8::try_from(place).ok());
        bytes[start(mode) + content as usize] = place.unwrap_or(UNKNOWN);
        self.0.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_one_choice_from_several() {
        let choices = Choices::default();
        assert_eq!(choices.get(Mode::Auto), Choice::None);
        choices.set(Mode::Auto, Content::Text, Some(3));
        assert_eq!(choices.get(Mode::Auto), Choice::One(3));
        choices.set(Mode::Auto, Content::Noise, Some(3));
        assert_eq!(choices.get(Mode::Auto), Choice::One(3));
        choices.set(Mode::Auto, Content::Noise, Some(0));
        let both = Choice::ByContent([Some(3), None, Some(0)]);
        assert_eq!(choices.get(Mode::Auto), both);
        assert_eq!(choices.get(Mode::Trained), Choice::None);
        choices.set(Mode::Trained, Content::Noise, Some(5));
        assert_eq!(choices.get(Mode::Trained), Choice::One(5));
        choices.set(Mode::Trained, Content::Noise, None);
        assert_eq!(choices.get(Mode::Trained), Choice::None);
        assert_eq!(choices.get(Mode::Auto), both);
    }
}
