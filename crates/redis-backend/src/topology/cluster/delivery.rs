//! Brings the steps of a call to the nodes that hold their keys, and goes after those keys
//! that have moved.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use larder_cache_core::{Call, Error, ErrorKind};
use tokio::time::{Instant, sleep};

use super::directory::Directory;
use super::errand::{self, Outcome, Traveller};
use super::map::Map;
use super::member::Member;
use super::redirect::Redirect;
use super::refresh::jittered;
use super::slot::Slot;
use crate::commands::{Answer, Step};
use crate::config::ReadFrom;
use crate::error;

/// The steps of a call, and what became of them so far.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    directory: &'a Directory,
    read_from: ReadFrom,
    steps: &'a [Step<'a>],
    deadline: Instant,
    answers: Vec<Option<Answer>>,
}

/// A step without an answer, and where to go with it.
#[derive(Debug)]
struct Pending {
    index: usize,
    way: Way,
    by_text: bool,
    hops: u32,
    delays: u32,
    /// Why it has no answer yet.
    why: Option<Error>,
}

#[derive(Clone, Debug)]
enum Way {
    /// To the node that holds the slot, or to a replica of it where that is wished.
    Owner,
    /// To the node that takes the writes.
    Primary,
    /// To where a redirection points.
    At(Arc<Member>),
    /// There, saying so.
    Asking(Arc<Member>),
}

/// A step is redirected so often at most.
const MAX_HOPS: u32 = 16;

/// After so many redirections there is a pause before each.
const QUICK_HOPS: u32 = 3;

/// A step is tried again so often where only time helps.
const MAX_DELAYS: u32 = 6;

/// The pause before the first of these tries; it doubles each time.
const FIRST_DELAY: Duration = Duration::from_millis(4);

impl<'a> Delivery<'a> {
    pub(super) fn new(
        directory: &'a Directory,
        read_from: ReadFrom,
        steps: &'a [Step<'a>],
        call: Call,
    ) -> Self {
        Self {
            directory,
            read_from,
            steps,
            deadline: errand::deadline(call),
            answers: steps.iter().map(|_| None).collect(),
        }
    }

    /// One answer for each step, in their order.
    pub(super) async fn answers(mut self) -> Vec<Answer> {
        let mut pending: Vec<Pending> = (0..self.steps.len()).map(Pending::new).collect();
        while !pending.is_empty() {
            let (errands, mut retried) = self.errands(pending);
            let runs = errands
                .into_iter()
                .map(|errand| errand.run(self.steps, self.deadline));
            for run in join_all(runs).await {
                for (pending, is_replica, outcome) in run {
                    retried.extend(self.settle(pending, is_replica, outcome));
                }
            }
            retried.sort_by_key(|pending| pending.index);
            pending = self.in_order(retried);
            let pause = pending.iter().map(Pending::pause).max().unwrap_or_default();
            self.give_up_after(pause, &mut pending);
            if !pending.is_empty() && !pause.is_zero() {
                sleep(pause).await;
            }
        }
        let unanswered = || Err(error::unexpected_reply("an answer to each step"));
        let answers = self.answers.into_iter();
        answers
            .map(|answer| answer.unwrap_or_else(unanswered))
            .collect()
    }

    /// The steps by where they go, and those that can go nowhere yet.
    fn errands(&self, pending: Vec<Pending>) -> (Vec<Errand>, Vec<Pending>) {
        let map = self.directory.map();
        let mut errands: Vec<Errand> = Vec::new();
        let mut by_member: HashMap<u64, usize> = HashMap::new();
        let mut nowhere = Vec::new();
        for mut pending in pending {
            let Some(member) = self.destination(&map, &pending) else {
                self.directory.request();
                pending.later(self.directory.no_owner());
                if map.shards.is_empty() {
                    // No node could be asked yet, or the backend is closed.
                    pending.delays = MAX_DELAYS + 1;
                }
                nowhere.push(pending);
                continue;
            };
            let index = *by_member.entry(member.id).or_insert_with(|| {
                errands.push(Errand {
                    member,
                    pending: Vec::new(),
                });
                errands.len() - 1
            });
            errands[index].pending.push(pending);
        }
        (errands, nowhere)
    }

    fn destination(&self, map: &Map, pending: &Pending) -> Option<Arc<Member>> {
        let step = &self.steps[pending.index];
        match &pending.way {
            Way::At(member) | Way::Asking(member) => Some(Arc::clone(member)),
            Way::Owner | Way::Primary => {
                let shard = map.owner(Slot::of(step.key().as_bytes()))?;
                let may_lag = matches!(pending.way, Way::Owner)
                    && self.read_from == ReadFrom::Replica
                    && step.is_read();
                Some(if may_lag {
                    shard.any_replica()
                } else {
                    Arc::clone(&shard.primary)
                })
            }
        }
    }

    /// Keeps an answer, or says how to go on.
    fn settle(
        &mut self,
        mut pending: Pending,
        is_replica: bool,
        outcome: Outcome,
    ) -> Option<Pending> {
        let answer = match outcome {
            Outcome::Redirected(redirect, why) => {
                return Some(self.follow(pending, redirect, why));
            }
            Outcome::Failed(why) | Outcome::Answered(Err(why))
                if is_replica && why.kind() != ErrorKind::WrongType =>
            {
                pending.way = Way::Primary;
                pending.why = Some(why);
                return Some(pending);
            }
            Outcome::Failed(why) => {
                self.directory.request();
                Err(why)
            }
            Outcome::Answered(answer) => answer,
        };
        self.answers[pending.index] = Some(answer);
        None
    }

    fn follow(&self, mut pending: Pending, redirect: Redirect, why: Error) -> Pending {
        if let Redirect::Moved(..) | Redirect::Ask(_) = redirect {
            // The node that will answer need not be one that tells what changes.
            let key = self.steps[pending.index].key();
            self.directory.lanes.tracking.changed(key.as_bytes());
        }
        match redirect {
            Redirect::Moved(slot, place) => {
                self.directory.request();
                pending.hop(Way::At(self.directory.moved(slot, &place)));
            }
            Redirect::Ask(place) => pending.hop(Way::Asking(self.directory.node_at(&place))),
            Redirect::Later => {
                self.directory.request();
                pending.later(why);
            }
            Redirect::ByText if pending.by_text => pending.later(why),
            Redirect::ByText => {
                pending.by_text = true;
                // Also after a pause: the next try brings the text.
                pending.why = Some(why.transient().replay_safe());
            }
        }
        pending
    }

    /// Those steps that may be tried again without overtaking: a write must not come after a
    /// later one of the same key, and all of one key go the same way.
    fn in_order(&mut self, retried: Vec<Pending>) -> Vec<Pending> {
        if retried.is_empty() || self.steps.len() == 1 {
            return retried;
        }
        let mut last_done = HashMap::new();
        for (index, answer) in self.answers.iter().enumerate() {
            if answer.is_some() {
                last_done.insert(self.steps[index].key(), index);
            }
        }
        let mut ways = HashMap::new();
        let mut kept = Vec::with_capacity(retried.len());
        for mut pending in retried {
            let step = &self.steps[pending.index];
            let done = last_done.get(step.key());
            if !step.is_read() && done.is_some_and(|&done| done > pending.index) {
                let index = pending.index;
                self.answers[index] = Some(Err(pending.give_up()));
                continue;
            }
            let way = ways
                .entry(step.key())
                .or_insert_with(|| pending.way.clone());
            pending.way = way.clone();
            kept.push(pending);
        }
        kept
    }

    fn give_up_after(&mut self, pause: Duration, pending: &mut Vec<Pending>) {
        let is_over = errand::left(self.deadline).is_none_or(|left| left <= pause);
        for tried in std::mem::take(pending) {
            if is_over || tried.is_exhausted() {
                let index = tried.index;
                self.answers[index] = Some(Err(tried.give_up()));
            } else {
                pending.push(tried);
            }
        }
    }
}

/// Steps that go to one node.
#[derive(Debug)]
struct Errand {
    member: Arc<Member>,
    pending: Vec<Pending>,
}

impl Errand {
    async fn run(self, steps: &[Step<'_>], deadline: Instant) -> Vec<(Pending, bool, Outcome)> {
        let is_replica = self.member.is_replica();
        let travellers = self.pending.iter().map(|pending| {
            let step = steps[pending.index];
            Traveller {
                step: if pending.by_text {
                    step.by_text()
                } else {
                    step
                },
                is_asking: matches!(pending.way, Way::Asking(_)),
            }
        });
        let deadline = match errand::left(deadline) {
            // So that the primary has its turn when the replica does not answer.
            Some(left) if is_replica => Instant::now() + left / 2,
            _ => deadline,
        };
        let outcomes = errand::run(self.member, travellers.collect(), deadline).await;
        let pending = self.pending.into_iter();
        pending
            .zip(outcomes)
            .map(|(pending, outcome)| (pending, is_replica, outcome))
            .collect()
    }
}

impl Pending {
    fn new(index: usize) -> Self {
        Self {
            index,
            way: Way::Owner,
            by_text: false,
            hops: 0,
            delays: 0,
            why: None,
        }
    }

    fn hop(&mut self, way: Way) {
        self.way = way;
        self.hops += 1;
        let message = "the cluster keeps moving the key's slot, or its nodes don't agree about \
                       who holds it: look at CLUSTER SLOTS on each";
        let why = Error::new(ErrorKind::Server, message);
        self.why = Some(why.transient().replay_safe());
    }

    fn later(&mut self, why: Error) {
        self.way = Way::Primary;
        self.delays += 1;
        self.why = Some(why);
    }

    fn pause(&self) -> Duration {
        let delays = self.delays + self.hops.saturating_sub(QUICK_HOPS);
        match delays {
            0 => Duration::ZERO,
            delays => jittered(FIRST_DELAY * (1 << (delays - 1).min(5))),
        }
    }

    fn is_exhausted(&self) -> bool {
        let is_hopeless = self.why.as_ref().is_some_and(|why| !why.is_transient());
        self.hops > MAX_HOPS || self.delays > MAX_DELAYS || (self.delays > 0 && is_hopeless)
    }

    fn give_up(self) -> Error {
        self.why
            .unwrap_or_else(|| error::unexpected_reply("an answer"))
    }
}
