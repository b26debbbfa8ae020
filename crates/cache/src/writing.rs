//! The way of a write: value, entry, backend, L1.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{
    Bytes, Compression, Condition, Entry, Event, Freshness, Header, Key, Kind, Lifetime, Namespace,
    Place, Result, Tag, TagEpoch, Timestamp, Ttl, Write,
};

use crate::l1::Slot;
use crate::lifetime;
use crate::options::SetOptions;
use crate::payload;
use crate::shared::{Budget, ServerTimes, Shared, SpaceState};
use crate::value::Value;

/// How a value is to be stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) ttl: Ttl,
    pub(crate) tags: Vec<Tag>,
    pub(crate) compression: Compression,
    pub(crate) load_cost: Duration,
}

impl Terms {
    /// The terms of a write that a caller asks for.
    ///
    /// # Errors
    /// Kind `InvalidTag`.
    pub(crate) fn of(options: &SetOptions) -> Result<Self> {
        Ok(Self {
            ttl: options.ttl,
            tags: Tag::list(&options.tags)?,
            compression: options.compression,
            load_cost: Duration::ZERO,
        })
    }
}

/// A write that is ready to go, and what L1 will hold after it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) write: Write,
    pub(crate) slot: Option<Slot>,
}

impl Shared {
    /// Builds the write of a value, or of its absence; `None` where the namespace does not
    /// remember absence.
    pub(crate) async fn prepare<V: Value>(
        &self,
        space: &SpaceState,
        key: &str,
        value: Option<&Arc<V>>,
        terms: &Terms,
        times: &mut ServerTimes<'_>,
        budget: &mut Budget,
    ) -> Result<Option<Prepared>> {
        let settings = space.settings();
        self.check_encryption(&settings)?;
        let physical = self.physical_key(&settings, key)?;
        let lifetime = match value {
            Some(_) => Some(lifetime::of_value(
                terms.ttl,
                &settings,
                &self.ttl_classes,
                &*self.random,
            )?),
            None => lifetime::of_absence(terms.ttl, &settings, &self.ttl_classes)?,
        };
        let Some(lifetime) = lifetime else {
            return Ok(None);
        };
        let now = times.of(&physical, budget).await?;
        let entry = self.entry(&settings, &physical, value, terms, lifetime, now)?;
        let plain_bytes = usize::try_from(entry.header.plain_bytes).unwrap_or(usize::MAX);
        Ok(Some(Prepared {
            write: Write {
                key: physical,
                value: entry.encode(),
                ttl: lifetime.hard,
                condition: Condition::Always,
            },
            slot: self.slot(
                &settings,
                value.cloned(),
                lifetime.soft,
                lifetime.hard,
                plain_bytes,
            ),
        }))
    }

    fn entry<V: Value>(
        &self,
        settings: &Namespace,
        physical: &Key,
        value: Option<&Arc<V>>,
        terms: &Terms,
        lifetime: Lifetime,
        now: Timestamp,
    ) -> Result<Entry> {
        let kind = if value.is_some() {
            Kind::Value
        } else {
            Kind::Absent
        };
        let mut header = Header::new(kind, now);
        header.freshness = Freshness::from(now, lifetime.soft, lifetime.hard);
        header.load_cost = terms.load_cost;
        header.tags = terms.tags.iter().cloned().map(uncaptured).collect();
        let Some(value) = value else {
            let body = Bytes::new();
            return Ok(Entry { header, body });
        };
        let place = Place {
            namespace: &settings.name,
            key: physical,
        };
        let compressor = self.compressor.as_ref();
        let body = payload::encode(&**value, settings, terms.compression, compressor, &place)?;
        header.format = settings.format.id();
        header.compression = body.compression;
        header.schema = settings.schema.unwrap_or(0);
        header.plain_bytes = u32::try_from(body.plain_bytes).unwrap_or(u32::MAX);
        Ok(Entry {
            header,
            body: body.bytes,
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
            self.tell_stored(space, key, write);
        }
        Ok(())
    }

    pub(crate) fn tell_stored(&self, space: &SpaceState, key: &str, write: &Write) {
        let event = Event::Stored {
            space: space.registered.space(),
            key,
            bytes: write.value.len(),
        };
        self.emit(space, &event);
    }
}

/// A tag whose epoch was not captured before the load.
fn uncaptured(tag: Tag) -> TagEpoch {
    TagEpoch { tag, epoch: 0 }
}
