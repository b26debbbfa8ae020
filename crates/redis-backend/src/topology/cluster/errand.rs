//! Steps that go to one node together.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Call, Error, Result};
use redis::{Pipeline, Value};
use tokio::time::Instant;

use super::member::Member;
use super::redirect::{Redirect, redirect};
use crate::commands::{Answer, Replies, Step, batch_of};
use crate::lane::Turn;

/// One step on its way.
#[derive(Debug)]
pub(super) struct Traveller<'a> {
    pub(super) step: Step<'a>,
    /// Whether the node is to be told that it was asked on another's advice.
    pub(super) is_asking: bool,
}

/// What became of a step.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An answer, also one that refuses.
    Answered(Answer),
    /// It had no effect: where to go on.
    Redirected(Redirect, Error),
    /// No connection, or no answer.
    Failed(Error),
}

/// Asks a node, in the order of the steps, until the deadline. There is one outcome for each.
pub(super) async fn run(
    member: Arc<Member>,
    steps: Vec<Traveller<'_>>,
    deadline: Instant,
) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(steps.len());
    let mut rest = &steps[..];
    while !rest.is_empty() {
        let (some, others) = rest.split_at(batch_of(rest.iter().map(|traveller| &traveller.step)));
        let failure = match turn(&member, deadline).await {
            Ok(turn) => ask(&turn, &member, some, &mut outcomes).await.err(),
            Err(error) => Some(error),
        };
        if let Some(error) = failure {
            outcomes.extend(rest.iter().map(|_| Outcome::Failed(error.clone())));
            break;
        }
        rest = others;
    }
    outcomes
}

async fn turn(member: &Member, deadline: Instant) -> Result<Turn<'_>> {
    let left = deadline.saturating_duration_since(Instant::now());
    member.lane().turn(Call::within(left)).await
}

async fn ask(
    turn: &Turn<'_>,
    member: &Member,
    steps: &[Traveller<'_>],
    outcomes: &mut Vec<Outcome>,
) -> Result<()> {
    let mut commands = Pipeline::with_capacity(steps.len());
    let mut counts = Vec::with_capacity(steps.len());
    for traveller in steps {
        if !traveller.step.may_go_on(turn.link()) {
            counts.push(0);
            continue;
        }
        if traveller.is_asking {
            commands.cmd("ASKING");
        }
        counts.push(traveller.step.add_to(&mut commands));
    }
    let replies = match commands.is_empty() {
        true => Vec::new(),
        false => turn.run(turn.link().send_all(&commands)).await?,
    };
    let mut replies = replies.into_iter();
    for (traveller, count) in steps.iter().zip(counts) {
        if count == 0 {
            let refused = Replies::refused_on(turn.link().connection());
            outcomes.push(Outcome::Answered(Ok(refused)));
            continue;
        }
        if traveller.is_asking {
            replies.next();
        }
        let own: Vec<Value> = replies.by_ref().take(count).collect();
        outcomes.push(outcome(turn, member, own));
    }
    Ok(())
}

fn outcome(turn: &Turn<'_>, member: &Member, replies: Vec<Value>) -> Outcome {
    let redirect = redirect(&replies, &member.place.host);
    let answered = replies.into_iter().map(|reply| turn.link().read(reply));
    let answered: Result<Vec<Value>> = answered.collect();
    match (redirect, answered) {
        (Some(redirect), Err(error)) => Outcome::Redirected(redirect, error),
        (_, answered) => Outcome::Answered(answered.map(|replies| Replies {
            replies,
            connection: turn.link().connection(),
        })),
    }
}

/// When a call's budget ends; one beyond all clocks is a year.
pub(super) fn deadline(call: Call) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    Instant::now() + call.budget.min(YEAR)
}

/// What is left until a deadline; `None` when it is over.
pub(super) fn left(deadline: Instant) -> Option<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}
