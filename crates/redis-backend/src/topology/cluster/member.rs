//! A node of the cluster that this process talks to, or may talk to.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::view::Place;
use crate::address::Endpoint;
use crate::lane::{Lane, Role};
use crate::topology::lanes::Lanes;

/// A node in one role. Its lane is opened when it is first asked for.
///
/// A node that changes its role is another member, so that nothing of the old connection is
/// left.
#[derive(Debug)]
pub(super) struct Member {
    /// Differs for every member that the backend has had.
    pub(super) id: u64,
    pub(super) place: Place,
    pub(super) role: Role,
    endpoint: Endpoint,
    lanes: Lanes,
    lane: OnceLock<Lane>,
    wanted: Mutex<Instant>,
}

impl Member {
    pub(super) fn new(id: u64, place: Place, role: Role, endpoint: Endpoint, lanes: Lanes) -> Self {
        Self {
            id,
            place,
            role,
            endpoint,
            lanes,
            lane: OnceLock::new(),
            wanted: Mutex::new(Instant::now()),
        }
    }

    pub(super) fn lane(&self) -> &Lane {
        self.lane
            .get_or_init(|| self.lanes.begin(self.endpoint.clone(), self.role))
    }

    /// The lane, where there is one already.
    pub(super) fn opened(&self) -> Option<&Lane> {
        self.lane.get()
    }

    pub(super) fn is_up(&self) -> bool {
        self.opened().is_some_and(Lane::is_up)
    }

    pub(super) fn is_replica(&self) -> bool {
        self.role == Role::Replica
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Notes that a redirection led here.
    pub(super) fn want(&self) {
        *self.wanted() = Instant::now();
    }

    /// Whether a redirection led here lately.
    pub(super) fn is_wanted(&self) -> bool {
        const LATELY: Duration = Duration::from_secs(60);
        self.wanted().elapsed() < LATELY
    }

    fn wanted(&self) -> MutexGuard<'_, Instant> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
