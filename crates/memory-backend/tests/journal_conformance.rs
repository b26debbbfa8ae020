//! The suite that every journal passes, in real time and in a test's.

use std::sync::Arc;

use larder_memory_backend::{MemoryJournal, MemoryJournalOptions};
use larder_testkit::journal::Subject;
use larder_testkit::{ManualClock, journal_tests};

const SMALL: usize = 10;

async fn real_time() -> Subject {
    subject(MemoryJournalOptions::default())
}

async fn manual_time() -> Subject {
    let clock = ManualClock::new();
    let options = MemoryJournalOptions::default().clock(clock.clone());
    subject(options).clock(clock)
}

fn subject(options: MemoryJournalOptions) -> Subject {
    let small = options.clone().capacity(SMALL as u64);
    Subject::new(Arc::new(MemoryJournal::new(options)))
        .small(Arc::new(MemoryJournal::new(small)), SMALL)
}

journal_tests!(memory, real_time);
journal_tests!(memory_by_manual_clock, manual_time);
