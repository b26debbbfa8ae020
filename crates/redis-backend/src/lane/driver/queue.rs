//! Where requests wait until the driver sends them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use larder_cache_core::Error;
use tokio::time::Instant;

use super::request::{Request, Unanswered};

/// The requests of all callers of a connection, in the order they came.
///
/// They leave together, because a hundred requests in one write cost the server and us a
/// tenth of a hundred writes. Nobody waits for a timer: requests leave at once while few
/// are under way, and otherwise as soon as those that wait are as many as those under
/// way. Two halves of the callers then take turns, and the server is never idle. (Nagle's
/// idea for small packets, RFC 896, with counted requests in place of bytes.)
#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    limits: Limits,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Requests, those under way included.
    pub(super) requests: usize,
    /// Bytes of those not yet sent.
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct Inner {
    waiting: VecDeque<Request>,
    waiting_bytes: usize,
    under_way: usize,
    driver: Option<Waker>,
    ended: Option<Option<Error>>,
}

/// So many requests may be under way before others have to wait for company.
pub(super) const STRAIGHT_THROUGH: usize = 16;

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            inner: Mutex::new(Inner {
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                under_way: 0,
                driver: None,
                ended: None,
            }),
            limits,
        }
    }

    /// Adds a request, and wakes the driver if requests are to leave now.
    pub(super) fn push(&self, mut request: Request) {
        let driver = {
            let mut inner = self.lock();
            if let Some(why) = &inner.ended {
                let why = why.clone();
                drop(inner);
                request.tell(Err(Unanswered::NeverSentOn(why)));
                return;
            }
            if inner.is_full(self.limits) {
                drop(inner);
                request.tell(Err(Unanswered::Full));
                return;
            }
            inner.waiting_bytes += request.bytes();
            inner.waiting.push_back(request);
            if inner.may_leave() {
                inner.driver.take()
            } else {
                None
            }
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Hands over the requests that are to leave now, or remembers to wake the driver
    /// when there are some.
    pub(super) fn take(&self, answered: usize, driver: &Context<'_>) -> VecDeque<Request> {
        let mut inner = self.lock();
        inner.under_way -= answered;
        if inner.may_leave() {
            inner.waiting_bytes = 0;
            inner.under_way += inner.waiting.len();
            return std::mem::take(&mut inner.waiting);
        }
        inner.remember(driver);
        VecDeque::new()
    }

    /// Notes replies while the driver can't send.
    pub(super) fn answered(&self, answered: usize) {
        self.lock().under_way -= answered;
    }

    /// Requests taken that need not be sent, or were answered.
    pub(super) fn is_idle(&self) -> bool {
        let inner = self.lock();
        inner.under_way == 0 && inner.waiting.is_empty()
    }

    /// Takes out the requests whose time is over.
    pub(super) fn take_late(&self, now: Instant) -> VecDeque<Request> {
        let mut inner = self.lock();
        if !inner.waiting.iter().any(|request| request.is_late(now)) {
            return VecDeque::new();
        }
        let (late, waiting): (VecDeque<_>, VecDeque<_>) = inner
            .waiting
            .drain(..)
            .partition(|request| request.is_late(now));
        inner.waiting_bytes = waiting.iter().map(Request::bytes).sum();
        inner.waiting = waiting;
        late
    }

    /// No request is taken any more; those that wait are told why.
    pub(super) fn end(&self, why: Option<&Error>) {
        let waiting = {
            let mut inner = self.lock();
            inner.ended.get_or_insert_with(|| why.cloned());
            std::mem::take(&mut inner.waiting)
        };
        for mut request in waiting {
            request.tell(Err(Unanswered::NeverSentOn(why.cloned())));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn may_leave(&self) -> bool {
        !self.waiting.is_empty()
            && (self.under_way < STRAIGHT_THROUGH || self.waiting.len() >= self.under_way)
    }

    fn is_full(&self, limits: Limits) -> bool {
        self.waiting.len() + self.under_way >= limits.requests || self.waiting_bytes >= limits.bytes
    }

    fn remember(&mut self, driver: &Context<'_>) {
        if !self
            .driver
            .as_ref()
            .is_some_and(|known| known.will_wake(driver.waker()))
        {
            self.driver = Some(driver.waker().clone());
        }
    }
}
