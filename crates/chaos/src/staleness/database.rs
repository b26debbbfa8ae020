//! The truth: a tiny database in a file that all processes share, and beside it what was
//! acknowledged when.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::monotonic::Nanos;

/// A version of each key, which only grows, and of each version when its invalidation was
/// acknowledged, as far back as [`REMEMBERED`].
///
/// # Concurrency
/// Anybody reads; of each key one task in one process writes.
#[derive(Debug)]
pub(crate) struct Database {
    file: File,
}

/// Two numbers and what shows that they were read whole.
const CELL_BYTES: usize = 32;
const SEAL: u64 = 0x6C61_7264_6572_2121;

/// So many versions of a key are remembered with their moments.
pub(crate) const REMEMBERED: u64 = 1024;

/// The most windows in which what was acknowledged may be lost.
const WINDOWS: u64 = 64;

/// Before the moments of a key: its version, and the latest that was acknowledged.
const CELLS_PER_KEY: u64 = 2 + REMEMBERED;

/// A cell is read again where somebody was writing it.
const TRIES: u32 = 10_000;

impl Database {
    pub(crate) fn create(path: &Path, keys: u32) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)?;
        let cells = WINDOWS + u64::from(keys) * CELLS_PER_KEY;
        let database = Self { file };
        for cell in 0..cells {
            database.write(cell, [0, 0])?;
        }
        Ok(database)
    }

    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { file })
    }

    /// The version of a key that is committed.
    pub(crate) fn version(&self, key: u32) -> io::Result<u64> {
        Ok(self.read(first_cell(key))?[0])
    }

    pub(crate) fn commit(&self, key: u32, version: u64) -> io::Result<()> {
        self.write(first_cell(key), [version, 0])
    }

    /// Notes that the invalidation of what was before a version was acknowledged.
    pub(crate) fn acknowledge(&self, key: u32, version: u64, at: Nanos) -> io::Result<()> {
        self.write(moment_cell(key, version), [version, at])?;
        self.write(first_cell(key) + 1, [version, at])
    }

    /// The latest version that was acknowledged; 0 where none was.
    pub(crate) fn acknowledged(&self, key: u32) -> io::Result<u64> {
        Ok(self.read(first_cell(key) + 1)?[0])
    }

    /// When a version was acknowledged; `None` where it was not, or too long ago.
    pub(crate) fn moment(&self, key: u32, version: u64) -> io::Result<Option<Nanos>> {
        let [found, at] = self.read(moment_cell(key, version))?;
        Ok((found == version && version > 0).then_some(at))
    }

    /// Says that what is acknowledged in this time may be lost. The window with the same
    /// number is replaced.
    pub(crate) fn excuse(&self, number: usize, from: Nanos, to: Nanos) -> io::Result<()> {
        let number = number as u64;
        if number >= WINDOWS {
            return Err(io::Error::other("there are too many windows"));
        }
        self.write(number, [from, to])
    }

    /// Whether what was acknowledged at a moment may be lost.
    pub(crate) fn is_excused(&self, at: Nanos) -> io::Result<bool> {
        for number in 0..WINDOWS {
            let [from, to] = self.read(number)?;
            if (from..to).contains(&at) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn write(&self, cell: u64, [a, b]: [u64; 2]) -> io::Result<()> {
        let mut bytes = [0; CELL_BYTES];
        for (place, number) in bytes.chunks_mut(8).zip([a, b, seal(a, b)]) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        self.file.write_all_at(&bytes, cell * CELL_BYTES as u64)
    }

    fn read(&self, cell: u64) -> io::Result<[u64; 2]> {
        let mut bytes = [0; CELL_BYTES];
        for _ in 0..TRIES {
            self.file
                .read_exact_at(&mut bytes, cell * CELL_BYTES as u64)?;
            let number = |at: usize| {
                let mut number = [0; 8];
                number.copy_from_slice(&bytes[at * 8..][..8]);
                u64::from_le_bytes(number)
            };
            let (a, b) = (number(0), number(1));
            if number(2) == seal(a, b) {
                return Ok([a, b]);
            }
            std::hint::spin_loop();
        }
        Err(io::Error::new(
            ErrorKind::InvalidData,
            format!("cell {cell} of the shared file stays half written"),
        ))
    }
}

fn seal(a: u64, b: u64) -> u64 {
    SEAL ^ a.rotate_left(17) ^ b
}

fn first_cell(key: u32) -> u64 {
    WINDOWS + u64::from(key) * CELLS_PER_KEY
}

fn moment_cell(key: u32, version: u64) -> u64 {
    first_cell(key) + 2 + version % REMEMBERED
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A database of a test, whose file is gone at once.
    pub(in crate::staleness) fn database(keys: u32) -> Database {
        let name = format!("larder-staleness-test-{:x}", fastrand::u128(..));
        let path = std::env::temp_dir().join(name);
        let database = Database::create(&path, keys).expect("a file");
        std::fs::remove_file(path).expect("the file");
        database
    }

    #[test]
    fn keys_do_not_touch_each_other() {
        let database = database(3);
        for key in 0..3 {
            assert_eq!(database.version(key).unwrap(), 0);
            assert_eq!(database.acknowledged(key).unwrap(), 0);
            assert_eq!(database.moment(key, 0).unwrap(), None);
        }
        database.commit(1, 7).unwrap();
        database.acknowledge(1, 7, 70).unwrap();
        assert_eq!(database.version(1).unwrap(), 7);
        assert_eq!(database.acknowledged(1).unwrap(), 7);
        assert_eq!(database.moment(1, 7).unwrap(), Some(70));
        assert_eq!(database.moment(1, 6).unwrap(), None);
        assert_eq!(database.moment(0, 7).unwrap(), None);
        assert_eq!(database.version(2).unwrap(), 0);
    }

    #[test]
    fn what_is_too_old_is_forgotten() {
        let database = database(1);
        database.acknowledge(0, 1, 10).unwrap();
        database.acknowledge(0, 1 + REMEMBERED, 20).unwrap();
        assert_eq!(database.moment(0, 1).unwrap(), None);
        assert_eq!(database.moment(0, 1 + REMEMBERED).unwrap(), Some(20));
    }

    #[test]
    fn only_moments_in_a_window_are_excused() {
        let database = database(1);
        assert!(!database.is_excused(0).unwrap());
        database.excuse(3, 100, 200).unwrap();
        let check = |at, expected| assert_eq!(database.is_excused(at).unwrap(), expected, "{at}");
        check(99, false);
        check(100, true);
        check(199, true);
        check(200, false);
        assert!(database.excuse(1_000, 0, 1).is_err());
    }
}
