//! Operations that load.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::api::{Found, LoadOutcome, LoaderFailed};
use super::{NOTES, Notes, Worker};
use crate::checker::{Checker, FlightId, Promise};
use crate::database::{Id, RowKind};
use crate::timeline::Stamp;
use crate::world::World;

/// For so long a load may be joined after its loader has ended, while it is stored.
const STORING_MILLIS: u64 = 1000;

/// What a loader does: reads the database, at one moment.
#[derive(Clone)]
struct Loader {
    world: Arc<World>,
    process: u32,
    begun: Stamp,
    before: u64,
    after: u64,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Succeeds,
    Fails,
}

/// A load that others may join.
struct Flight {
    world: Arc<World>,
    id: FlightId,
    linger_millis: u64,
}

impl Flight {
    fn begin(
        world: &Arc<World>,
        process: u32,
        key: usize,
        begun: Stamp,
        linger_millis: u64,
    ) -> Self {
        let id = Checker::flight_begins(&world.checker, process, key, begun);
        Self {
            world: Arc::clone(world),
            id,
            linger_millis,
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let ends = self.world.timeline.millis() + self.linger_millis;
        self.world.checker.flight_ends(self.id, ends);
    }
}

impl Loader {
    async fn load(self, keys: Vec<usize>) -> Result<Vec<(usize, Found)>, LoaderFailed> {
        let begin = |key: &usize| {
            Flight::begin(&self.world, self.process, *key, self.begun, STORING_MILLIS)
        };
        let _flights: Vec<Flight> = keys.iter().map(begin).collect();
        sleep(Duration::from_millis(self.before)).await;
        let found = keys.into_iter().map(|key| (key, self.read(key))).collect();
        sleep(Duration::from_millis(self.after)).await;
        match self.fate {
            Fate::Succeeds => Ok(found),
            Fate::Fails => Err(LoaderFailed),
        }
    }

    fn read(&self, key: usize) -> Found {
        let (id, version) = self.world.database.read(key);
        self.world
            .timeline
            .tell(format_args!("p{}", self.process), || {
                format!("reads v{id} of row {key} from the database")
            });
        (version.kind == RowKind::There).then_some((id, version.tags))
    }
}

impl Worker {
    pub(super) async fn load(&mut self, key: usize) {
        let (space, text) = self.place(key);
        // What a caller knows of the tags beforehand may be right, wrong or nothing.
        let mut tags = 0;
        if self.dice.percent(50) {
            tags = self.world.database.read(key).1.tags;
        }
        let loader = self.loader();
        let begun = loader.begun;
        let notes = Arc::new(Notes::default());
        let flight = Flight::begin(&self.world, self.process, key, begun, 0);
        let load = self.api.load(space, &text, tags, move || one(loader, key));
        let outcome = NOTES.scope(Arc::clone(&notes), load).await;
        self.settle("load", key, begun, &notes, &outcome);
        drop(flight);
    }

    pub(super) async fn get_or_load(&mut self, key: usize) {
        // The first row of a namespace: it has no tags that its loader would have to name.
        let key = key - key % self.world.plan.keys;
        let (space, text) = self.place(key);
        let loader = self.loader();
        let begun = loader.begun;
        let notes = Arc::new(Notes::default());
        let flight = Flight::begin(&self.world, self.process, key, begun, 0);
        let load = self.api.get_or_load(space, &text, move || one(loader, key));
        let outcome = NOTES.scope(Arc::clone(&notes), load).await;
        self.settle("get_or_load", key, begun, &notes, &outcome);
        drop(flight);
    }

    pub(super) async fn load_many(&mut self, key: usize) {
        let plan = Arc::clone(&self.world.plan);
        let (space, _) = self.place(key);
        let first = key - key % plan.keys;
        let keys = first..first + plan.keys;
        let loader = self.loader();
        let begun = loader.begun;
        let notes = Arc::new(Notes::default());
        let begin = |key| Flight::begin(&self.world, self.process, key, begun, 0);
        let flights: Vec<Flight> = keys.clone().map(begin).collect();
        let texts = keys.map(|key| plan.text_of(key)).collect();
        let of = Arc::clone(&plan);
        let load = self.api.load_many(space, texts, move |missing| async move {
            let space = format!("n{space}");
            let keys = missing.iter().filter_map(|text| of.key_of(&space, text));
            let found = loader.load(keys.collect()).await?.into_iter();
            Ok(found.map(|(key, found)| (of.text_of(key), found)).collect())
        });
        let outcome = NOTES.scope(Arc::clone(&notes), load).await;
        match outcome {
            LoadOutcome::Answered(rows) => {
                for (text, id) in rows {
                    if let Some(key) = plan.key_of(&format!("n{space}"), &text) {
                        let outcome = LoadOutcome::Answered(Some(id));
                        self.settle("load_many", key, begun, &notes, &outcome);
                    }
                }
            }
            LoadOutcome::Failed(why) => {
                let outcome = LoadOutcome::Failed(why);
                self.settle("load_many", key, begun, &notes, &outcome);
            }
            LoadOutcome::Panicked => {
                self.settle("load_many", key, begun, &notes, &LoadOutcome::Panicked);
            }
        }
        drop(flights);
    }

    fn loader(&mut self) -> Loader {
        let longest = self.world.plan.load_millis + 1;
        Loader {
            world: Arc::clone(&self.world),
            process: self.process,
            begun: self.world.timeline.stamp(),
            before: self.dice.below(longest),
            after: self.dice.below(longest),
            fate: if !self.is_final && self.dice.percent(5) {
                Fate::Fails
            } else {
                Fate::Succeeds
            },
        }
    }

    fn settle(
        &self,
        what: &str,
        key: usize,
        begun: Stamp,
        notes: &Notes,
        outcome: &LoadOutcome<Option<Id>>,
    ) {
        let (space, text) = self.place(key);
        let via = notes.via(key);
        self.tell(|| match outcome {
            LoadOutcome::Answered(Some(id)) => format!("{what} n{space}:{text}: v{id} ({via:?})"),
            other => format!("{what} n{space}:{text}: {other:?}"),
        });
        match outcome {
            LoadOutcome::Answered(Some(id)) => self.check(key, *id, begun, via),
            LoadOutcome::Panicked => {
                let what = format!("{what} of n{space}:{text} panicked");
                self.world.checker.violate(Promise::Panic, what, "");
            }
            LoadOutcome::Answered(None) | LoadOutcome::Failed(_) => {}
        }
    }
}

async fn one(loader: Loader, key: usize) -> Result<Found, LoaderFailed> {
    let found = loader.load(vec![key]).await?;
    Ok(found.into_iter().next().and_then(|(_, found)| found))
}
