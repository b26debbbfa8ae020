//! Values as bytes, for other places than the cache.

use larder_cache_core::{
    Bytes, Compression, Entry, Error, ErrorKind, Header, Kind, Place, Result, Timestamp,
};

use crate::options::SetOptions;
use crate::payload;
use crate::typed::TypedCache;
use crate::value::Value;
use crate::writing::Terms;

impl<V: Value> TypedCache<V> {
    /// Refuses what [`set_with`](TypedCache::set_with) would refuse whatever the value: a bad
    /// key, time to live or tag.
    ///
    /// # Errors
    /// Kind `InvalidKey`, `InvalidTtl` or `InvalidTag`.
    pub fn check_set(&self, key: &str, options: &SetOptions) -> Result<()> {
        let settings = self.settings();
        self.shared.physical_key(&settings, key)?;
        self.lifetime(options.ttl)?;
        Terms::of(options, &settings).map(drop)
    }

    /// A value of a key as its namespace stores it: in its format, compressed where that pays,
    /// checksummed; for a place such as a journal. It has no lifetime.
    ///
    /// # Errors
    /// Kind `InvalidKey`, `Codec` or `TooLarge`.
    pub fn to_bytes(&self, key: &str, value: &V) -> Result<Bytes> {
        let settings = self.settings();
        self.shared.check_encryption(&settings)?;
        let physical = self.shared.physical_key(&settings, key)?;
        let place = Place {
            namespace: &settings.name,
            key: &physical,
        };
        let compressor = self.shared.compressor.as_ref();
        let body = payload::encode(value, &settings, Compression::Default, compressor, &place)?;
        let mut header = Header::new(Kind::Value, Timestamp::from_millis(0));
        header.format = settings.format.id();
        header.compression = body.compression;
        header.schema = settings.schema.unwrap_or(0);
        header.plain_bytes = u32::try_from(body.plain_bytes).unwrap_or(u32::MAX);
        let body = body.bytes;
        Ok(Entry { header, body }.encode())
    }

    /// The value that [`to_bytes`](TypedCache::to_bytes) wrote for a key, here or in another
    /// process.
    ///
    /// # Errors
    /// Kind `Codec`, naming why the bytes can't be read: damaged, of another schema or format,
    /// or of a later version.
    pub fn from_bytes(&self, key: &str, bytes: &Bytes) -> Result<V> {
        let settings = self.settings();
        let physical = self.shared.physical_key(&settings, key)?;
        let place = Place {
            namespace: &settings.name,
            key: &physical,
        };
        let entry = Entry::decode(bytes).map_err(|why| unreadable(why.name()))?;
        if entry.header.kind != Kind::Value {
            return Err(unreadable("not_a_value"));
        }
        payload::decode(&entry, &settings, self.shared.compressor.as_ref(), &place)
            .map_err(|reason| unreadable(reason.name()))
    }
}

fn unreadable(why: &str) -> Error {
    Error::new(
        ErrorKind::Codec,
        "these bytes are no value of this namespace that this version can read",
    )
    .with("why", why)
}
