//! Namespaces by their number, found without a lock.

use std::sync::OnceLock;

/// The first ones are found in one step less.
const FIRST: usize = 32;

const PAGE: usize = 256;
const PAGES: usize = 256;

/// A table of up to 65,536 namespaces that takes room for those that there are.
#[derive(Debug)]
pub(crate) struct Spaces<T> {
    first: [OnceLock<Box<T>>; FIRST],
    pages: Box<[OnceLock<Page<T>>]>,
}

type Page<T> = Box<[OnceLock<Box<T>>]>;

impl<T> Spaces<T> {
    pub(crate) fn new() -> Self {
        Self {
            first: [const { OnceLock::new() }; FIRST],
            pages: (0..PAGES).map(|_| OnceLock::new()).collect(),
        }
    }

    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        let id = id as usize;
        let place = match self.first.get(id) {
            Some(place) => place,
            None => self.pages.get(id / PAGE)?.get()?.get(id % PAGE)?,
        };
        place.get().map(|found| &**found)
    }

    /// The namespace of this number, made where there is none yet; `None`: the number is too
    /// large.
    pub(crate) fn get_or_make(&self, id: u32, make: impl FnOnce() -> T) -> Option<&T> {
        let id = id as usize;
        let place = match self.first.get(id) {
            Some(place) => place,
            None => {
                let page = self.pages.get(id / PAGE)?;
                let page = page.get_or_init(|| (0..PAGE).map(|_| OnceLock::new()).collect());
                page.get(id % PAGE)?
            }
        };
        Some(place.get_or_init(|| Box::new(make())))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.numbered().map(|(_, found)| found)
    }

    /// Those that there are, with their numbers.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u32, &T)> {
        let first = (0..).zip(&self.first);
        let pages = (0..).step_by(PAGE).zip(&self.pages);
        let pages = pages.filter_map(|(from, page)| Some((from..).zip(page.get()?.iter())));
        let places = first.chain(pages.flatten());
        places.filter_map(|(id, place)| Some((id, &**place.get()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_made_once() {
        let spaces = Spaces::new();
        assert_eq!(spaces.get(300), None);
        assert_eq!(spaces.get_or_make(300, || 1), Some(&1));
        assert_eq!(spaces.get_or_make(300, || 2), Some(&1));
        assert_eq!(spaces.get_or_make(0, || 3), Some(&3));
        assert_eq!(spaces.get_or_make(65_536, || 4), None);
        assert_eq!(spaces.iter().copied().collect::<Vec<_>>(), [3, 1]);
    }
}
