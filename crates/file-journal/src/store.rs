//! The store: writes and letters with their values, on the disk as of the last checkpoint and in
//! the log since.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use larder_cache_core::{DeadLetter, Result, Sequence};
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};

use crate::change::{Change, What};
use crate::codec::{Input, Output};
use crate::disk::{Disk, Hook};
use crate::failure::{unreadable, unusable};
use crate::index::Index;
use crate::options::FileJournalOptions;
use crate::state::State;

/// By key and number.
const WRITES: TableDefinition<'static, (&str, u64), &[u8]> = TableDefinition::new("writes");

/// By key.
const LETTERS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("letters");

const STATE: TableDefinition<'static, (), &[u8]> = TableDefinition::new("state");

/// The database under the journal.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
}

/// A write as it is stored.
#[derive(Debug)]
pub(crate) struct StoredWrite {
    pub(crate) sequence: u64,
    pub(crate) value: Option<Bytes>,
    pub(crate) writer: u64,
}

/// What the store held at one moment.
pub(crate) struct Snapshot(ReadTransaction);

type Stored<T> = std::result::Result<T, redb::Error>;

impl Store {
    /// Opens the store, or makes it where there is none.
    pub(crate) fn open(path: &Path, options: &FileJournalOptions) -> Result<Self> {
        if !exists(path) {
            let made = make(path, options);
            made.map_err(|cause| unreadable(path, cause))?;
        }
        let opened = open_file(path).map_err(redb::Error::from);
        let opened = opened.and_then(|file| database(file, options));
        let mut database = opened.map_err(|cause| unreadable(path, cause))?;
        compact(&mut database, path).map_err(|cause| unreadable(path, cause))?;
        Ok(Self { database })
    }

    /// An index of all that is there, and the state it belongs to.
    pub(crate) fn load(&self, path: &Path, index: &mut Index) -> Result<State> {
        let loaded = self.snapshot().and_then(|snapshot| snapshot.load(index));
        let state = loaded.map_err(|cause| unreadable(path, cause))?;
        let state = state.ok_or_else(|| {
            unusable(
                path,
                "the journal's file holds what this version can't read; restore it, or name another file",
            )
        })?;
        state.apply_to(index);
        Ok(state)
    }

    pub(crate) fn snapshot(&self) -> Stored<Snapshot> {
        Ok(Snapshot(self.database.begin_read()?))
    }

    /// Makes changes that the log has.
    pub(crate) fn apply(&self, changes: &[Change]) -> Stored<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::None)?;
        apply(&transaction, changes)?;
        transaction.commit()?;
        Ok(())
    }

    /// Waits until the disk has all of it: the log is not needed for it any more.
    pub(crate) fn checkpoint(&self, state: &State) -> Stored<()> {
        let transaction = self.database.begin_write()?;
        transaction
            .open_table(STATE)?
            .insert((), state.encode().as_slice())?;
        transaction.commit()?;
        Ok(())
    }
}

impl Snapshot {
    pub(crate) fn write(&self, key: &str, sequence: u64) -> Stored<Option<StoredWrite>> {
        let table = self.0.open_table(WRITES)?;
        let found = table.get((key, sequence))?;
        found
            .map(|bytes| read_write(sequence, bytes.value()))
            .transpose()
    }

    pub(crate) fn latest(&self, key: &str) -> Stored<Option<StoredWrite>> {
        let table = self.0.open_table(WRITES)?;
        let mut of_key = table.range((key, 0)..=(key, u64::MAX))?;
        let Some(found) = of_key.next_back() else {
            return Ok(None);
        };
        let (place, bytes) = found?;
        let (_, sequence) = place.value();
        read_write(sequence, bytes.value()).map(Some)
    }

    pub(crate) fn letter(&self, key: &str) -> Stored<Option<DeadLetter>> {
        let table = self.0.open_table(LETTERS)?;
        let found = table.get(key)?;
        let letter = found.map(|bytes| read_letter(key, bytes.value()).ok_or_else(damaged));
        letter.transpose()
    }

    fn load(&self, index: &mut Index) -> Stored<Option<State>> {
        for row in self.0.open_table(WRITES)?.iter()? {
            let (place, bytes) = row?;
            let (key, sequence) = place.value();
            let stored = read_write(sequence, bytes.value())?;
            index.load_write(&Arc::from(key), sequence, stored.writer);
        }
        for row in self.0.open_table(LETTERS)?.iter()? {
            let (key, bytes) = row?;
            let letter = read_letter(key.value(), bytes.value()).ok_or_else(damaged)?;
            index.load_letter(&Arc::from(key.value()), letter.sequence.as_u64());
        }
        let table = self.0.open_table(STATE)?;
        let state = table.get(())?;
        Ok(state.and_then(|bytes| State::decode(bytes.value())))
    }
}

fn apply(transaction: &WriteTransaction, changes: &[Change]) -> Stored<()> {
    let mut writes = transaction.open_table(WRITES)?;
    let mut letters = transaction.open_table(LETTERS)?;
    for change in changes {
        match &change.what {
            What::Put {
                sequence,
                key,
                value,
                writer,
            } => {
                let mut output = Output::default();
                output.u64(*writer);
                output.value(value.as_deref());
                writes.insert((&**key, *sequence), output.0.as_slice())?;
            }
            What::Take { sequence, key } => {
                writes.remove((&**key, *sequence))?;
            }
            What::Letter {
                sequence,
                key,
                value,
                reason,
            } => {
                let mut output = Output::default();
                output.u64(*sequence);
                output.value(value.as_deref());
                output.bytes(reason.as_bytes());
                letters.insert(&**key, output.0.as_slice())?;
            }
            What::NoLetter { key } => {
                letters.remove(&**key)?;
            }
            // Of these the state of the next checkpoint tells, and the log until then.
            What::Settled { .. } | What::Delivered { .. } => {}
        }
    }
    Ok(())
}

fn read_write(sequence: u64, bytes: &[u8]) -> Stored<StoredWrite> {
    let read = |mut input: Input<'_>| {
        Some(StoredWrite {
            sequence,
            writer: input.u64()?,
            value: input.value()?.map(Bytes::copy_from_slice),
        })
    };
    read(Input(bytes)).ok_or_else(damaged)
}

fn read_letter(key: &str, bytes: &[u8]) -> Option<DeadLetter> {
    let mut input = Input(bytes);
    Some(DeadLetter {
        sequence: Sequence::from_u64(input.u64()?),
        key: key.to_owned(),
        value: input.value()?.map(Bytes::copy_from_slice),
        reason: input.text()?.to_owned(),
    })
}

fn damaged() -> redb::Error {
    redb::Error::Corrupted("a row of the journal can't be read".to_owned())
}

/// Whether there is a file with something in it.
pub(crate) fn exists(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.len() > 0)
}

/// Makes an empty store beside its place and moves it there, so that what is there is whole.
fn make(path: &Path, options: &FileJournalOptions) -> Stored<()> {
    let beside = with_suffix(path, ".new");
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&beside)?;
    let database = database(file, options)?;
    let transaction = database.begin_write()?;
    transaction.open_table(WRITES)?;
    transaction.open_table(LETTERS)?;
    let state = State::default().encode();
    transaction
        .open_table(STATE)?
        .insert((), state.as_slice())?;
    transaction.commit()?;
    drop(database);
    fs::rename(&beside, path)?;
    sync_directory(path, &options.hook)?;
    Ok(())
}

fn sync_directory(path: &Path, hook: &Hook) -> std::io::Result<()> {
    hook.before(crate::disk::DiskOperation::Sync)?;
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn open_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

fn database(file: File, options: &FileJournalOptions) -> Stored<Database> {
    let disk = Disk::new(file, options.hook.clone())?;
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    // All of it is read at once in any case.
    builder.set_check_integrity_on_open(true);
    Ok(builder.create_with_backend(disk)?)
}

/// A file that was large once and is not needed any more becomes small.
fn compact(database: &mut Database, path: &Path) -> Stored<()> {
    const WORTHWHILE: u64 = 16 << 20;
    if fs::metadata(path)?.len() < WORTHWHILE {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    let stats = transaction.stats()?;
    let used = stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
    transaction.abort()?;
    if used < fs::metadata(path)?.len() / 4 {
        database.compact()?;
    }
    Ok(())
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
