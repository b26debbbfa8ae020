//! The way of a write: value, entry, backend, L1.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{
    Compression, Condition, EntryId, Event, Freshness, Header, Key, Kind, Lifetime, Namespace,
    Origin, Place, Result, Tag, Ttl, Write,
};

use crate::epochs::Stand;
use crate::l1::Slot;
use crate::lifetime::{self, Spread};
use crate::options::SetOptions;
use crate::payload::Body;
use crate::reading::SlotTerms;
use crate::shared::{Budget, ServerTimes, Shared, SpaceState};
use crate::value::Value;

/// How a value is to be stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) ttl: Ttl,
    pub(crate) tags: Vec<Tag>,
    pub(crate) compression: Compression,
    pub(crate) load_cost: Duration,
    pub(crate) origin: Origin,
}

impl Terms {
    /// The terms of a write that a caller asks for.
    ///
    /// # Errors
    /// Kind `InvalidTag`.
    pub(crate) fn of(options: &SetOptions, namespace: &Namespace) -> Result<Self> {
        Ok(Self {
            ttl: options.ttl,
            tags: Tag::list(options.tags.iter().chain(&namespace.tags))?,
            compression: options.compression,
            load_cost: Duration::ZERO,
            origin: Origin::Written,
        })
    }
}

/// A write that is ready to go, and what L1 will hold after it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) write: Write,
    pub(crate) slot: Option<Slot>,
}

/// A value as it will be stored, but for its header.
#[derive(Debug)]
pub(crate) struct Encoded<V> {
    physical: Key,
    value: Option<Arc<V>>,
    /// `None`: there is no value.
    body: Option<Body>,
    lifetime: Lifetime,
}

impl Shared {
    /// Encodes a value, or its absence; `None` where the namespace does not remember
    /// absence.
    pub(crate) fn encode<V: Value>(
        &self,
        space: &SpaceState,
        key: &str,
        value: Option<&Arc<V>>,
        terms: &Terms,
    ) -> Result<Option<Encoded<V>>> {
        let settings = space.settings();
        let physical = self.physical_key(&settings, key)?;
        let (classes, random) = (&self.ttl_classes, &*self.random);
        let lifetime = match value {
            Some(_) => lifetime::of_value(terms.ttl, &settings, classes, random).map(Some),
            None => lifetime::of_absence(terms.ttl, &settings, classes),
        };
        let Some(lifetime) = lifetime? else {
            return Ok(None);
        };
        let place = Place {
            namespace: &settings.name,
            key: &physical,
        };
        let encode = |value: &Arc<V>| {
            self.payload
                .encode(&**value, &settings, terms.compression, &place)
        };
        let body = value.map(encode).transpose()?;
        if let Some(body) = &body {
            let (bytes, digest) = (body.plain_bytes, body.digest);
            let (space_of, origin) = (space.registered.space(), terms.origin);
            let serialized = Event::Serialized {
                space: space_of,
                key,
                bytes,
                digest,
                origin,
            };
            self.emit(space, &serialized);
        }
        self.tend_dictionaries(space, &settings);
        Ok(Some(Encoded {
            body,
            value: value.cloned(),
            lifetime,
            physical,
        }))
    }

    /// The write of what was encoded, under the epochs it stands on.
    pub(crate) async fn prepare<V: Value>(
        &self,
        space: &SpaceState,
        encoded: Encoded<V>,
        (terms, stand): (&Terms, Stand),
        times: &mut ServerTimes<'_>,
        budget: &mut Budget,
    ) -> Result<Prepared> {
        let settings = space.settings();
        let Encoded {
            physical,
            value,
            body,
            lifetime,
        } = encoded;
        let now = times.of(&physical, budget).await?;
        let kind = if body.is_some() {
            Kind::Value
        } else {
            Kind::Absent
        };
        let mut header = Header::new(kind, now);
        header.freshness = Freshness::from(now, lifetime.soft, lifetime.hard);
        header.load_cost = terms.load_cost;
        header.namespace_epoch = stand.namespace;
        header.tags = stand.tags;
        let place = Place {
            namespace: &settings.name,
            key: &physical,
        };
        let entry = self.payload.entry(header, body, &settings, &place)?;
        let value_bytes = usize::try_from(entry.header.plain_bytes).unwrap_or(usize::MAX);
        let stored = entry.encode();
        let slot = SlotTerms {
            soft: lifetime.soft,
            hard: lifetime.hard,
            life: lifetime.soft.unwrap_or(Duration::MAX),
            load_cost: terms.load_cost,
            value_bytes,
            spread: Spread::of(&physical, EntryId::of(&stored)),
            marks: stand.marks,
        };
        let until_due = lifetime::until_refresh(&slot, &settings, &*self.random);
        Ok(Prepared {
            slot: self.slot(&settings, value, &slot, until_due),
            write: Write {
                key: physical,
                value: stored,
                ttl: lifetime.hard,
                condition: Condition::Always,
            },
        })
    }

    /// Sends the writes of these keys.
    pub(crate) async fn store(
        &self,
        space: &SpaceState,
        keys: &[&str],
        writes: &[Write],
        budget: &mut Budget,
    ) -> Result<()> {
        let backend = &self.backend;
        self.call("set", budget, |call| backend.set(writes, call))
            .await?;
        for (key, write) in keys.iter().zip(writes) {
            self.tell_stored(space, key, write.value.len());
        }
        Ok(())
    }

    pub(crate) fn tell_stored(&self, space: &SpaceState, key: &str, bytes: usize) {
        let event = Event::Stored {
            space: space.registered.space(),
            key,
            bytes,
        };
        self.emit(space, &event);
        self.tend_quota(space, key.len() + bytes);
    }
}
