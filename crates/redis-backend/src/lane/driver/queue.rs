//! Where requests wait until the driver sends them.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use larder_cache_core::Error;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::request::{Answer, Ask, Request, Unanswered};

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
    joins_gets: AtomicBool,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Requests, those under way included.
    pub(super) requests: usize,
    /// Bytes of those not yet sent.
    pub(super) bytes: usize,
}

/// Requests that leave together, and the commands among them as they will be sent.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) requests: VecDeque<Request>,
    pub(super) staged: Vec<u8>,
}

#[derive(Debug)]
struct Inner {
    waiting: Batch,
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
                waiting: Batch::default(),
                under_way: 0,
                driver: None,
                ended: None,
            }),
            limits,
            joins_gets: AtomicBool::new(false),
        }
    }

    pub(super) fn join_gets(&self, joins: bool) {
        self.joins_gets.store(joins, Ordering::Relaxed);
    }

    pub(super) fn joins_gets(&self) -> bool {
        self.joins_gets.load(Ordering::Relaxed)
    }

    /// Adds a request, and wakes the driver if requests are to leave now.
    ///
    /// Commands of all callers are written into one buffer: to allocate them here and free
    /// them on the driver's thread would cost more than a copy does.
    pub(super) fn push(
        &self,
        write: impl FnOnce(&mut Vec<u8>) -> Ask,
        deadline: Option<Instant>,
        caller: oneshot::Sender<Answer>,
    ) {
        let mut inner = self.lock();
        let refusal = match &inner.ended {
            Some(why) => Some(Unanswered::NeverSentOn(why.clone())),
            None if inner.is_full(self.limits) => Some(Unanswered::Full),
            None => None,
        };
        if let Some(refusal) = refusal {
            drop(inner);
            let _gone = caller.send(Err(refusal));
            return;
        }
        let ask = write(&mut inner.waiting.staged);
        let request = Request::new(ask, deadline, caller);
        inner.waiting.requests.push_back(request);
        let driver = match inner.may_leave() {
            true => inner.driver.take(),
            false => None,
        };
        drop(inner);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Notes replies, and moves the requests that are to leave now into an empty batch;
    /// where there are none, remembers to wake the driver.
    pub(super) fn take(&self, batch: &mut Batch, answered: usize, driver: &Context<'_>) {
        let mut inner = self.lock();
        inner.under_way -= answered;
        if inner.may_leave() {
            inner.under_way += inner.waiting.requests.len();
            mem::swap(&mut inner.waiting, batch);
        } else {
            inner.remember(driver);
        }
    }

    /// Notes requests that were answered, or need not be.
    pub(super) fn answered(&self, answered: usize) {
        self.lock().under_way -= answered;
    }

    /// Whether nobody waits for anything.
    pub(super) fn is_idle(&self) -> bool {
        let inner = self.lock();
        inner.under_way == 0 && inner.waiting.requests.is_empty()
    }

    /// Takes out the requests whose time is over.
    pub(super) fn take_late(&self, now: Instant) -> Vec<Request> {
        let mut inner = self.lock();
        let requests = &inner.waiting.requests;
        if !requests.iter().any(|request| request.is_late(now)) {
            return Vec::new();
        }
        let waiting = mem::take(&mut inner.waiting);
        let mut late = Vec::new();
        let mut at = 0;
        for request in waiting.requests {
            let end = at + request.staged_bytes();
            if request.is_late(now) {
                late.push(request);
            } else {
                inner.waiting.requests.push_back(request);
                inner.waiting.staged.extend(&waiting.staged[at..end]);
            }
            at = end;
        }
        late
    }

    /// No request is taken any more; those that wait are told why.
    pub(super) fn end(&self, why: Option<&Error>) {
        let waiting = {
            let mut inner = self.lock();
            inner.ended.get_or_insert_with(|| why.cloned());
            mem::take(&mut inner.waiting)
        };
        for mut request in waiting.requests {
            request.tell(Err(Unanswered::NeverSentOn(why.cloned())));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn may_leave(&self) -> bool {
        let waiting = self.waiting.requests.len();
        waiting > 0 && (self.under_way < STRAIGHT_THROUGH || waiting >= self.under_way)
    }

    fn is_full(&self, limits: Limits) -> bool {
        self.waiting.requests.len() + self.under_way >= limits.requests
            || self.waiting.staged.len() >= limits.bytes
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
