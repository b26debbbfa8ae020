//! Construction of a memory backend.

use std::sync::Arc;

use larder_cache_core::{Clock, SystemClock};

use crate::backend::MemoryBackend;

/// Makes a [`MemoryBackend`].
#[derive(Clone, Debug)]
pub struct MemoryBackendBuilder {
    max_bytes: u64,
    clock: Option<Arc<dyn Clock>>,
}

impl MemoryBackendBuilder {
    pub(crate) const fn new(max_bytes: u64) -> Self {
        Self {
            max_bytes,
            clock: None,
        }
    }

    /// The clock by which values expire. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The backend, empty.
    #[must_use]
    pub fn build(self) -> MemoryBackend {
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        MemoryBackend::with(self.max_bytes, clock)
    }
}
