//! A shard: its keys in Redis, and what this process knows of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use larder_cache_core::{Key, KeyPrefix, Result, Sequence};

use super::options::StreamJournalOptions;
use super::record::sortable;
use crate::commands::{Lua, ScriptCall};

/// A shard: its keys in Redis, and what this process knows of it.
#[derive(Debug)]
pub(super) struct Shard {
    /// Those of the scripts, in their order.
    keys: [Key; 4],
    /// The same, and where entries go that are no writes.
    with_aside: [Key; 5],
    /// The last write that this process has seen.
    last: AtomicU64,
    /// Who was last said to be settled, and up to where.
    settled: Mutex<(u64, Sequence)>,
}

/// How far behind Redis may be about what is settled: to be told with each append would cost as
/// much as the append.
const SETTLED_LAG: Duration = Duration::from_millis(100);

impl Shard {
    pub(super) fn all(options: &StreamJournalOptions) -> Result<Vec<Self>> {
        let prefix = KeyPrefix::new(&options.prefix)?;
        let shard = |number: u32| Self::new(&prefix, &options.name, number);
        (0..options.shards).map(shard).collect()
    }

    /// Its keys share a slot, which the name of the journal and the shard's number choose.
    fn new(prefix: &KeyPrefix, name: &str, number: u32) -> Result<Self> {
        let slot = format!("{name}:{number}");
        let key = |part| prefix.internal_in_slot("journal", &slot, part);
        let keys = [key("log")?, key("keys")?, key("meta")?, key("dead")?];
        let [log, of_keys, meta, dead] = keys.clone();
        Ok(Self {
            keys,
            with_aside: [log, of_keys, meta, dead, key("aside")?],
            last: AtomicU64::new(0),
            settled: Mutex::new((0, Sequence::ZERO)),
        })
    }

    /// The stream.
    pub(super) fn log(&self) -> &Key {
        &self.keys[0]
    }

    pub(super) fn call(&self, script: &'static Lua, arguments: Vec<Bytes>) -> ScriptCall<'_> {
        ScriptCall {
            script,
            keys: &self.keys,
            arguments,
        }
    }

    /// A call of the script that appends one write.
    pub(super) fn call_one(&self, script: &'static Lua, arguments: Vec<Bytes>) -> ScriptCall<'_> {
        ScriptCall {
            script,
            keys: &self.keys[..3],
            arguments,
        }
    }

    pub(super) fn call_with_aside(
        &self,
        script: &'static Lua,
        arguments: Vec<Bytes>,
    ) -> ScriptCall<'_> {
        ScriptCall {
            script,
            keys: &self.with_aside,
            arguments,
        }
    }

    /// Whether Redis is to be told how far a writer is settled.
    pub(super) fn is_news(&self, writer: u64, upto: Sequence) -> bool {
        let (known, told) = *self.settled();
        let lag = upto.time().since(told.time());
        writer != known || (told == Sequence::ZERO && upto > told) || lag >= SETTLED_LAG
    }

    pub(super) fn told(&self, writer: u64, upto: Sequence) {
        *self.settled() = (writer, upto);
    }

    fn settled(&self) -> MutexGuard<'_, (u64, Sequence)> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn last_seen(&self) -> Sequence {
        Sequence::from_u64(self.last.load(Ordering::Relaxed))
    }

    /// What a later write must come after, whatever the server has forgotten.
    pub(super) fn floor(&self) -> [Bytes; 2] {
        let last = self.last_seen();
        [last.time().as_millis(), last.counter()].map(|number| number.to_string().into())
    }

    pub(super) fn saw(&self, sequence: Sequence) {
        self.last.fetch_max(sequence.as_u64(), Ordering::Relaxed);
    }
}

/// A token or the number of a writer, as it stands in Redis.
pub(super) fn hexadecimal(number: u64) -> Bytes {
    format!("{number:016x}").into()
}

/// How far a writer is settled; nothing where it is not at all.
pub(super) fn settled(upto: Sequence) -> Bytes {
    match upto {
        Sequence::ZERO => Bytes::new(),
        upto => sortable(upto).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_shard_share_its_slot_and_begin_with_the_prefix() {
        let options = StreamJournalOptions::new("orders").prefix("shop").shards(2);
        let shards = Shard::all(&options).unwrap();
        let keys = shards[1].with_aside.each_ref().map(Key::as_str);
        let expected = ["log", "keys", "meta", "dead", "aside"];
        let expected = expected.map(|part| format!("shop~journal:{{orders:1}}:{part}"));
        assert_eq!(keys.as_slice(), expected.as_slice());
        assert_eq!(shards[1].keys, shards[1].with_aside[..4]);
    }

    #[test]
    fn the_floor_is_the_last_write_that_was_seen() {
        let options = StreamJournalOptions::new("orders");
        let shard = &Shard::all(&options).unwrap()[0];
        assert_eq!(shard.floor(), [Bytes::from("0"), Bytes::from("0")]);
        shard.saw(Sequence::of(1000, 7));
        shard.saw(Sequence::of(999, 9));
        assert_eq!(shard.floor(), [Bytes::from("1000"), Bytes::from("7")]);
    }
}
