use std::thread::sleep;
use std::time::Duration;

use crate::RedisServerError;
use crate::redis_node::Node;
use crate::redis_server::wire::Reply;

/// Milliseconds for which a source waits for its target.
const MIGRATE_PATIENCE: &str = "5000";

/// How fast a slot moves from one master to another.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[must_use]
pub struct MigrationPace {
    batch_keys: u32,
    pause: Duration,
}

impl MigrationPace {
    /// How many keys move at once. Default: 100.
    ///
    /// # Panics
    ///
    /// When it is 0.
    pub fn batch_keys(mut self, keys: u32) -> Self {
        assert!(keys > 0, "a batch of no keys would never end");
        self.batch_keys = keys;
        self
    }

    /// The pause after the slot is marked as moving, and after each batch: for that long clients
    /// meet a slot that is split between two masters. Default: none.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }
}

impl Default for MigrationPace {
    fn default() -> Self {
        Self {
            batch_keys: 100,
            pause: Duration::ZERO,
        }
    }
}

/// A slot on its way.
pub(super) struct Migration<'a> {
    pub(super) slot: u16,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) pace: MigrationPace,
    pub(super) nodes: &'a [Node],
    pub(super) password: Option<&'a str>,
}

impl Migration<'_> {
    /// Moves the slot and tells how many keys went with it.
    pub(super) fn run(&self, masters: &[usize]) -> Result<u64, RedisServerError> {
        let source = self.nodes[self.from].ask_text(&["CLUSTER", "MYID"])?;
        let target = self.nodes[self.to].ask_text(&["CLUSTER", "MYID"])?;
        self.set_slot(self.to, &["IMPORTING", &source])?;
        self.set_slot(self.from, &["MIGRATING", &target])?;
        sleep(self.pace.pause);
        let moved = self.move_keys()?;
        // The target first: it must know before the source sends clients there.
        let others = masters
            .iter()
            .filter(|node| ![self.to, self.from].contains(node));
        for node in [self.to, self.from].iter().chain(others) {
            self.set_slot(*node, &["NODE", &target])?;
        }
        Ok(moved)
    }

    fn set_slot(&self, node: usize, state: &[&str]) -> Result<(), RedisServerError> {
        let slot = self.slot.to_string();
        let words = [&["CLUSTER", "SETSLOT", &slot], state].concat();
        self.nodes[node].ask(&words).map(drop)
    }

    /// Until the source has none left: it takes no new keys for a slot that it gives away.
    fn move_keys(&self) -> Result<u64, RedisServerError> {
        let source = &self.nodes[self.from];
        let mut connection = source.connect()?;
        let (slot, batch) = (self.slot.to_string(), self.pace.batch_keys.to_string());
        let list = ["CLUSTER", "GETKEYSINSLOT", &slot, &batch];
        let mut moved = 0;
        loop {
            let reply = source.checked(connection.call(&list), &list)?;
            let keys: Vec<&[u8]> = reply.elements().iter().filter_map(bytes).collect();
            if keys.is_empty() {
                return Ok(moved);
            }
            let command = self.migrate_command(&keys);
            source.checked(connection.call(&command), &command)?;
            moved += keys.len() as u64;
            sleep(self.pace.pause);
        }
    }

    fn migrate_command(&self, keys: &[&[u8]]) -> Vec<Vec<u8>> {
        let port = self.nodes[self.to].own_port().to_string();
        let mut words = vec!["MIGRATE", "127.0.0.1", &port, "", "0", MIGRATE_PATIENCE];
        words.push("REPLACE");
        if let Some(password) = self.password {
            words.extend(["AUTH", password]);
        }
        words.push("KEYS");
        let words = words.into_iter().map(str::as_bytes);
        words
            .chain(keys.iter().copied())
            .map(<[u8]>::to_vec)
            .collect()
    }
}

fn bytes(reply: &Reply) -> Option<&[u8]> {
    match reply {
        Reply::Bulk(Some(bytes)) => Some(bytes),
        _ => None,
    }
}
