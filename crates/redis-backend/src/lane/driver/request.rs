//! What callers want of the server, and what they are told.

use larder_cache_core::{Error, Key, Result};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::encode::{word, words};
use super::frame::Frame;
use crate::error::unexpected_reply;

/// One caller's wish.
#[derive(Debug)]
pub(super) struct Request {
    ask: Ask,
    deadline: Option<Instant>,
    /// `None` once the caller was told.
    answer: Option<oneshot::Sender<Answer>>,
}

/// What is asked for.
#[derive(Debug)]
pub(super) enum Ask {
    /// A value; several of them in a row are asked for in one command.
    Get(Key),
    /// Anything else: so many of the staged bytes, for so many replies.
    Commands { bytes: usize, replies: usize },
}

/// What a caller is told.
pub(super) type Answer = Result<Frames, Unanswered>;

/// The replies to one request.
#[derive(Debug)]
pub(crate) enum Frames {
    One(Frame),
    Several(Vec<Frame>),
}

/// Why there is no reply.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The budget ended before the request was sent.
    NeverSent,
    /// The budget ended after the request was sent.
    Late,
    /// The connection ended before the request was sent.
    NeverSentOn(Option<Error>),
    /// The connection ended.
    Broken(Option<Error>),
    /// Too many requests wait already.
    Full,
}

impl Request {
    /// A request of a caller who gives up at the deadline, or where there is none, by
    /// going away.
    pub(super) fn new(
        ask: Ask,
        deadline: Option<Instant>,
        answer: oneshot::Sender<Answer>,
    ) -> Self {
        Self {
            ask,
            deadline,
            answer: Some(answer),
        }
    }

    /// Whether it could be the reply: any other means that replies have gone astray.
    pub(super) fn may_be_answered_by(&self, reply: &Frame) -> bool {
        !self.is_get() || reply.string().is_some() || reply.is_refusal()
    }

    pub(super) fn is_get(&self) -> bool {
        matches!(self.ask, Ask::Get(_))
    }

    /// Whether nobody waits any more. A request that was not sent need not be.
    pub(super) fn is_abandoned(&self) -> bool {
        self.answer.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// How many of the staged bytes are its.
    pub(super) fn staged_bytes(&self) -> usize {
        match &self.ask {
            Ask::Get(_) => 0,
            Ask::Commands { bytes, .. } => *bytes,
        }
    }

    /// How many replies it will have.
    pub(super) fn replies(&self) -> usize {
        match &self.ask {
            Ask::Get(_) => 1,
            Ask::Commands { replies, .. } => *replies,
        }
    }

    /// Tells the caller, unless he was told or has gone away.
    pub(super) fn tell(&mut self, answer: Answer) {
        if let Some(caller) = self.answer.take() {
            let _gone = caller.send(answer);
        }
    }
}

/// Writes one command for one value or for several.
pub(super) fn write_gets(out: &mut Vec<u8>, gets: &[Request]) {
    words(out, 1 + gets.len());
    word(out, if gets.len() == 1 { b"GET" } else { b"MGET" });
    for get in gets {
        if let Ask::Get(key) = &get.ask {
            word(out, key.as_bytes());
        }
    }
}

/// Gives each of the requests that were joined its part of the reply, or the refusal.
pub(super) fn share(gets: Vec<Request>, reply: Frame) -> Result<()> {
    let parts = match reply {
        Frame::Array(parts) => parts,
        refusal if refusal.is_refusal() => vec![refusal; gets.len()],
        Frame::Plain(_) => Vec::new(),
    };
    if parts.len() != gets.len() {
        return Err(unexpected_reply("as many values as keys"));
    }
    for (mut get, part) in gets.into_iter().zip(parts) {
        get.tell(Ok(Frames::One(part)));
    }
    Ok(())
}
