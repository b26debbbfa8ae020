//! Holding a read against all changes before it.

use super::ban::{Ban, ChangeOutcome, Place};
use super::{Checker, Promise, State};
use crate::database::{Id, Version};
use crate::timeline::Stamp;

/// A read that returned a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) process: u32,
    pub(crate) key: usize,
    pub(crate) id: Id,
    pub(crate) begun: Stamp,
    pub(crate) ended: Stamp,
    pub(crate) via: Via,
    /// All faults are over, and time enough has passed since.
    pub(crate) is_final: bool,
}

/// Where the value came from, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// Process memory.
    L1,
    /// Process memory, said to be behind as the server does not answer.
    Outage,
    /// The backend, asked by this read.
    L2,
    /// Another caller of the same process, or nobody knows.
    Shared,
    /// A stale value, said to be such.
    Stale,
}

/// What a change is to a read.
enum Ruling {
    Allowed,
    Lost,
    Overwritten,
    Forbidden(Promise),
}

impl Checker {
    /// Holds a read against all changes before it.
    pub(crate) fn check(&self, read: &Read) {
        let mut state = self.lock();
        let version = self.database.version(read.id);
        let Some(version) = version.filter(|version| {
            let committed = version.committed.is_some_and(|at| at <= read.ended);
            committed && version.key == read.key
        }) else {
            let what = format!("{} was never written there", self.describe(read));
            self.blame(&mut state, Promise::Truth, what, read.key);
            return;
        };
        if read.via == Via::Stale || state.served_stale_during(read) {
            state.checks.stale += 1;
            return;
        }
        state.checks.reads += 1;
        if version.superseded.is_none() {
            return;
        }
        if let Some((promise, what)) = self.held_against_all(&mut state, read, &version) {
            self.blame(&mut state, promise, what, read.key);
        }
    }

    fn held_against_all(
        &self,
        state: &mut State,
        read: &Read,
        version: &Version,
    ) -> Option<(Promise, String)> {
        let (mut lost, mut overwritten) = (false, false);
        let mut broken = None;
        for ban in &state.bans {
            match self.rule(state, ban, read, version) {
                Ruling::Allowed => {}
                Ruling::Lost => lost = true,
                Ruling::Overwritten => overwritten = true,
                Ruling::Forbidden(promise) => {
                    let what = format!(
                        "{}, which `{}` by p{} had outdated (asked at {} ms, answered at {} ms)",
                        self.describe(read),
                        ban.name,
                        ban.process,
                        ban.begun.millis,
                        ban.answered.millis,
                    );
                    broken = Some((promise, what));
                    break;
                }
            }
        }
        state.checks.exempt_lost += u64::from(lost);
        state.checks.exempt_overwritten += u64::from(overwritten);
        broken
    }

    fn rule(&self, state: &State, ban: &Ban, read: &Read, version: &Version) -> Ruling {
        if !ban.means(version) {
            return Ruling::Allowed;
        }
        let own = ban.process == read.process;
        let alive = !state.crashed.contains(&ban.process);
        let begun = match read.via {
            Via::Shared if !own => state.flight_of(read),
            _ => read.begun,
        };
        let promise = match (own, ban.outcome, read.via, ban.place) {
            (true, ..) if read.begun > ban.answered => Promise::P1,
            (true, ..) => return Ruling::Allowed,
            (false, ChangeOutcome::Failed, ..) if read.is_final && alive => Promise::P2,
            (false, ChangeOutcome::Failed, ..) => return Ruling::Allowed,
            (false, _, Via::L2, Place::Value) if begun > ban.answered => Promise::P1,
            _ if begun.millis > ban.answered.millis + self.bound(read) => Promise::P2,
            _ => return Ruling::Allowed,
        };
        if state.history.is_lifted(ban, read.id) {
            return Ruling::Overwritten;
        }
        if !own && self.is_lost(state, ban, read, begun) {
            return Ruling::Lost;
        }
        Ruling::Forbidden(promise)
    }

    /// How far behind a read of another process may be, in milliseconds.
    fn bound(&self, read: &Read) -> u64 {
        let outage = match read.via {
            Via::Outage => self.plan.outage_millis(),
            _ => 0,
        };
        self.plan.staleness_millis() + outage
    }

    /// Whether a failover had lost the change when the read may have asked.
    fn is_lost(&self, state: &State, ban: &Ban, read: &Read, begun: Stamp) -> bool {
        let Some(loss) = state.history.loss(ban) else {
            return false;
        };
        if read.ended < loss.from {
            return false;
        }
        let alive = !state.crashed.contains(&ban.process);
        let until = match loss.until {
            Some(until) => until.millis + self.bound(read),
            // Whoever lives makes up for it; else the values' own end does.
            None if alive && read.is_final => return false,
            None => loss.from.millis + self.plan.hard_millis() + self.bound(read),
        };
        begun.millis <= until
    }

    fn describe(&self, read: &Read) -> String {
        let place = match read.via {
            Via::L1 => "from L1",
            Via::Outage => "from L1 in an outage",
            Via::L2 => "from the backend",
            Via::Shared => "from another caller's load",
            Via::Stale => "stale",
        };
        let key = self.plan.physical(read.key);
        let key = key.map(|key| key.to_string()).unwrap_or_default();
        format!(
            "p{} read v{} of {key} {place} (begun at {} ms)",
            read.process, read.id, read.begun.millis
        )
    }

    fn blame(&self, state: &mut State, promise: Promise, what: String, key: usize) {
        let key = self.plan.physical(key);
        let key = key.map(|key| key.to_string()).unwrap_or_default();
        self.push(state, promise, what, &key);
    }
}

impl State {
    /// When the load began that the read may have joined.
    fn flight_of(&self, read: &Read) -> Stamp {
        let flights = self.flights.iter().filter(|flight| {
            flight.process == read.process
                && flight.key == read.key
                && flight.begun <= read.ended
                && flight.ends >= read.begun.millis
        });
        flights
            .map(|flight| flight.begun)
            .fold(read.begun, Stamp::min)
    }

    /// Whether a stale value was served, and called so, while the read went on.
    fn served_stale_during(&self, read: &Read) -> bool {
        if read.via != Via::Shared {
            return false;
        }
        let served = self.stale_served.get(&(read.process, read.key));
        served.is_some_and(|at| at.iter().any(|at| (read.begun..=read.ended).contains(at)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::advance;

    use super::super::{Effect, MutationKind, Reach};
    use super::*;
    use crate::database::{Database, RowKind};
    use crate::dice::Dice;
    use crate::plan::Plan;
    use crate::timeline::{Timeline, Tracing};

    const MAKER: u32 = 1;
    const OTHER: u32 = 2;

    /// A row that was changed, and a process that deleted it from the cache then.
    struct Story {
        timeline: Arc<Timeline>,
        checker: Arc<Checker>,
        plan: Arc<Plan>,
        old: Id,
    }

    impl Story {
        fn new() -> Self {
            let timeline = Timeline::new(Tracing::Off);
            let plan = Arc::new(Plan::of(&mut Dice::new(1)));
            let tags = vec![0; plan.key_count()];
            let database = Arc::new(Database::new(&tags, timeline.stamp()));
            let (old, _) = database.read(0);
            let new = database.prepare(0, 0, RowKind::There);
            database.commit(new, timeline.stamp());
            let checker = Checker::new(Arc::clone(&timeline), database, Arc::clone(&plan));
            Self {
                timeline,
                checker,
                plan,
                old,
            }
        }

        fn change(&self, outcome: ChangeOutcome) {
            let begun = self.timeline.stamp();
            let keys: Vec<_> = self.plan.physical(0).into_iter().collect();
            for key in &keys {
                let at = self.timeline.stamp();
                let checker = &self.checker;
                checker.mutated(MAKER, key, MutationKind::Delete, None, at);
            }
            self.checker.forbid(Ban {
                process: MAKER,
                reach: Reach::Key(0),
                keys,
                place: Place::Value,
                effect: Effect::Gone,
                cutoff: begun,
                begun,
                answered: self.timeline.stamp(),
                outcome,
                name: "delete".into(),
            });
        }

        fn read(&self, process: u32, id: Id, via: Via) -> Option<Promise> {
            self.checker.check(&Read {
                process,
                key: 0,
                id,
                begun: self.timeline.stamp(),
                ended: self.timeline.stamp(),
                via,
                is_final: false,
            });
            let (_, violations) = self.checker.verdict();
            violations.first().map(|violation| violation.promise)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_acknowledged_change_forbids_what_was_before_it() {
        let story = Story::new();
        let (old, new) = (story.old, story.old + story.plan.key_count());
        assert_eq!(
            story.read(MAKER, old, Via::L2),
            None,
            "nothing was promised"
        );
        story.change(ChangeOutcome::Made);
        assert_eq!(story.read(MAKER, new, Via::L2), None);
        assert_eq!(story.read(MAKER, old, Via::L2), Some(Promise::P1));
        assert_eq!(story.read(MAKER, old, Via::L1), Some(Promise::P1));
        assert_eq!(story.read(MAKER, old, Via::Shared), Some(Promise::P1));
        assert_eq!(story.read(MAKER, old, Via::Stale), None, "it was called so");
        assert_eq!(story.read(OTHER, old, Via::L2), Some(Promise::P1));
        assert_eq!(story.read(OTHER, old, Via::L1), None, "not told yet");
        advance(story.plan.max_staleness + Duration::from_millis(1)).await;
        assert_eq!(story.read(OTHER, old, Via::L1), Some(Promise::P2));
        assert_eq!(story.read(OTHER, new + 1, Via::L2), Some(Promise::Truth));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_change_binds_its_own_process_alone() {
        let story = Story::new();
        story.change(ChangeOutcome::Failed);
        advance(story.plan.max_staleness * 2).await;
        assert_eq!(story.read(OTHER, story.old, Via::L2), None);
        assert_eq!(story.read(MAKER, story.old, Via::L2), Some(Promise::P1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_change_binds_others_when_it_was_made_up_for() {
        let story = Story::new();
        story.change(ChangeOutcome::Made);
        advance(Duration::from_millis(5)).await;
        story.checker.failed_over(0, story.timeline.stamp());
        assert_eq!(story.read(OTHER, story.old, Via::L2), None);
        assert_eq!(story.read(MAKER, story.old, Via::L2), Some(Promise::P1));
        let key = story.plan.physical(0).unwrap();
        let at = story.timeline.stamp();
        let checker = &story.checker;
        checker.mutated(MAKER, &key, MutationKind::Delete, None, at);
        advance(story.plan.max_staleness + Duration::from_millis(1)).await;
        assert_eq!(story.read(OTHER, story.old, Via::L2), Some(Promise::P1));
    }
}
