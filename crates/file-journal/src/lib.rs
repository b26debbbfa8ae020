//! A write-behind journal in a local file: what was acknowledged survives the end of the process
//! and, by default, a power failure.
//!
//! ```
//! use std::time::Duration;
//! use larder_cache_core::{Append, Bytes, Journal, JournalWrite, Sequence};
//! use larder_file_journal::{FileJournal, FileJournalOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("writes.journal");
//! let journal = FileJournal::open(&path, FileJournalOptions::default()).await?;
//! let write = JournalWrite {
//!     key: "profile:7".to_owned(),
//!     value: Some(Bytes::from_static(b"Ada")),
//! };
//! let append = Append { writer: 1, settled: Sequence::ZERO, writes: &[write] };
//! journal.append(journal.shard_of("profile:7"), append).await?;
//! journal.close().await;
//!
//! let again = FileJournal::open(&path, FileJournalOptions::default()).await?;
//! assert_eq!(again.depth().await?.records, 1);
//! # again.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What this crate does not do
//! It shares nothing with other processes: a file is open in one at a time. It copies nothing to
//! other disks or hosts: with the disk the journal is lost. It writes nothing to a database:
//! that is its consumer's part.

mod change;
mod codec;
mod disk;
mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod journal;
mod log;
mod options;
mod shard;
mod state;
mod store;
mod writer;

#[cfg(feature = "faults")]
pub use self::disk::{DiskFaults, DiskOperation};
pub use self::journal::FileJournal;
pub use self::options::{FileJournalOptions, SyncPolicy};
