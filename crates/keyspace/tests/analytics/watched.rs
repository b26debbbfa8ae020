//! Analytics that a test tells what happens, at a time that it sets.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Event, MissReason, Observer, Origin, Space, Tier};
use larder_keyspace::analytics::{
    Analytics, AnalyticsOptions, KeysReport, NamespaceReport, ShapeReport,
};
use larder_testkit::ManualClock;

pub(crate) struct Watched {
    pub(crate) analytics: Arc<Analytics>,
    pub(crate) clock: Arc<ManualClock>,
    id: u32,
}

impl Watched {
    pub(crate) fn new() -> Self {
        Self::with(AnalyticsOptions::new())
    }

    pub(crate) fn with(options: AnalyticsOptions) -> Self {
        let clock = ManualClock::new();
        let options = options.clock(clock.clone());
        Self {
            analytics: Arc::new(Analytics::new(options)),
            clock,
            id: 7,
        }
    }

    pub(crate) fn tell<'k>(&self, event: impl FnOnce(Space<'static>) -> Event<'k>) {
        self.analytics.observe(&event(self.space()));
    }

    fn space(&self) -> Space<'static> {
        Space {
            id: self.id,
            name: "users",
        }
    }

    pub(crate) fn hit(&self, key: &str) {
        self.hit_in(key, Tier::L1);
    }

    pub(crate) fn hit_in(&self, key: &str, tier: Tier) {
        let space = self.space();
        self.analytics.observe(&Event::Hit { space, key, tier });
    }

    pub(crate) fn miss(&self, key: &str, reason: MissReason) {
        let space = self.space();
        self.analytics.observe(&Event::Miss { space, key, reason });
    }

    pub(crate) fn store(&self, key: &str, origin: Origin, (bytes, digest): (usize, u64)) {
        let space = self.space();
        let serialized = Event::Serialized {
            space,
            key,
            bytes,
            digest,
            origin,
        };
        self.analytics.observe(&serialized);
        let bytes = bytes + 104;
        self.analytics.observe(&Event::Stored { space, key, bytes });
    }

    /// A read that is loaded.
    pub(crate) fn load(&self, key: &str, digest: u64) {
        self.miss(key, MissReason::NotFound);
        self.store(key, Origin::Loaded, (100, digest));
    }

    pub(crate) fn delete(&self, key: &str) {
        let (space, keys) = (self.space(), &[key][..]);
        self.analytics.observe(&Event::Deleted { space, keys });
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn report(&self) -> NamespaceReport {
        self.analytics.key_analytics("users").unwrap()
    }

    pub(crate) fn keys(&self) -> KeysReport {
        self.report().keys.unwrap()
    }

    pub(crate) fn shape(&self, shape: &str) -> ShapeReport {
        let shapes = self.keys().shapes;
        let found = shapes.iter().find(|found| found.shape == shape);
        found
            .unwrap_or_else(|| panic!("no {shape}: {shapes:?}"))
            .clone()
    }
}
