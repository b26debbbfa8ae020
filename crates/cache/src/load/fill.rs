//! Storing what was loaded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{
    Error, ErrorKind, Event, FillOutcome, KeptFrom, Key, RefusalReason, Result, Ttl,
};

use super::lease::Permission;
use super::options::LoadTerms;
use super::repair::LASTS;
use super::{Keeping, Loaded};
use crate::guards::Guard;
use crate::l1::Slot;
use crate::shared::{Budget, Shared, SpaceState};
use crate::value::Value;
use crate::writing::{Encoded, Prepared, Terms};

/// What was loaded for one key.
pub(crate) struct Fill<'a, V> {
    pub(crate) key: &'a str,
    pub(crate) value: Option<Arc<V>>,
    /// The terms the loader gave with it.
    pub(crate) said: Loaded<()>,
    pub(crate) permission: Permission,
}

/// A fill on its way to the backend.
struct Ready<'a> {
    key: &'a str,
    fill: larder_cache_core::Fill,
    slot: Option<Slot>,
}

impl<'a, V> Fill<'a, V> {
    pub(crate) fn new(key: &'a str, loaded: Loaded<V>, permission: Permission) -> Self {
        let Loaded {
            value,
            ttl,
            tags,
            keeping,
        } = loaded;
        Self {
            key,
            said: Loaded {
                value: value.is_some().then_some(()),
                ttl,
                tags,
                keeping,
            },
            value: value.map(Arc::new),
            permission,
        }
    }
}

impl Shared {
    /// Stores what was loaded, where its lease still stands, and says of each whether it did.
    /// A load never fails because its value could not be stored.
    pub(crate) async fn fill<V: Value>(
        &self,
        space: &SpaceState,
        fills: &[Fill<'_, V>],
        terms: &LoadTerms,
        load_cost: Duration,
        budget: &mut Budget,
    ) -> Vec<bool> {
        let mut ready = Vec::with_capacity(fills.len());
        let mut places = Vec::with_capacity(fills.len());
        let mut given_back = Vec::new();
        for (place, fill) in fills.iter().enumerate() {
            match self.ready(space, fill, terms, load_cost, budget).await {
                Ok(fill) => {
                    places.push(place);
                    ready.push(fill);
                }
                Err(reason) => {
                    self.refuse(space, fill.key, reason);
                    given_back.extend(self.given_back(space, fill));
                }
            }
        }
        let sent = self.send_fills(space, ready, budget).await;
        self.end_leases(given_back, budget).await;
        let mut stored = vec![false; fills.len()];
        for (place, _) in places.into_iter().zip(sent).filter(|(_, sent)| *sent) {
            let Fill { key, value, .. } = &fills[place];
            self.flights.renew_repair(space.id(), key, value.as_ref());
            stored[place] = true;
        }
        stored
    }

    /// Whether what was loaded lives long enough to answer, for a while, for a bad value that
    /// comes again.
    pub(crate) fn outlives_repair<V>(
        &self,
        space: &SpaceState,
        fill: &Fill<'_, V>,
        terms: &LoadTerms,
    ) -> bool {
        let settings = space.settings();
        let Ok(asked) = terms.merged(&fill.said, Duration::ZERO) else {
            return false;
        };
        let ttl = match (asked.ttl, fill.said.value) {
            (Ttl::Default, Some(())) => settings.ttl.resolve(&self.ttl_classes).ok(),
            (Ttl::Default, None) => settings.negative_ttl.map(Some),
            (asked, _) => asked.resolve(&self.ttl_classes).ok(),
        };
        ttl.is_some_and(|ttl| ttl.is_none_or(|ttl| ttl >= LASTS))
    }

    fn given_back<V>(
        &self,
        space: &SpaceState,
        fill: &Fill<'_, V>,
    ) -> Option<(Key, larder_cache_core::Grant, FillOutcome)> {
        let Permission::Store(permit) = &fill.permission else {
            return None;
        };
        let key = self.stored_key(&space.settings(), fill.key).ok()?;
        Some((key, permit.grant, FillOutcome::Release))
    }

    async fn ready<'a, V: Value>(
        &self,
        space: &SpaceState,
        fill: &Fill<'a, V>,
        terms: &LoadTerms,
        load_cost: Duration,
        budget: &mut Budget,
    ) -> Result<Ready<'a>, RefusalReason> {
        let permit = match &fill.permission {
            Permission::Store(permit) => permit,
            Permission::Withhold(reason) => return Err(*reason),
        };
        if fill.said.keeping == Keeping::Uncached {
            return Err(RefusalReason::Uncached);
        }
        let settings = space.settings();
        let refused = |error: Error| refusal_of(space, &error);
        let terms = terms.merged(&fill.said, load_cost).map_err(refused)?;
        let encoded = self.encoded(space, fill, &terms)?;
        let key = self.physical_key(&settings, fill.key).map_err(refused)?;
        if self.pending.holds(&key) {
            return Err(RefusalReason::Pending);
        }
        let captured = &permit.captured;
        let stand = self.stand_after(captured, &settings, &terms.tags, budget);
        let stand = stand.await.map_err(refused)?;
        let stand = stand.ok_or(RefusalReason::UnknownEpoch)?;
        let (outcome, slot) = match encoded {
            Some(encoded) => {
                let times = &mut self.server_times();
                let prepared = self.prepare(space, encoded, (&terms, stand), times, budget);
                let Prepared { write, slot } = prepared.await.map_err(refused)?;
                (FillOutcome::Store(write.value, write.ttl), slot)
            }
            // There is no value and the namespace does not remember that.
            None => (FillOutcome::Remove, None),
        };
        let fill_sent = larder_cache_core::Fill {
            key,
            grant: permit.grant,
            outcome,
        };
        Ok(Ready {
            key: fill.key,
            fill: fill_sent,
            slot,
        })
    }

    /// Serialization is code of the caller's, and may panic.
    fn encoded<V: Value>(
        &self,
        space: &SpaceState,
        fill: &Fill<'_, V>,
        terms: &Terms,
    ) -> Result<Option<Encoded<V>>, RefusalReason> {
        let encode = || self.encode(space, fill.key, fill.value.as_ref(), terms);
        match catch_unwind(AssertUnwindSafe(encode)) {
            Ok(encoded) => encoded.map_err(|error| refusal_of(space, &error)),
            Err(_) => {
                let namespace = space.registered.name();
                tracing::error!(namespace, "a value panicked while it was serialized");
                Err(RefusalReason::Unserializable)
            }
        }
    }

    /// Sends the fills, and says which were accepted.
    async fn send_fills(
        &self,
        space: &SpaceState,
        ready: Vec<Ready<'_>>,
        budget: &mut Budget,
    ) -> Vec<bool> {
        if ready.is_empty() {
            return Vec::new();
        }
        let sample = |fill: &Ready<'_>| self.l1.sample(space.id(), fill.key);
        let samples: Vec<_> = ready.iter().map(sample).collect();
        let fills: Vec<_> = ready.iter().map(|fill| fill.fill.clone()).collect();
        let backend = &self.backend;
        let sent = self.call("fill", budget, |call| backend.fill(&fills, call));
        let sent = sent.await;
        let mut accepted = vec![false; ready.len()];
        for (index, (Ready { key, fill, slot }, sample)) in
            ready.into_iter().zip(samples).enumerate()
        {
            let stored = sent
                .as_ref()
                .is_ok_and(|stored| stored.get(index) == Some(&true));
            accepted[index] = stored;
            let keeps = stored || !self.guards.hold(Guard::UnleasedInserts);
            // Whatever came of the fill, what L1 held before is outdated.
            let slot = slot.filter(|_| keeps);
            let weight = self.l1.supersede(space.id(), key, slot, sample);
            self.tell_kept(space, key, weight, KeptFrom::Change);
            match (&sent, &fill.outcome) {
                (Err(_), _) => self.refuse(space, key, RefusalReason::Backend),
                (Ok(_), _) if !stored => self.refuse(space, key, RefusalReason::Superseded),
                (Ok(_), FillOutcome::Store(value, _)) => self.tell_stored(space, key, value.len()),
                _ => {}
            }
        }
        accepted
    }

    pub(crate) fn refuse(&self, space: &SpaceState, key: &str, reason: RefusalReason) {
        let event = Event::FillRefused {
            space: space.registered.space(),
            key,
            reason,
        };
        self.emit(space, &event);
    }
}

fn refusal_of(space: &SpaceState, error: &Error) -> RefusalReason {
    tracing::debug!(%error, namespace = space.registered.name(), "a loaded value is not stored");
    match error.kind() {
        ErrorKind::TooLarge => RefusalReason::TooLarge,
        ErrorKind::Codec => RefusalReason::Unserializable,
        ErrorKind::InvalidTtl | ErrorKind::InvalidTag => RefusalReason::InvalidTerms,
        _ => RefusalReason::Backend,
    }
}
