//! A namespace whose keys are followed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_cache_core::{MissReason, Origin};

use super::book::{Book, Read, Touched};
use super::counts::Counted;
use super::ledger::Ledger;
use super::room::Room;
use super::striped::{Striped, mix};
use super::time::{Elapsed, Time};
use crate::key_hash::{KeyHash, SpaceSeed};

/// Once in so many hits of a followed key, less one, the clock is read; at its first ones
/// each time.
const OFTEN: u64 = 15;

/// Once in so many hits, less one, a followed key comes to the book; among its first ones
/// more often.
const SOMETIMES: u64 = 63;

/// After so many half-lives no count is left.
const MOST_HALVINGS: usize = 64;

/// The hot path counts in the ledger; everything else is in the book, behind a lock.
#[derive(Debug)]
pub(crate) struct Followed {
    seed: SpaceSeed,
    ledger: Ledger,
    /// Hits in L1 of keys that are not followed.
    unfollowed: Box<Striped>,
    /// One of so many of them is looked at, less one.
    interval_mask: AtomicU64,
    /// Keys whose hash is at most this are of the panel.
    panel_limit: AtomicU64,
    room: Room,
    book: Box<Mutex<Halved>>,
}

/// The book, and how the counts were halved so far.
#[derive(Debug)]
pub(crate) struct Halved {
    pub(crate) book: Book,
    half_life: Duration,
    last: Elapsed,
    /// How many seconds of full weight the counts before that stand for.
    weight: f64,
}

impl Followed {
    pub(crate) fn new(seed: SpaceSeed, room: Room, half_life: Duration, now: Elapsed) -> Self {
        let book = Book::new(&room, seed.hash("").0);
        Self {
            seed,
            ledger: Ledger::new(room.slots),
            unfollowed: Box::default(),
            interval_mask: AtomicU64::new(0),
            panel_limit: AtomicU64::new(u64::MAX),
            room,
            book: Box::new(Mutex::new(Halved {
                book,
                half_life,
                last: now,
                weight: 0.0,
            })),
        }
    }

    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn hash(&self, key: &str) -> KeyHash {
        self.seed.hash(key)
    }

    /// L1 answered so many reads, of which this is one.
    #[inline]
    pub(crate) fn hit_in_l1(&self, key: &str, hash: KeyHash, hits: u64, time: &Time) {
        match self.ledger.count(hash, hits, time.last_tick()) {
            Some(count) if count > OFTEN && !crosses(OFTEN, count, hits) => {}
            Some(count) => self.hit_again((key, hash), count, hits, time),
            None => self.hit_unfollowed(key, hash, hits, time),
        }
    }

    /// The backend answered a read.
    pub(crate) fn hit_in_l2(&self, key: &str, what: Counted, now: Elapsed) {
        self.read(self.touched(key, now), Read::Slow(what));
    }

    /// No tier answered a read.
    pub(crate) fn missed(&self, key: &str, reason: MissReason, now: Elapsed) {
        let touched = self.touched(key, now);
        self.read(touched, Read::Slow(Counted::miss(reason)));
        self.lock(now).book.lost(touched, reason);
    }

    pub(crate) fn noted(&self, key: &str, what: Counted, now: Elapsed) {
        let touched = self.touched(key, now);
        self.lock(now).book.noted(&self.ledger, touched, what);
    }

    pub(crate) fn stored(&self, key: &str, value: (usize, u64, Origin), now: Elapsed) {
        let touched = self.touched(key, now);
        let mut halved = self.lock(now);
        halved.book.stored(&self.ledger, touched, value);
        self.publish_limit(&halved.book);
    }

    pub(crate) fn deleted(&self, key: &str, now: Elapsed) {
        let touched = self.touched(key, now);
        self.lock(now).book.deleted(&self.ledger, touched);
    }

    /// The book with all that the ledger has counted.
    pub(crate) fn settled(&self, now: Elapsed) -> MutexGuard<'_, Halved> {
        let mut halved = self.lock(now);
        halved.book.settle_all(&self.ledger);
        halved
    }

    /// The book as it is.
    pub(crate) fn lock(&self, now: Elapsed) -> MutexGuard<'_, Halved> {
        let mut halved = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        halved.halve(&self.ledger, now);
        halved
    }

    /// All hits in L1, given what the settled book has of them.
    pub(crate) fn l1_hits(&self, book: &Book) -> u64 {
        book.l1_hits + self.unfollowed.sum()
    }

    fn touched<'k>(&self, key: &'k str, now: Elapsed) -> Touched<'k> {
        let hash = self.seed.hash(key);
        Touched { key, hash, now }
    }

    #[inline(never)]
    fn hit_again(&self, (key, hash): (&str, KeyHash), count: u64, hits: u64, time: &Time) {
        let now = time.now();
        if crosses(SOMETIMES, count, hits) || count.is_power_of_two() {
            let touched = Touched { key, hash, now };
            self.lock(now).book.hit_again(&self.ledger, touched);
        }
        if let Some(slot) = self.ledger.find(hash) {
            self.ledger.stamp(slot, now.tick());
        }
    }

    #[inline(never)]
    fn hit_unfollowed(&self, key: &str, hash: KeyHash, hits: u64, time: &Time) {
        let touched = |now| Touched { key, hash, now };
        if hash.0 <= self.panel_limit.load(Ordering::Relaxed) {
            self.unfollowed.count(hits - 1);
            return self.read(touched(time.now()), Read::L1Missed);
        }
        let number = self.unfollowed.count(hits);
        let mask = self.interval_mask.load(Ordering::Relaxed);
        if mix(number) & mask == 0 {
            self.sample(touched(time.now()), (mask + 1) * hits);
        }
    }

    #[cold]
    fn sample(&self, touched: Touched<'_>, interval: u64) {
        let mut halved = self.lock(touched.now);
        let book = &mut halved.book;
        book.read(&self.ledger, touched, Read::L1Sampled(interval));
        book.pace.looked(touched.now.millis());
        let mask = book.pace.interval() - 1;
        self.interval_mask.store(mask, Ordering::Relaxed);
    }

    #[cold]
    fn read(&self, touched: Touched<'_>, read: Read) {
        let mut halved = self.lock(touched.now);
        halved.book.read(&self.ledger, touched, read);
        self.publish_limit(&halved.book);
    }

    fn publish_limit(&self, book: &Book) {
        self.panel_limit
            .store(book.panel.limit(), Ordering::Relaxed);
    }
}

/// Whether a count has passed a multiple of one more than the mask with these hits.
#[inline]
const fn crosses(mask: u64, count: u64, hits: u64) -> bool {
    count & !mask != count.wrapping_sub(hits) & !mask
}

impl Halved {
    /// Over how many seconds the counts were made, those that weigh less for less.
    pub(crate) fn seconds(&self, now: Elapsed) -> f64 {
        self.weight + (now.seconds() - self.last.seconds()).max(0.0)
    }

    fn halve(&mut self, ledger: &Ledger, now: Elapsed) {
        if self.half_life.is_zero() {
            return;
        }
        for _ in 0..MOST_HALVINGS {
            let next = self.last.after(self.half_life);
            if now < next {
                return;
            }
            self.weight = self.seconds(next) / 2.0;
            self.last = next;
            self.book.halve(ledger);
        }
        // Nothing is left of what was counted.
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use larder_testkit::ManualClock;

    use super::*;

    /// Keys that all fall into one bucket of the ledger.
    fn colliding(followed: &Followed, count: usize) -> Vec<String> {
        let bucket = |key: &String| followed.hash(key).0 % (8192 / Ledger::WAYS as u64) == 5;
        let all = (0..).map(|number| format!("a:{number}"));
        all.filter(bucket).take(count).collect()
    }

    #[test]
    fn keys_of_one_bucket_are_all_counted() {
        let time = Time::new(ManualClock::new());
        let hour = Duration::from_secs(3600);
        let room = Room::within(512 << 10);
        let followed = Followed::new(SpaceSeed::of("users"), room, hour, time.now());
        let keys = colliding(&followed, 2000);
        let mut reads = 0;
        for round in 0..100 {
            for (rank, key) in keys.iter().enumerate() {
                if rank < 5 || round * 37 % 50 == rank % 50 {
                    followed.hit_in_l1(key, followed.hash(key), 1, &time);
                    reads += 1;
                }
            }
        }
        let halved = followed.settled(time.now());
        assert_eq!(followed.l1_hits(&halved.book), reads);
        assert_eq!(halved.book.panel.limit(), u64::MAX / 2);
        let in_panel = halved.book.panel.members().count();
        assert!((900..1024).contains(&in_panel), "{in_panel}");
    }
}
