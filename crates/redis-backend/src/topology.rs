//! Which server holds a key.

use std::sync::Arc;

use larder_cache_core::{Clock, Connections, Key, Observers, Result};

use crate::config::RedisConfig;
use crate::lane::Lane;

/// The servers behind a backend, and which of them holds which key.
///
/// The one place that knows how many there are: commands are given a connection and keys
/// that are all on its server.
#[derive(Debug)]
pub(crate) enum Topology {
    /// One server holds all keys.
    Standalone(Lane),
}

impl Topology {
    pub(crate) async fn connect(
        config: &RedisConfig,
        observers: Observers,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Lane::open(config, observers, clock)
            .await
            .map(Self::Standalone)
    }

    /// The lane to the server that holds a key.
    pub(crate) fn lane_of(&self, _: &Key) -> &Lane {
        let Self::Standalone(lane) = self;
        lane
    }

    /// The lane for a batch. Where keys are on several servers, this is where the batch
    /// has to be split.
    pub(crate) fn lane_of_all(&self) -> &Lane {
        let Self::Standalone(lane) = self;
        lane
    }

    pub(crate) fn connections(&self) -> Connections {
        let Self::Standalone(lane) = self;
        lane.connections()
    }

    pub(crate) async fn close(&self) {
        let Self::Standalone(lane) = self;
        lane.close().await;
    }
}
