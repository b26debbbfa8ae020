//! All that one simulation shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::checker::Checker;
use crate::database::Database;
use crate::dice::Dice;
use crate::network::{Network, Weather};
use crate::plan::Plan;
use crate::rule::Rule;
use crate::server::Server;
use crate::timeline::{Timeline, Tracing};

/// All that one simulation shares.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) database: Arc<Database>,
    pub(crate) checker: Arc<Checker>,
    pub(crate) network: Arc<Network>,
    pub(crate) without: Option<Rule>,
    operations: AtomicU64,
}

impl World {
    /// A world at its beginning.
    pub(crate) fn new(
        plan: Plan,
        dice: &mut Dice,
        without: Option<Rule>,
        tracing: Tracing,
    ) -> Arc<Self> {
        let plan = Arc::new(plan);
        let timeline = Timeline::new(tracing);
        let tags = (0..plan.key_count()).map(|key| plan.some_tags(key, dice));
        let tags: Vec<u8> = tags.collect();
        let database = Arc::new(Database::new(&tags, timeline.stamp()));
        let checker = Checker::new(
            Arc::clone(&timeline),
            Arc::clone(&database),
            Arc::clone(&plan),
        );
        let server = Server::new(Arc::clone(&timeline), Arc::clone(&checker), without);
        let weather = Weather::some(dice);
        let network = Network::new(Arc::clone(&timeline), server, weather, dice.fork(), without);
        Arc::new(Self {
            timeline,
            plan,
            database,
            checker,
            network,
            without,
            operations: AtomicU64::new(0),
        })
    }

    pub(crate) fn count_operation(&self) {
        self.operations.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }
}
