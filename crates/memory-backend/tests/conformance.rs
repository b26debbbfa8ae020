//! The suite that every backend passes, in real time and in a test's.

use std::sync::Arc;

use larder_memory_backend::MemoryBackend;
use larder_testkit::conformance::Subject;
use larder_testkit::{ManualClock, conformance_tests};

const ROOM: u64 = 256 << 20;

async fn real_time() -> Subject {
    Subject::new(Arc::new(MemoryBackend::new(ROOM)))
}

async fn manual_time() -> Subject {
    let clock = ManualClock::new();
    let backend = MemoryBackend::builder(ROOM).clock(clock.clone()).build();
    Subject::new(Arc::new(backend)).clock(clock)
}

conformance_tests!(memory, real_time);
conformance_tests!(memory_by_manual_clock, manual_time);
