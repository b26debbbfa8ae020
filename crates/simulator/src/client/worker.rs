//! One task of a process, which does one operation after another.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Api, NOTES, Notes};
use crate::checker::{Promise, Read, Via};
use crate::database::{Id, RowKind};
use crate::dice::Dice;
use crate::plan::Mood;
use crate::timeline::Stamp;
use crate::world::World;

/// No call may take longer, whatever the faults: it is far beyond all budgets together.
const LONGEST_CALL: Duration = Duration::from_secs(60);

/// A task of a process.
pub(crate) struct Worker {
    pub(super) world: Arc<World>,
    pub(super) process: u32,
    pub(super) task: u32,
    pub(super) api: Api,
    pub(super) dice: Dice,
    pub(super) is_final: bool,
}

/// What a task does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Get,
    Load,
    GetOrLoad,
    LoadMany,
    Exists,
    Delete,
    Set,
    SetIfAbsent,
    MarkStale,
    Expire,
    WriteThrough,
    InvalidateTags,
    Clear,
}

/// The name of a task in a trace, such as `p2.1`.
#[derive(Clone, Copy)]
pub(super) struct Name(u32, u32);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}.{}", self.0, self.1)
    }
}

impl Operation {
    const fn shares(mood: Mood) -> [(Self, u64); 13] {
        let [reading, writing, tagging] = match mood {
            Mood::Reading => [6, 1, 1],
            Mood::Mixed => [3, 2, 2],
            Mood::Writing => [2, 4, 1],
            Mood::Tagging => [3, 1, 5],
        };
        [
            (Self::Get, 5 * reading),
            (Self::Load, 5 * reading),
            (Self::GetOrLoad, reading),
            (Self::LoadMany, reading),
            (Self::Exists, 1),
            (Self::Delete, 3 * writing),
            (Self::Set, writing),
            (Self::SetIfAbsent, 1),
            (Self::MarkStale, 2 * writing),
            (Self::Expire, 1),
            (Self::WriteThrough, 2 * writing),
            (Self::InvalidateTags, 3 * tagging),
            (Self::Clear, tagging),
        ]
    }

    fn some(mood: Mood, dice: &mut Dice) -> Self {
        let shares = Self::shares(mood);
        let mut at = dice.below(shares.iter().map(|(_, share)| share).sum());
        for (operation, share) in shares {
            if at < share {
                return operation;
            }
            at -= share;
        }
        Self::Get
    }
}

impl Worker {
    pub(crate) fn new(world: &Arc<World>, process: u32, task: u32, api: Api, dice: Dice) -> Self {
        Self {
            world: Arc::clone(world),
            process,
            task,
            api,
            dice,
            is_final: false,
        }
    }

    /// Does so many operations.
    pub(crate) async fn run(mut self, operations: u32) {
        for _ in 0..operations {
            let pause = self.dice.below(self.world.plan.think_millis + 1);
            sleep(Duration::from_millis(pause)).await;
            self.one().await;
        }
    }

    /// Reads every key in every way, after all faults.
    pub(crate) async fn run_final(mut self) {
        self.is_final = true;
        for key in 0..self.world.plan.key_count() {
            self.get(key).await;
            self.load(key).await;
        }
    }

    async fn one(&mut self) {
        self.world.count_operation();
        let key = self.dice.index(self.world.plan.key_count());
        let operation = Operation::some(self.world.plan.mood, &mut self.dice);
        let world = Arc::clone(&self.world);
        let run = async {
            match operation {
                Operation::Get => self.get(key).await,
                Operation::Load => self.load(key).await,
                Operation::GetOrLoad => self.get_or_load(key).await,
                Operation::LoadMany => self.load_many(key).await,
                Operation::Exists => self.exists(key).await,
                Operation::Delete => self.delete(key).await,
                Operation::Set => self.set(key).await,
                Operation::SetIfAbsent => self.set_if_absent(key).await,
                Operation::MarkStale => self.mark_stale(key).await,
                Operation::Expire => self.expire(key).await,
                Operation::WriteThrough => self.write_through(key).await,
                Operation::InvalidateTags => self.invalidate_tags().await,
                Operation::Clear => self.clear(key).await,
            }
        };
        if timeout(LONGEST_CALL, Box::pin(run)).await.is_err() {
            let what = format!("{operation:?} did not end within {LONGEST_CALL:?}");
            world.checker.violate(Promise::Ending, what, "");
        }
    }

    async fn get(&mut self, key: usize) {
        let (space, text) = self.place(key);
        let begun = self.world.timeline.stamp();
        let notes = Arc::new(Notes::default());
        let got = NOTES
            .scope(Arc::clone(&notes), self.api.get(space, &text))
            .await;
        let id = got.unwrap_or_default();
        let via = notes.via(key);
        self.tell(|| match id {
            Some(id) => format!("get n{space}:{text}: v{id} ({via:?})"),
            None => format!("get n{space}:{text}: nothing"),
        });
        if let Some(id) = id {
            self.check(key, id, begun, via);
        }
    }

    async fn exists(&mut self, key: usize) {
        let (space, text) = self.place(key);
        let exists = self.api.exists(space, &text).await;
        self.tell(|| format!("exists n{space}:{text}: {:?}", exists.ok()));
    }

    pub(super) fn check(&self, key: usize, id: Id, begun: Stamp, via: Via) {
        self.world.checker.check(&Read {
            process: self.process,
            key,
            id,
            begun,
            ended: self.world.timeline.stamp(),
            via,
            is_final: self.is_final,
        });
    }

    pub(super) fn place(&self, key: usize) -> (usize, String) {
        let plan = &self.world.plan;
        (plan.space_of(key), plan.text_of(key))
    }

    /// Writes a new version of a row to the database.
    pub(super) fn update(&mut self, key: usize) -> Id {
        let kind = if self.dice.percent(6) {
            RowKind::Gone
        } else {
            RowKind::There
        };
        let tags = self.world.plan.some_tags(key, &mut self.dice);
        self.commit(key, tags, kind)
    }

    pub(super) fn commit(&mut self, key: usize, tags: u8, kind: RowKind) -> Id {
        let id = self.world.database.prepare(key, tags, kind);
        self.world.database.commit(id, self.world.timeline.stamp());
        let (space, text) = self.place(key);
        self.tell(|| {
            format!("writes v{id} of n{space}:{text} to the database, {kind:?}, tags {tags:04b}")
        });
        id
    }

    /// Sometimes a change comes right after the database's, sometimes a while later.
    pub(super) async fn dawdle(&mut self) {
        if self.dice.percent(30) {
            let pause = self.dice.between(1, 12);
            sleep(Duration::from_millis(pause)).await;
        }
    }

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        let name = Name(self.process, self.task);
        self.world.timeline.tell(name, what);
    }
}
