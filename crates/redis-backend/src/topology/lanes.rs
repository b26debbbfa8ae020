//! How lanes to further servers are opened.

use std::sync::Arc;

use larder_cache_core::{Clock, Observers, Result};
use tokio::runtime::Handle;

use crate::address::Endpoint;
use crate::config::{AtStart, RedisConfig};
use crate::lane::{CircuitPolicy, Lane, Pace, Role, Start, Target};
use crate::tracking::Tracking;

/// Opens lanes to the servers of one backend, all in the same runtime.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    pub(super) pace: Pace,
    observers: Observers,
    clock: Arc<dyn Clock>,
    /// What the servers that take writes are asked to tell.
    pub(super) tracking: Arc<Tracking>,
    runtime: Handle,
}

impl Lanes {
    /// Must be called within the runtime that the lanes shall live in.
    pub(super) fn new(
        config: &RedisConfig,
        observers: Observers,
        clock: Arc<dyn Clock>,
        tracking: Arc<Tracking>,
    ) -> Self {
        Self {
            pace: Pace {
                timeout: config.connect_timeout,
                retry_delay: config.retry_delay,
                heartbeat: config.heartbeat,
                circuit: CircuitPolicy {
                    failures: config.circuit_failures,
                    open_for: config.circuit_open_for,
                },
            },
            observers,
            clock,
            tracking,
            runtime: Handle::current(),
        }
    }

    /// Connects as far as the start asks for it.
    pub(super) async fn open(&self, target: Target, start: Start) -> Result<Lane> {
        let (observers, clock) = (self.observers.clone(), Arc::clone(&self.clock));
        let tracking = Arc::clone(&self.tracking);
        Lane::open(target, self.pace, start, observers, clock, tracking).await
    }

    /// Begins to connect to a server that is there for long.
    pub(super) fn begin(&self, endpoint: Endpoint, role: Role) -> Lane {
        let target = Target::fixed(endpoint, role);
        let _within = self.runtime.enter();
        let (observers, clock) = (self.observers.clone(), Arc::clone(&self.clock));
        let tracking = match role {
            Role::Replica => Arc::default(),
            _ => Arc::clone(&self.tracking),
        };
        Lane::begin(target, self.pace, observers, clock, tracking)
    }

    /// Connects for a single question, which is no news to observers.
    pub(super) async fn once(&self, endpoint: Endpoint) -> Result<Lane> {
        let target = Target::fixed(endpoint, Role::Any);
        let start = Start {
            at_start: AtStart::Required,
            max_retries: 0,
        };
        let (observers, clock) = (Observers::default(), Arc::clone(&self.clock));
        let tracking = Arc::default();
        Lane::open(target, self.pace, start, observers, clock, tracking).await
    }
}
