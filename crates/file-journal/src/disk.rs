//! The way to the disk, with a place where a fault test stands in it.

use std::fs::File;
use std::io;
use std::ops::Bound;

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

/// What is about to be done to a file of the journal: for fault tests alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "faults"),
    allow(unreachable_pub, reason = "it is reached with faults")
)]
pub enum DiskOperation {
    /// Bytes are written, or the length is changed.
    Write,
    /// What was written is to reach the disk.
    Sync,
}

/// Asked before each operation; its error is that of the disk. For fault tests alone.
#[cfg(feature = "faults")]
pub type DiskFaults = std::sync::Arc<dyn Fn(DiskOperation) -> io::Result<()> + Send + Sync>;

/// What stands in the way to the disk: nothing, but in a fault test.
#[derive(Clone, Default)]
pub(crate) struct Hook {
    #[cfg(feature = "faults")]
    faults: Option<DiskFaults>,
}

impl Hook {
    #[cfg(feature = "faults")]
    pub(crate) fn of(faults: DiskFaults) -> Self {
        Self {
            faults: Some(faults),
        }
    }

    #[cfg(feature = "faults")]
    pub(crate) fn before(&self, operation: DiskOperation) -> io::Result<()> {
        self.faults
            .as_ref()
            .map_or(Ok(()), |faults| faults(operation))
    }

    #[cfg(not(feature = "faults"))]
    #[allow(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "as with faults"
    )]
    pub(crate) const fn before(&self, _operation: DiskOperation) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook")
    }
}

/// The file of the store.
#[derive(Debug)]
pub(crate) struct Disk {
    file: FileBackend,
    hook: Hook,
}

type Range = (Bound<u64>, Bound<u64>);

impl Disk {
    pub(crate) fn new(file: File, hook: Hook) -> Result<Self, redb::DatabaseError> {
        Ok(Self {
            file: FileBackend::new(file)?,
            hook,
        })
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.hook.before(DiskOperation::Write)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.hook.before(DiskOperation::Sync)?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.hook.before(DiskOperation::Write)?;
        self.file.write(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        let (start, end): Range = (start, end);
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
