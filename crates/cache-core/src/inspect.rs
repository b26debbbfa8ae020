//! Facts about the servers behind a backend.

use std::time::Duration;

use async_trait::async_trait;

use crate::backend::Call;
use crate::error::Result;

/// Looks at the servers behind a backend.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// Facts about every node, each asked now.
    ///
    /// # Cost
    /// One round trip per node.
    ///
    /// # Errors
    /// When a node could not be asked.
    async fn nodes(&self, call: Call) -> Result<Vec<Node>>;
}

/// Facts about one server, or about this process where the backend lives in it.
/// A fact the server does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Host and port, or `in-process`. Never a password.
    pub address: String,
    /// Its part: `master`, `replica`, or `in-process`.
    pub role: String,
    /// The server's version.
    pub version: Option<String>,
    /// Bytes it uses.
    pub used_memory_bytes: Option<u64>,
    /// Bytes it may use.
    pub max_memory_bytes: Option<u64>,
    /// What it does when its memory is full, by its own name for it.
    pub eviction_policy: Option<String>,
    /// Clients connected to it.
    pub connected_clients: Option<u64>,
    /// Keys it evicted since it started.
    pub evicted_keys: Option<u64>,
    /// How long it has been running.
    pub uptime: Option<Duration>,
    /// How long it took to answer.
    pub latency: Option<Duration>,
}

impl Node {
    /// A node of which only address and role are known.
    pub fn new(address: impl Into<String>, role: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            role: role.into(),
            ..Self::default()
        }
    }
}
