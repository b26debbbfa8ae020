//! What is known of a namespace's keys, behind one lock.

use larder_cache_core::{MissReason, Origin};

use super::counts::Counted;
use super::ledger::{Ledger, Slot};
use super::life::{End, Record};
use super::pace::Pace;
use super::panel::Panel;
use super::room::Room;
use super::shapes::{Moves, Shapes};
use super::striped::mix;
use super::texts::Texts;
use super::time::{Elapsed, millis_of_tick};
use crate::key_hash::KeyHash;

/// Everything but the counters of the ledger.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) notes: Box<[Note]>,
    pub(crate) texts: Texts,
    pub(crate) panel: Panel,
    pub(crate) shapes: Shapes,
    pub(crate) pace: Pace,
    /// Hits in L1 of followed keys that were taken from the ledger.
    pub(crate) l1_hits: u64,
    random: u64,
}

/// What is known of the key in a slot of the ledger besides its count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Note {
    /// So much of the count is in the sums already.
    settled: u64,
    /// So much of the count was taken over from another key and stands for reads that were
    /// not seen.
    pub(crate) unseen: u32,
    pub(crate) shape: u16,
    hold: Hold,
}

/// How many keys of the panel are given a place in a bucket of the ledger.
const MOST_FIRM: usize = Ledger::WAYS - 2;

/// Whether another key may take a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hold {
    #[default]
    Loose,
    /// Its key is of the panel.
    Firm,
}

/// A key, and when something happens to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Touched<'k> {
    pub(crate) key: &'k str,
    pub(crate) hash: KeyHash,
    pub(crate) now: Elapsed,
}

/// A read that comes to the book.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Read {
    /// A hit in L1 of a key that is not followed, one of so many.
    L1Sampled(u64),
    /// A hit in L1 of a key of the panel that has no slot.
    L1Missed,
    /// A hit in the backend, or a miss.
    Slow(Counted),
}

impl Book {
    pub(crate) const SLOT_BYTES: usize = size_of::<Note>() + Texts::SLOT_BYTES;

    pub(crate) fn new(room: &Room, seed: u64) -> Self {
        Self {
            notes: vec![Note::default(); room.slots].into(),
            texts: Texts::new(room.slots, room.texts),
            panel: Panel::new(room.panel),
            shapes: Shapes::new(),
            pace: Pace::new(),
            l1_hits: 0,
            random: seed,
        }
    }

    /// A key was read.
    pub(crate) fn read(&mut self, ledger: &Ledger, touched: Touched<'_>, read: Read) {
        let slot = ledger.find(touched.hash);
        if let Some(slot) = slot {
            self.settle(ledger, slot, Some(touched.hash));
        }
        let shape = self.shape_at(ledger, slot, touched);
        let (what, times) = match read {
            Read::L1Sampled(interval) => (Counted::L1Hit, interval),
            Read::L1Missed => (Counted::L1Hit, 1),
            Read::Slow(what) => (what, 1),
        };
        self.count(shape, what, times, touched.now);
        if matches!(read, Read::L1Missed) {
            self.l1_hits += 1;
        }
        if let Some(slot) = slot {
            ledger.count(touched.hash, 1, touched.now.tick());
            self.notes[slot.index()].settled += 1;
            self.keep_text(ledger, slot, touched.key);
        }
        if self.panel.wants(touched.hash) {
            self.read_member(touched, shape, what);
            self.hold(ledger, touched, shape);
        } else if slot.is_none() {
            self.admit(ledger, touched, shape, times);
        }
    }

    /// A value is about to be stored.
    pub(crate) fn stored(
        &mut self,
        ledger: &Ledger,
        touched: Touched<'_>,
        (bytes, digest, origin): (usize, u64, Origin),
    ) {
        let slot = ledger.find(touched.hash);
        if let Some(slot) = slot {
            self.settle(ledger, slot, Some(touched.hash));
        }
        let number = self.shape_at(ledger, slot, touched);
        let now = touched.now.millis();
        if let Some(shape) = self.shapes.get_mut(number) {
            shape.counts.add(Counted::of(origin), 1);
            shape.values.sizes.record(bytes as u64);
        }
        if !self.panel.wants(touched.hash) {
            return;
        }
        self.enroll(ledger, touched, number);
        let Some((member, lives)) = self.panel.member(touched.hash) else {
            return;
        };
        let record = &mut member.record;
        match origin {
            Origin::Written => record.written = record.written.saturating_add(1),
            Origin::Loaded => record.loaded = record.loaded.saturating_add(1),
        }
        record.end(End::by(origin), now, lives);
        let change = record.stored(digest, bytes, now);
        if let (Some((interval, has_changed)), Some(shape)) = (change, self.shapes.get_mut(number))
        {
            let interval = std::time::Duration::from_millis(interval);
            shape.values.changes.record(interval, has_changed);
        }
    }

    /// A caller deleted a key.
    pub(crate) fn deleted(&mut self, ledger: &Ledger, touched: Touched<'_>) {
        let slot = ledger.find(touched.hash);
        if let Some(slot) = slot {
            self.settle(ledger, slot, Some(touched.hash));
        }
        let shape = self.shape_at(ledger, slot, touched);
        if let Some(shape) = self.shapes.get_mut(shape) {
            shape.counts.add(Counted::Deleted, 1);
        }
        if let Some((member, lives)) = self.panel.member(touched.hash) {
            member.record.deleted = member.record.deleted.saturating_add(1);
            member.record.end(End::Deleted, touched.now.millis(), lives);
        }
    }

    /// A read of a key found no value, for this reason.
    pub(crate) fn lost(&mut self, touched: Touched<'_>, reason: MissReason) {
        let end = match reason {
            MissReason::NotFound => End::Gone,
            MissReason::Expired => End::Expired,
            MissReason::Invalidated => End::Invalidated,
            _ => return,
        };
        if let Some((member, lives)) = self.panel.member(touched.hash) {
            member.record.end(end, touched.now.millis(), lives);
        }
    }

    /// Something was counted that is no read of its own.
    pub(crate) fn noted(&mut self, ledger: &Ledger, touched: Touched<'_>, what: Counted) {
        let slot = ledger.find(touched.hash);
        let shape = self.shape_at(ledger, slot, touched);
        self.count(shape, what, 1, touched.now);
    }

    /// A followed key was hit in L1 some times more.
    pub(crate) fn hit_again(&mut self, ledger: &Ledger, touched: Touched<'_>) {
        let Some(slot) = ledger.find(touched.hash) else {
            return;
        };
        self.settle(ledger, slot, Some(touched.hash));
        self.keep_text(ledger, slot, touched.key);
    }

    /// Brings the sums up to what the ledger has counted.
    pub(crate) fn settle_all(&mut self, ledger: &Ledger) {
        let slots = self.panel.members();
        let firm: Vec<_> = slots
            .filter_map(|(hash, member)| Some((member.slot?, hash)))
            .collect();
        for (slot, hash) in firm {
            self.settle(ledger, slot, Some(hash));
        }
        for index in 0..self.notes.len() {
            self.settle(ledger, Slot(index as u32), None);
        }
    }

    /// How often a key that is not followed was read at most, as good as certainly.
    pub(crate) fn most_unfollowed(&self, ledger: &Ledger) -> u64 {
        let first = (0..self.notes.len()).step_by(Ledger::WAYS);
        let buckets = first.map(|index| KeyHash((index / Ledger::WAYS) as u64));
        let most = buckets.map(|bucket| self.most_unfollowed_beside(ledger, bucket));
        most.max().unwrap_or(0)
    }

    /// How often a key that is not followed was read at most, as good as certainly: the
    /// weakest of its bucket would have made room for it.
    pub(crate) fn most_unfollowed_beside(&self, ledger: &Ledger, hash: KeyHash) -> u64 {
        let weakest = self.weakest(ledger, hash);
        weakest.map_or(u64::MAX, |slot| {
            3 * (ledger.counted(slot) + self.pace.interval() - 1)
        })
    }

    /// How often the key of a slot was read at most. A key that was let in when the one
    /// before had a count of `unseen` had been refused that often on average, and more than
    /// three times as often once in twenty times.
    pub(crate) fn most_reads(&self, ledger: &Ledger, slot: Slot) -> u64 {
        ledger.counted(slot) + 3 * u64::from(self.notes[slot.index()].unseen)
    }

    /// Hits in L1 that are in the ledger alone.
    pub(crate) fn unsettled(&self, ledger: &Ledger, slot: Slot) -> u64 {
        ledger
            .counted(slot)
            .saturating_sub(self.notes[slot.index()].settled)
    }

    /// Lets all counts of the ledger weigh half.
    pub(crate) fn halve(&mut self, ledger: &Ledger) {
        self.settle_all(ledger);
        for (index, note) in self.notes.iter_mut().enumerate() {
            let half = note.settled / 2;
            ledger.reduce(Slot(index as u32), half);
            note.settled -= half;
            note.unseen /= 2;
        }
        self.texts.halve();
    }

    fn settle(&mut self, ledger: &Ledger, slot: Slot, hash: Option<KeyHash>) {
        let count = ledger.counted(slot);
        let note = &mut self.notes[slot.index()];
        let hits = count.saturating_sub(note.settled);
        if hits == 0 {
            return;
        }
        note.settled = count;
        let number = note.shape;
        let at = millis_of_tick(ledger.last_tick(slot));
        self.l1_hits += hits;
        let member = hash.and_then(|hash| self.panel.member(hash));
        let age = member.and_then(|(member, _)| {
            let at = at.max(member.record.first);
            let at = at.max(member.record.stored_at().unwrap_or(0));
            member.record.read(hits, at)
        });
        if let Some(shape) = self.shapes.get_mut(number) {
            shape.counts.add(Counted::L1Hit, hits);
            shape.last = shape.last.max(at);
            age.into_iter()
                .for_each(|age| shape.values.ages.record(age));
        }
    }

    fn count(&mut self, number: u16, what: Counted, times: u64, now: Elapsed) {
        if let Some(shape) = self.shapes.get_mut(number) {
            shape.counts.add(what, times);
            shape.last = shape.last.max(now.millis());
        }
    }

    /// The shape of a key; what is followed knows its own.
    fn shape_at(&mut self, ledger: &Ledger, slot: Option<Slot>, touched: Touched<'_>) -> u16 {
        if let Some(slot) = slot {
            return self.notes[slot.index()].shape;
        }
        let (number, moves) = self.shapes.number_of(touched.key);
        if let Some(moves) = moves {
            self.move_shapes(ledger, &moves);
        }
        number
    }

    fn move_shapes(&mut self, ledger: &Ledger, moves: &Moves) {
        let moved = |number: u16| moves.get(usize::from(number)).copied().unwrap_or(0);
        for (index, note) in self.notes.iter_mut().enumerate() {
            if ledger.is_taken(Slot(index as u32)) {
                note.shape = moved(note.shape);
            }
        }
        for record in self.panel.records_mut() {
            record.shape = moved(record.shape);
        }
    }

    fn read_member(&mut self, touched: Touched<'_>, shape: u16, what: Counted) {
        let now = touched.now.millis();
        if self.panel.get(touched.hash).is_none() {
            self.panel.insert(touched.hash, Record::new(shape, now));
        }
        let Some((member, _)) = self.panel.member(touched.hash) else {
            return;
        };
        let age = match what {
            Counted::L1Hit | Counted::L2Hit => member.record.read(1, now),
            Counted::L2Absence => {
                member.record.read(1, now);
                None
            }
            _ => {
                member.record.missed(now);
                None
            }
        };
        if let (Some(age), Some(shape)) = (age, self.shapes.get_mut(shape)) {
            shape.values.ages.record(age);
        }
    }

    /// Takes a key into the panel, if it is not in it.
    fn enroll(&mut self, ledger: &Ledger, touched: Touched<'_>, shape: u16) {
        if self.panel.get(touched.hash).is_none() {
            let record = Record::new(shape, touched.now.millis());
            self.panel.insert(touched.hash, record);
            self.shrink_panel(ledger);
        }
    }

    /// Sees to it that the hits in L1 of a key of the panel are counted.
    fn hold(&mut self, ledger: &Ledger, touched: Touched<'_>, shape: u16) {
        self.shrink_panel(ledger);
        let Some(member) = self.panel.get(touched.hash) else {
            return;
        };
        if member.slot.is_some() {
            return;
        }
        let reads = u64::from(member.record.reads);
        let found = ledger.find(touched.hash);
        let slot = found.or_else(|| {
            let is_firm = |slot: &Slot| self.notes[slot.index()].hold == Hold::Firm;
            let firm = ledger.candidates(touched.hash).filter(is_firm).count();
            // Its hits are then counted here, and there is room for keys that are hotter.
            let slot = self.weakest(ledger, touched.hash);
            let slot = slot.filter(|_| firm < MOST_FIRM)?;
            let note = Note {
                shape,
                ..Note::default()
            };
            self.replace(ledger, slot, touched, (reads, note));
            Some(slot)
        });
        if let (Some(slot), Some((member, _))) = (slot, self.panel.member(touched.hash)) {
            member.slot = Some(slot);
            self.notes[slot.index()].hold = Hold::Firm;
        }
    }

    fn shrink_panel(&mut self, ledger: &Ledger) {
        while self.panel.is_full() {
            let leaving = self.panel.upper_half();
            for (slot, hash) in leaving {
                self.settle(ledger, slot, Some(hash));
                self.notes[slot.index()].hold = Hold::Loose;
            }
            self.panel.halve();
        }
    }

    /// Follows a key from now on, perhaps: the more the weakest key of its bucket was read,
    /// the less likely (random admission: Ben Basat, Einziger, Friedman and Kassner,
    /// "Randomized admission policy for efficient top-k and frequency estimation",
    /// INFOCOM 2017). A sampled key has had its share of chance already.
    fn admit(&mut self, ledger: &Ledger, touched: Touched<'_>, shape: u16, interval: u64) {
        let Some(slot) = self.weakest(ledger, touched.hash) else {
            return;
        };
        let least = ledger.counted(slot);
        if self.next_random() % (least + 1) >= interval {
            return;
        }
        let unseen = least.max(interval - 1);
        let note = Note {
            unseen: u32::try_from(unseen).unwrap_or(u32::MAX),
            shape,
            ..Note::default()
        };
        self.replace(ledger, slot, touched, (unseen + 1, note));
    }

    fn replace(
        &mut self,
        ledger: &Ledger,
        slot: Slot,
        touched: Touched<'_>,
        (count, note): (u64, Note),
    ) {
        let before = self.notes[slot.index()];
        let found = ledger.replace(slot, touched.hash, count, touched.now.tick());
        let hits = found.saturating_sub(before.settled);
        self.l1_hits += hits;
        if let Some(shape) = self.shapes.get_mut(before.shape) {
            shape.counts.add(Counted::L1Hit, hits);
        }
        self.notes[slot.index()] = Note {
            settled: count,
            ..note
        };
        self.texts.forget(slot);
        self.keep_text(ledger, slot, touched.key);
    }

    fn keep_text(&mut self, ledger: &Ledger, slot: Slot, key: &str) {
        let count = ledger.counted(slot);
        self.texts
            .keep(slot, key, count, |slot| ledger.counted(slot));
    }

    /// The slot that a key takes if it is followed: a free one, or the one that was read
    /// least; `None`: all are the panel's.
    fn weakest(&self, ledger: &Ledger, hash: KeyHash) -> Option<Slot> {
        let slots = ledger.candidates(hash);
        let loose = slots.filter(|slot| self.notes[slot.index()].hold == Hold::Loose);
        loose.min_by_key(|slot| (ledger.is_taken(*slot), ledger.counted(*slot)))
    }

    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.random) >> 1
    }
}
