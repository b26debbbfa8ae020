//! Operations that change: first the database, then the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder_cache_core::Key;
use tokio::time::sleep;

use super::Worker;
use super::api::LoaderFailed;
use crate::checker::{Ban, ChangeOutcome, Effect, Place, Reach};
use crate::database::{RowKind, SITE, names_of};
use crate::plan::Plan;
use crate::timeline::Stamp;

/// A change that is about to be made.
struct Change {
    name: String,
    reach: Reach,
    keys: Vec<Key>,
    place: Place,
    effect: Effect,
    begun: Stamp,
}

impl Worker {
    pub(super) async fn delete(&mut self, key: usize) {
        self.update(key);
        self.dawdle().await;
        let (space, text) = self.place(key);
        let change = self.change_of_key("delete", key, Effect::Gone);
        let outcome = self.api.delete(space, &text).await;
        self.made(change, None, outcome);
    }

    pub(super) async fn mark_stale(&mut self, key: usize) {
        self.update(key);
        self.dawdle().await;
        let (space, text) = self.place(key);
        let change = self.change_of_key("mark_stale", key, Effect::Stale);
        let outcome = self.api.mark_stale(space, &text).await;
        self.made(change, None, outcome);
    }

    pub(super) async fn set(&mut self, key: usize) {
        let tags = self.world.plan.some_tags(key, &mut self.dice);
        let id = self.commit(key, tags, RowKind::There);
        self.dawdle().await;
        let (space, text) = self.place(key);
        self.world.checker.writes_plainly(self.process, id);
        let change = self.change_of_key("set", key, Effect::Gone);
        let outcome = self.api.set(space, &text, id, tags).await;
        self.made(change, None, outcome);
    }

    /// It promises nothing but that its value is true: others may have the last word.
    pub(super) async fn set_if_absent(&mut self, key: usize) {
        let tags = Plan::tags_of_space(self.world.plan.space_of(key));
        let id = self.commit(key, tags, RowKind::There);
        let (space, text) = self.place(key);
        self.world.checker.writes_plainly(self.process, id);
        let stored = self.api.set_if_absent(space, &text, id).await;
        self.tell(|| format!("set_if_absent n{space}:{text} v{id}: {:?}", stored.ok()));
    }

    pub(super) async fn expire(&mut self, key: usize) {
        let (space, text) = self.place(key);
        let ttl = Duration::from_millis(self.dice.pick(&[20, 500, 2000]));
        let begun = self.world.timeline.stamp();
        if let Ok(physical) = self.world.plan.physical(key) {
            let checker = &self.world.checker;
            checker.moves_expiry(self.process, physical, begun);
        }
        let moved = self.api.expire(space, &text, ttl).await;
        self.tell(|| format!("expire n{space}:{text} {ttl:?}: {:?}", moved.ok()));
    }

    pub(super) async fn write_through(&mut self, key: usize) {
        let (space, text) = self.place(key);
        let tags = Plan::tags_of_space(space);
        let id = self.world.database.prepare(key, tags, RowKind::There);
        let (before, after) = (self.dice.below(20), self.dice.below(20));
        let fails = self.dice.percent(8);
        let world = Arc::clone(&self.world);
        let committed = Arc::new(AtomicBool::new(false));
        let commits = Arc::clone(&committed);
        let writer = move || async move {
            sleep(Duration::from_millis(before)).await;
            if fails {
                return Err(LoaderFailed);
            }
            world.database.commit(id, world.timeline.stamp());
            commits.store(true, Ordering::Relaxed);
            world
                .timeline
                .tell("db", || format!("v{id} of row {key} is written"));
            sleep(Duration::from_millis(after)).await;
            Ok(())
        };
        let change = self.change_of_key("write_through", key, Effect::Gone);
        let outcome = self.api.write_through(space, &text, id, writer).await;
        let version = self.world.database.version(id);
        let cutoff = version.and_then(|version| version.committed);
        match outcome {
            Some(outcome) if committed.load(Ordering::Relaxed) => {
                self.made(change, cutoff, outcome);
            }
            outcome => self.tell(|| format!("write_through n{space}:{text} v{id}: {outcome:?}")),
        }
    }

    pub(super) async fn invalidate_tags(&mut self) {
        let together = self.dice.percent(35);
        let tags = self.some_wanted_tags(together);
        let effect = self.some_effect();
        let reach = if together {
            Reach::AllTags(tags)
        } else {
            Reach::AnyTag(tags)
        };
        for key in 0..self.world.plan.key_count() {
            let (_, version) = self.world.database.read(key);
            let meant = match reach {
                Reach::AllTags(tags) => version.tags & tags == tags,
                _ => version.tags & tags != 0,
            };
            if meant {
                self.update(key);
            }
        }
        self.dawdle().await;
        let change = Change {
            name: format!("invalidate {effect:?} {reach:?} {:?}", names_of(tags)),
            keys: Plan::epochs_of_tags(tags, together).unwrap_or_default(),
            reach,
            place: Place::Epochs,
            effect,
            begun: self.world.timeline.stamp(),
        };
        let outcome = if together {
            self.api.invalidate_all(tags, effect).await
        } else {
            self.api.invalidate_any(tags, effect).await
        };
        self.made(change, None, outcome);
    }

    pub(super) async fn clear(&mut self, key: usize) {
        let plan = Arc::clone(&self.world.plan);
        let space = plan.space_of(key);
        let effect = self.some_effect();
        let (first, end) = (space * plan.keys, (space + 1) * plan.keys);
        for key in first..end {
            self.update(key);
        }
        self.dawdle().await;
        let change = Change {
            name: format!("clear {effect:?} n{space}"),
            reach: Reach::Space(first, end),
            keys: plan.epoch_of_space(space).into_iter().collect(),
            place: Place::Epochs,
            effect,
            begun: self.world.timeline.stamp(),
        };
        let outcome = self.api.clear(space, effect).await;
        self.made(change, None, outcome);
    }

    fn some_wanted_tags(&mut self, together: bool) -> u8 {
        let mut tag = || 1 << self.dice.below(4);
        let (first, second) = (tag(), tag());
        let tags: u8 = if together || self.dice.percent(30) {
            first | second
        } else {
            first
        };
        if tags == 0 { SITE } else { tags }
    }

    fn some_effect(&mut self) -> Effect {
        if self.dice.percent(40) {
            Effect::Stale
        } else {
            Effect::Gone
        }
    }

    fn change_of_key(&self, what: &str, key: usize, effect: Effect) -> Change {
        let (space, text) = self.place(key);
        Change {
            name: format!("{what} n{space}:{text}"),
            reach: Reach::Key(key),
            keys: self.world.plan.physical(key).into_iter().collect(),
            place: Place::Value,
            effect,
            begun: self.world.timeline.stamp(),
        }
    }

    /// The cache has answered: from now on, what was superseded until the cutoff is
    /// forbidden. Without one: until the cache was asked.
    fn made(&self, change: Change, cutoff: Option<Stamp>, outcome: ChangeOutcome) {
        let Change {
            name,
            reach,
            keys,
            place,
            effect,
            begun,
        } = change;
        self.tell(|| format!("{name}: {outcome:?}"));
        self.world.checker.forbid(Ban {
            process: self.process,
            reach,
            keys,
            place,
            effect,
            cutoff: cutoff.unwrap_or(begun),
            begun,
            answered: self.world.timeline.stamp(),
            outcome,
            name,
        });
    }
}
