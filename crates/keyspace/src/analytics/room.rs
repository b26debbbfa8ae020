//! How the memory of a namespace is divided.

use super::book::Book;
use super::followed::Followed;
use super::ledger::Ledger;
use super::panel::Panel;
use super::shapes::Shapes;

const LEAST_BYTES: usize = 128 << 10;

/// How many keys there is room for, and for how much text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Keys that the ledger follows, a power of two.
    pub(crate) slots: usize,
    /// Keys of the panel, a power of two.
    pub(crate) panel: usize,
    /// Bytes of the texts of keys.
    pub(crate) texts: usize,
}

impl Room {
    pub(crate) fn within(bytes: usize) -> Self {
        let bytes = bytes.max(LEAST_BYTES) - Shapes::MOST_BYTES - size_of::<Followed>();
        let slots = power_of_two_within(bytes * 6 / 10 / SLOT_BYTES);
        let panel = power_of_two_within(bytes * 3 / 10 / Panel::MEMBER_BYTES);
        let mut room = Self {
            slots,
            panel,
            texts: 0,
        };
        // The rest, but for what is in use for a moment.
        room.texts = bytes.saturating_sub(room.bytes_of_tables()) * 8 / 10;
        room
    }

    /// The most bytes it all takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes_of_tables() + self.texts + Shapes::MOST_BYTES + size_of::<Followed>()
    }

    fn bytes_of_tables(&self) -> usize {
        self.slots * SLOT_BYTES + self.panel * Panel::MEMBER_BYTES
    }
}

const SLOT_BYTES: usize = Ledger::SLOT_BYTES + Book::SLOT_BYTES;

fn power_of_two_within(most: usize) -> usize {
    1 << most.max(64).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_within_the_whole() {
        for bytes in [128 << 10, 200_000, 512 << 10, 1 << 20, 8 << 20] {
            let room = Room::within(bytes);
            assert!(room.bytes() <= bytes, "{bytes}: {room:?} {}", room.bytes());
            assert!(room.texts > bytes / 20, "{bytes}: {room:?}");
        }
        let usual = Room::within(512 << 10);
        assert_eq!((usual.slots, usual.panel), (8192, 1024), "{usual:?}");
    }
}
