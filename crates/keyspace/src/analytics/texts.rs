//! The texts of followed keys, within a budget of bytes.

use super::ledger::Slot;

/// What a text takes besides its bytes: its place in the list, and the allocator's share.
const OVERHEAD: usize = size_of::<Text>() + 16;

/// Of a text that is as long as most are.
const USUAL_BYTES: usize = 24;

/// The texts of those followed keys that are read most, as far as the bytes reach.
#[derive(Debug)]
pub(crate) struct Texts {
    texts: Vec<Text>,
    /// Where in the list the text of a slot is, plus one.
    places: Box<[u16]>,
    bytes: usize,
    most_bytes: usize,
    /// While there is no room, keys that were read no more often get no text.
    floor: u64,
}

#[derive(Debug)]
struct Text {
    slot: Slot,
    text: Box<str>,
}

impl Texts {
    /// The bytes a slot takes that has no text.
    pub(crate) const SLOT_BYTES: usize = 2;

    pub(crate) fn new(slots: usize, most_bytes: usize) -> Self {
        let most = most_bytes / (OVERHEAD + USUAL_BYTES);
        Self {
            texts: Vec::with_capacity(most.min(usize::from(u16::MAX) - 1)),
            places: vec![0; slots].into(),
            bytes: 0,
            most_bytes,
            floor: 0,
        }
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&str> {
        self.texts.get(self.place(slot)?).map(|text| &*text.text)
    }

    /// Keeps the text of a key that was read so often, if there is room for it; `counted`
    /// says it of the others.
    pub(crate) fn keep(
        &mut self,
        slot: Slot,
        key: &str,
        count: u64,
        counted: impl Fn(Slot) -> u64,
    ) {
        let bytes = key.len() + OVERHEAD;
        let is_refused = count <= self.floor && !self.has_room(bytes);
        if is_refused || self.place(slot).is_some() {
            return;
        }
        if !self.has_room(bytes) {
            self.make_room(count, &counted);
        }
        if self.has_room(bytes) {
            self.bytes += bytes;
            let text = key.into();
            self.texts.push(Text { slot, text });
            self.places[slot.index()] = self.texts.len() as u16;
        }
    }

    pub(crate) fn forget(&mut self, slot: Slot) {
        let Some(place) = self.place(slot) else {
            return;
        };
        let gone = self.texts.swap_remove(place);
        self.places[slot.index()] = 0;
        self.bytes -= gone.text.len() + OVERHEAD;
        if let Some(moved) = self.texts.get(place) {
            self.places[moved.slot.index()] = place as u16 + 1;
        }
    }

    /// Counts were halved.
    pub(crate) fn halve(&mut self) {
        self.floor /= 2;
    }

    /// Drops the texts of the half that is read less; of keys that are all read alike one,
    /// if it is read less than the one that is to come.
    fn make_room(&mut self, count: u64, counted: &impl Fn(Slot) -> u64) {
        let ranked = self
            .texts
            .iter()
            .map(|text| (counted(text.slot), text.slot));
        let mut ranked: Vec<(u64, Slot)> = ranked.collect();
        ranked.sort_unstable_by_key(|(count, _)| *count);
        let Some((median, _)) = ranked.get(ranked.len() / 2).copied() else {
            return;
        };
        let below = ranked.partition_point(|(count, _)| *count < median);
        let (weakest, _) = ranked[0];
        let goes = if below == 0 {
            usize::from(weakest < count)
        } else {
            below
        };
        for (_, slot) in ranked.into_iter().take(goes) {
            self.forget(slot);
        }
        self.floor = if goes == 0 { weakest } else { 0 };
    }

    fn place(&self, slot: Slot) -> Option<usize> {
        usize::from(self.places[slot.index()]).checked_sub(1)
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.bytes + bytes <= self.most_bytes && self.texts.len() < self.texts.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_read_keep_their_text() {
        let mut texts = Texts::new(5000, 100 * (OVERHEAD + 1000));
        let key = "x".repeat(1000);
        let counted = |slot: Slot| u64::from(slot.0);
        for number in 0..5000 {
            texts.keep(Slot(number), &key, u64::from(number), counted);
            assert!(texts.bytes <= 100 * (OVERHEAD + 1000));
        }
        assert!((4960..5000).all(|number| texts.get(Slot(number)).is_some()));
        texts.forget(Slot(4990));
        assert_eq!(texts.get(Slot(4990)), None);
        assert!(texts.get(Slot(4999)).is_some());
    }

    #[test]
    fn where_all_are_read_alike_the_bytes_hold() {
        let mut texts = Texts::new(50, 10 * (OVERHEAD + USUAL_BYTES));
        for number in 0..50 {
            texts.keep(Slot(number), "key", 1, |_| 1);
        }
        assert_eq!(texts.texts.len(), 10);
        texts.keep(Slot(49), "key", 2, |_| 1);
        assert!(texts.get(Slot(49)).is_some());
    }
}
