//! The log: changes that the store does not hold for good yet, one frame for each group.
//!
//! A header says whose file it is. Behind it come frames, each a length, a generation, a checksum
//! and the changes. A checkpoint of the store begins the next generation at the front of the
//! file; what is behind its last frame is of an older generation, or torn, and is not read.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use larder_cache_core::Result;
use xxhash_rust::xxh3::xxh3_64;

use crate::change::Change;
use crate::codec::{Input, Output};
use crate::disk::{DiskOperation, Hook};
use crate::failure::{unreadable, unusable};

const MAGIC: &[u8; 16] = b"larder-journal\r\n";

const VERSION: u32 = 1;

/// Magic, version, shards, and a checksum of both.
const HEADER_BYTES: u64 = 32;

/// Length, generation, checksum.
const FRAME_BYTES: usize = 24;

/// A log that has grown beyond this is cut at its next checkpoint.
const LONGEST_KEPT: u64 = 64 << 20;

/// An open log, locked against other processes.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    hook: Hook,
    end: u64,
    generation: u64,
    has_unsynced: bool,
}

impl Log {
    /// Opens a log; where there is none, one is made, if `may_create`.
    pub(crate) fn open(path: &Path, shards: u32, may_create: bool, hook: Hook) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(may_create);
        let file = options.open(path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound if !may_create => unusable(
                path,
                "a file is there already, and a journal's log is not beside it; restore the log, or name a file that does not exist yet",
            ),
            _ => unreadable(path, cause),
        })?;
        lock(&file, path)?;
        let log = Self {
            file,
            hook,
            end: HEADER_BYTES,
            generation: 0,
            has_unsynced: false,
        };
        let length = log.length().map_err(|cause| unreadable(path, cause))?;
        if length == 0 && may_create {
            let made = log.make(shards);
            made.map_err(|cause| unreadable(path, cause))?;
        } else {
            log.check_header(path, shards)?;
        }
        Ok(log)
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.end
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) const fn has_unsynced(&self) -> bool {
        self.has_unsynced
    }

    /// Whether anything was ever appended.
    pub(crate) fn has_frames(&self) -> bool {
        self.length().map_or(true, |length| length > HEADER_BYTES)
    }

    /// Whether the log goes on from an older state of the store: its generation is that of the
    /// log, or the next one where the process ended between the two.
    pub(crate) fn follows(&self, generation: u64) -> bool {
        let mut head = [0; FRAME_BYTES];
        if self.file.read_exact_at(&mut head, HEADER_BYTES).is_err() {
            return true;
        }
        let first = Input(&head[8..]).u64();
        first.is_none_or(|first| first <= generation)
    }

    /// The changes of a generation, in order; what comes next is written behind them.
    pub(crate) fn replay(
        &mut self,
        generation: u64,
        mut apply: impl FnMut(Vec<Change>) -> Result<()>,
    ) -> Result<()> {
        self.generation = generation;
        self.end = HEADER_BYTES;
        while let Some((changes, bytes)) = self.frame_at(self.end) {
            apply(changes)?;
            self.end += bytes;
        }
        Ok(())
    }

    /// Writes a group of changes; the operating system has them then.
    pub(crate) fn append(&mut self, changes: &[Change]) -> io::Result<()> {
        let mut output = Output(vec![0; FRAME_BYTES]);
        for change in changes {
            change.encode(&mut output);
        }
        let mut frame = output.0;
        let length = (frame.len() - FRAME_BYTES) as u64;
        frame[..8].copy_from_slice(&length.to_le_bytes());
        frame[8..16].copy_from_slice(&self.generation.to_le_bytes());
        let sum = checksum(self.generation, &frame[FRAME_BYTES..]);
        frame[16..24].copy_from_slice(&sum.to_le_bytes());
        self.hook.before(DiskOperation::Write)?;
        self.file.write_all_at(&frame, self.end)?;
        self.end += frame.len() as u64;
        self.has_unsynced = true;
        Ok(())
    }

    /// Waits until the disk has all that was appended.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.hook.before(DiskOperation::Sync)?;
        self.file.sync_data()?;
        self.has_unsynced = false;
        Ok(())
    }

    /// Begins a generation at the front: the store has all that was before it.
    pub(crate) fn restart(&mut self, generation: u64) -> io::Result<()> {
        if self.end > LONGEST_KEPT {
            self.hook.before(DiskOperation::Write)?;
            self.file.set_len(HEADER_BYTES)?;
        }
        self.generation = generation;
        self.end = HEADER_BYTES;
        // A log that is more than its header tells that there was a store.
        self.append(&[])?;
        self.has_unsynced = false;
        Ok(())
    }

    /// Cuts the file to what is in it.
    pub(crate) fn trim(&self) -> io::Result<()> {
        self.hook.before(DiskOperation::Write)?;
        self.file.set_len(self.end)
    }

    fn frame_at(&self, at: u64) -> Option<(Vec<Change>, u64)> {
        let mut head = [0; FRAME_BYTES];
        self.file.read_exact_at(&mut head, at).ok()?;
        let mut input = Input(&head);
        let (length, generation, sum) = (input.u64()?, input.u64()?, input.u64()?);
        let left = self.length().ok()?.checked_sub(at + FRAME_BYTES as u64)?;
        if generation != self.generation || length > left {
            return None;
        }
        let mut payload = vec![0; usize::try_from(length).ok()?];
        self.file
            .read_exact_at(&mut payload, at + FRAME_BYTES as u64)
            .ok()?;
        if checksum(generation, &payload) != sum {
            return None;
        }
        let (mut input, mut changes) = (Input(&payload), Vec::new());
        while !input.is_empty() {
            changes.push(Change::decode(&mut input)?);
        }
        Some((changes, FRAME_BYTES as u64 + length))
    }

    fn make(&self, shards: u32) -> io::Result<()> {
        self.hook.before(DiskOperation::Write)?;
        self.file.write_all_at(&header(shards), 0)?;
        self.hook.before(DiskOperation::Sync)?;
        self.file.sync_all()
    }

    fn check_header(&self, path: &Path, shards: u32) -> Result<()> {
        let mut found = [0; HEADER_BYTES as usize];
        let is_whole = self.file.read_exact_at(&mut found, 0).is_ok();
        let mut input = Input(&found[MAGIC.len()..]);
        let (version, made_with) = (input.u32(), input.u32());
        if !is_whole || !found.starts_with(MAGIC) {
            return Err(unusable(
                path,
                "the file is not the log of a Larder journal; name another file, or restore this one",
            ));
        }
        if version != Some(VERSION) {
            let error = unusable(
                path,
                "the journal was written by another version of this crate; open it with that version and let it run empty",
            );
            return Err(error
                .with("expected", VERSION)
                .with("found", version.unwrap_or(0)));
        }
        if found == header(shards) {
            return Ok(());
        }
        let error = unusable(
            path,
            "the journal was made with another number of shards, or its log is damaged; open it with the number it was made with",
        );
        Err(error
            .with("expected", shards)
            .with("found", made_with.unwrap_or(0)))
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

fn header(shards: u32) -> [u8; HEADER_BYTES as usize] {
    let mut output = Output(MAGIC.to_vec());
    output.u32(VERSION);
    output.u32(shards);
    let sum = xxh3_64(&output.0);
    output.u64(sum);
    let mut header = [0; HEADER_BYTES as usize];
    header.copy_from_slice(&output.0);
    header
}

fn checksum(generation: u64, payload: &[u8]) -> u64 {
    xxh3_64(payload) ^ generation.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(unusable(
            path,
            "the journal is open already, here or in another process; close it there, or give each process a journal of its own",
        )),
        Err(TryLockError::Error(cause)) => Err(unreadable(path, cause)),
    }
}
