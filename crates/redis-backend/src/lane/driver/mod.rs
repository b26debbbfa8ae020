//! The driver of one connection: sends what callers ask for, hands out the replies.
//!
//! ```text
//! callers --Queue--> Driver --socket--> server
//!    ^                  |
//!    +---- one reply ---+
//! ```

mod asker;
mod encode;
mod frame;
mod push;
mod queue;
mod request;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{mem, slice};

use bytes::{Buf, BytesMut};
use larder_cache_core::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep};

use self::frame::{Found, Malformed, Search};
use self::queue::{Batch, Limits, Queue};
use self::request::Request;
use crate::error;
use crate::tracking::Tracking;

pub(super) use self::asker::Asker;
pub(crate) use self::encode::{number, word, words};
pub(crate) use self::frame::Frame;
pub(super) use self::request::{Frames, Unanswered};

/// The server's end: a future that must be run for anything to happen. It ends with the
/// connection, and the connection with it.
#[derive(Debug)]
pub(super) struct Driver<S> {
    stream: S,
    queue: Arc<Queue>,
    tracking: Arc<Tracking>,
    batch: Batch,
    sent: VecDeque<Sent>,
    out: Vec<u8>,
    written: usize,
    is_flushed: bool,
    read: BytesMut,
    search: Search,
    array: Option<Array>,
    sweep: Pin<Box<Sleep>>,
    is_sweeping: bool,
}

/// An array that has not come whole yet.
#[derive(Debug)]
struct Array {
    awaited: usize,
    parts: Vec<Frame>,
}

impl Array {
    fn is_complete(&self) -> bool {
        self.parts.len() == self.awaited
    }
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// By itself, or something in between did it.
    Broken(Error),
    /// The other end does not talk as Redis does.
    Malformed(Error),
}

/// What was sent and not yet answered, in the order of the replies to come.
#[derive(Debug)]
enum Sent {
    One(Request),
    /// One command for all.
    Joined(Vec<Request>),
    Several {
        request: Request,
        awaited: usize,
        frames: Vec<Frame>,
    },
}

/// How much is read at once. Reading 8 KiB at a time, as most clients do, costs a fifth
/// of the throughput where many values of a kilobyte arrive together.
const READ_BYTES: usize = 64 << 10;

/// Requests are not taken while so much has still to be written: those that are late by
/// then are never sent.
const UNWRITTEN_BYTES: usize = 256 << 10;

/// What a buffer may keep for the next time.
const KEPT_BYTES: usize = 2 << 20;

/// Fewer values in a row than this are asked for one by one.
const JOIN_FROM: usize = 3;

/// The most values in one joined command.
const JOIN_MOST: usize = 512;

/// How often the time of requests is looked at: what their deadlines are exact to.
const SWEEP: Duration = Duration::from_millis(5);

const LIMITS: Limits = Limits {
    requests: 16_384,
    bytes: 32 << 20,
};

/// Both ends of a connection over a stream. What the server tells of changes is passed on
/// in the order of its replies.
pub(super) fn connection<S>(stream: S, tracking: Arc<Tracking>) -> (Asker, Driver<S>) {
    let queue = Arc::new(Queue::new(LIMITS));
    let driver = Driver {
        stream,
        queue: Arc::clone(&queue),
        tracking,
        batch: Batch::default(),
        sent: VecDeque::new(),
        out: Vec::new(),
        written: 0,
        is_flushed: true,
        read: BytesMut::new(),
        search: Search::new(),
        array: None,
        sweep: Box::pin(sleep(Duration::ZERO)),
        is_sweeping: false,
    };
    (Asker(queue), driver)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Driver<S> {
    type Output = Ending;

    /// Runs until the connection ends, and says why it did.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        let ending = ready!(self.drive(cx));
        self.queue.end(Some(ending.error()));
        for sent in self.sent.drain(..) {
            sent.break_off(ending.error());
        }
        Poll::Ready(ending)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        let mut is_drained = false;
        loop {
            let mut answered = 0;
            if !is_drained {
                match self.poll_read(cx) {
                    Poll::Pending => is_drained = true,
                    Poll::Ready(Err(why)) => return Poll::Ready(Ending::Broken(why)),
                    Poll::Ready(Ok(())) => match self.hand_out() {
                        Ok(count) => answered = count,
                        Err(why) => return Poll::Ready(Ending::Malformed(why)),
                    },
                }
            }
            self.take_requests(answered, cx);
            match self.poll_write(cx) {
                Poll::Pending => {}
                Poll::Ready(Err(why)) => return Poll::Ready(Ending::Broken(why)),
                // There was room for all: more may be waiting by now.
                Poll::Ready(Ok(true)) => continue,
                Poll::Ready(Ok(false)) => {}
            }
            if is_drained {
                self.poll_sweep(cx);
                return Poll::Pending;
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.read.capacity() - self.read.len() < READ_BYTES / 4 {
            self.read.reserve(READ_BYTES);
        }
        match ready!(pin!(self.stream.read_buf(&mut self.read)).poll(cx)) {
            Ok(0) => Poll::Ready(Err(error::hung_up())),
            Ok(_) => Poll::Ready(Ok(())),
            Err(broken) => Poll::Ready(Err(error::broke(&broken))),
        }
    }

    /// Gives every reply that is complete to who asked for it, and says how many requests
    /// were answered.
    fn hand_out(&mut self) -> Result<usize, Error> {
        let mut answered = 0;
        while let Some(frame) = self.next_frame().map_err(Malformed::into_error)? {
            let frame = match &mut self.array {
                Some(array) => {
                    array.parts.push(frame);
                    match array.is_complete() {
                        true => self.array.take().map(|array| Frame::Array(array.parts)),
                        false => None,
                    }
                }
                None => Some(frame),
            };
            let Some(frame) = frame else {
                continue;
            };
            match frame.push() {
                Some(push) => push::hear(push, &self.tracking).map_err(Malformed::into_error)?,
                None => answered += self.give(frame)?,
            }
        }
        Ok(answered)
    }

    /// The next value that is complete: a reply, or a part of an array.
    fn next_frame(&mut self) -> Result<Option<Frame>, Malformed> {
        if self.array.is_none()
            && let Some((bytes, parts)) = frame::array_header(&self.read)?
        {
            self.read.advance(bytes);
            if parts == 0 {
                return Ok(Some(Frame::Array(Vec::new())));
            }
            self.array = Some(Array {
                awaited: parts,
                // The server's word for a number is not taken for more than this.
                parts: Vec::with_capacity(parts.min(JOIN_MOST)),
            });
        }
        if self.read.is_empty() {
            return Ok(None);
        }
        match self.search.go_on(&self.read)? {
            Found::End(end) => {
                self.search = Search::new();
                Ok(Some(Frame::Plain(self.read.split_to(end).freeze())))
            }
            Found::AtLeast(end) => {
                let missing = end.saturating_sub(self.read.len());
                // Nor for a length. What has no known length grows by doubling.
                let room = missing.max(self.read.len()).min(KEPT_BYTES);
                self.read.reserve(room);
                Ok(None)
            }
        }
    }

    /// Gives a reply to who is first in line.
    fn give(&mut self, frame: Frame) -> Result<usize, Error> {
        if let Some(Sent::Several {
            awaited, frames, ..
        }) = self.sent.front_mut()
        {
            frames.push(frame);
            if frames.len() < *awaited {
                return Ok(0);
            }
            if let Some(Sent::Several {
                mut request,
                frames,
                ..
            }) = self.sent.pop_front()
            {
                request.tell(Ok(Frames::Several(frames)));
            }
            return Ok(1);
        }
        match self.sent.pop_front() {
            Some(Sent::One(request)) if !request.may_be_answered_by(&frame) => {
                Err(error::unexpected_reply("a string or nothing"))
            }
            Some(Sent::One(mut request)) => {
                request.tell(Ok(Frames::One(frame)));
                Ok(1)
            }
            Some(Sent::Joined(requests)) => {
                let answered = requests.len();
                request::share(requests, frame)?;
                Ok(answered)
            }
            _ => Err(error::unasked()),
        }
    }

    fn take_requests(&mut self, answered: usize, cx: &Context<'_>) {
        if self.out.len() - self.written >= UNWRITTEN_BYTES {
            self.queue.answered(answered);
            return;
        }
        self.queue.take(&mut self.batch, answered, cx);
        let is_plain = self.out.is_empty()
            && !self
                .batch
                .requests
                .iter()
                .any(|r| r.is_get() || r.is_abandoned());
        if is_plain {
            mem::swap(&mut self.out, &mut self.batch.staged);
        }
        let mut dropped = 0;
        let mut staged = 0;
        while let Some(request) = self.batch.requests.pop_front() {
            let begin = staged;
            staged += request.staged_bytes();
            if request.is_abandoned() {
                dropped += 1;
            } else if request.is_get() {
                self.send_gets(request);
            } else {
                if !is_plain {
                    self.out.extend(&self.batch.staged[begin..staged]);
                }
                self.sent.push_back(Sent::commands(request));
            }
        }
        self.batch.staged.clear();
        self.batch.staged.shrink_to(KEPT_BYTES);
        if dropped > 0 {
            self.queue.answered(dropped);
        }
    }

    /// Sends a read, together with those right behind it where that may be.
    fn send_gets(&mut self, request: Request) {
        let next = &self.batch.requests;
        let others = match self.queue.joins_gets() {
            true => next
                .iter()
                .take(JOIN_MOST - 1)
                .take_while(|r| r.is_get())
                .count(),
            false => 0,
        };
        if 1 + others < JOIN_FROM {
            request::write_gets(&mut self.out, slice::from_ref(&request));
            self.sent.push_back(Sent::One(request));
            return;
        }
        let mut gets = Vec::with_capacity(1 + others);
        gets.push(request);
        gets.extend(self.batch.requests.drain(..others));
        request::write_gets(&mut self.out, &gets);
        self.sent.push_back(Sent::Joined(gets));
    }

    /// Writes as much as the stream takes: `true` where there was something to write and
    /// all of it was.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        let has_written = !self.out.is_empty();
        while self.written < self.out.len() {
            let unwritten = &self.out[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, unwritten)) {
                Ok(0) => return Poll::Ready(Err(error::hung_up())),
                Ok(count) => self.written += count,
                Err(broken) => return Poll::Ready(Err(error::broke(&broken))),
            }
            self.is_flushed = false;
        }
        self.out.clear();
        self.out.shrink_to(KEPT_BYTES);
        self.written = 0;
        // A stream that encrypts may hold bytes back.
        if !self.is_flushed {
            if let Err(broken) = ready!(Pin::new(&mut self.stream).poll_flush(cx)) {
                return Poll::Ready(Err(error::broke(&broken)));
            }
            self.is_flushed = true;
        }
        Poll::Ready(Ok(has_written))
    }

    /// Tells those whose time is over, from time to time while anybody waits.
    fn poll_sweep(&mut self, cx: &mut Context<'_>) {
        loop {
            if !self.is_sweeping {
                if self.sent.is_empty() && self.queue.is_idle() {
                    return;
                }
                self.sweep.as_mut().reset(Instant::now() + SWEEP);
                self.is_sweeping = true;
            }
            if self.sweep.as_mut().poll(cx).is_pending() {
                return;
            }
            self.is_sweeping = false;
            self.tell_late(Instant::now());
        }
    }

    fn tell_late(&mut self, now: Instant) {
        for mut request in self.queue.take_late(now) {
            request.tell(Err(Unanswered::NeverSent));
        }
        for sent in &mut self.sent {
            sent.tell_late(now);
        }
    }
}

impl Ending {
    pub(super) fn error(&self) -> &Error {
        match self {
            Self::Broken(why) | Self::Malformed(why) => why,
        }
    }
}

impl Sent {
    fn commands(request: Request) -> Self {
        match request.replies() {
            1 => Self::One(request),
            awaited => Self::Several {
                request,
                awaited,
                frames: Vec::with_capacity(awaited),
            },
        }
    }

    fn tell_late(&mut self, now: Instant) {
        let requests = match self {
            Self::One(request) | Self::Several { request, .. } => std::slice::from_mut(request),
            Self::Joined(requests) => requests,
        };
        for request in requests {
            if request.is_late(now) {
                request.tell(Err(Unanswered::Late));
            }
        }
    }

    fn break_off(self, why: &Error) {
        let requests = match self {
            Self::One(request) | Self::Several { request, .. } => vec![request],
            Self::Joined(requests) => requests,
        };
        for mut request in requests {
            request.tell(Err(Unanswered::Broken(Some(why.clone()))));
        }
    }
}

impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        self.queue.end(None);
    }
}
