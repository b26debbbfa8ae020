//! Values as bytes, for other places than the cache.

use larder_cache_core::{
    Bytes, Durability, Encryption, Entry, Error, ErrorKind, Header, Kind, Place, Result, Timestamp,
};

use crate::options::SetOptions;
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

    /// Refuses to let values that should be encrypted go to a place that keeps them for so long
    /// if nobody could read them there, or anybody could.
    ///
    /// # Errors
    /// Kind `Config`.
    pub fn check_transport(&self, durability: Durability) -> Result<()> {
        let settings = self.settings();
        let cipher = self.shared.payload.cipher.as_ref();
        let stays_here = durability == Durability::Process;
        if settings.encryption == Encryption::Off || stays_here {
            return Ok(());
        }
        let message = match cipher {
            None => {
                "this namespace is to be encrypted and no key is configured, so that its \
                     values would be readable where they go"
            }
            Some(cipher) if !cipher.is_lasting() => {
                "this namespace is encrypted with a key that ends with the process, so that \
                 nobody could read its values where they go"
            }
            Some(_) => return Ok(()),
        };
        let advice = "set CACHE_ENCRYPTION_KEYS or CACHE_ENCRYPTION_KEY_FILE, or register the \
                      namespace with Encryption::Off";
        let error = Error::new(ErrorKind::Config, format!("{message}; {advice}"));
        Err(error.with("namespace", format!("{:?}", settings.name)))
    }

    /// A value of a key as its namespace stores it: in its format, compressed where that pays,
    /// encrypted where it wants that, checksummed; for a place such as a journal. It has no
    /// lifetime.
    ///
    /// # Errors
    /// Kind `InvalidKey`, `Codec` or `TooLarge`.
    pub fn to_bytes(&self, key: &str, value: &V) -> Result<Bytes> {
        let settings = self.settings();
        let physical = self.shared.physical_key(&settings, key)?;
        let place = Place {
            namespace: &settings.name,
            key: &physical,
        };
        let payload = &self.shared.payload;
        let body = payload.encode_for_transport(value, &settings, &place)?;
        let header = Header::new(Kind::Value, Timestamp::from_millis(0));
        let entry = payload.entry(header, Some(body), &settings, &place)?;
        Ok(entry.encode())
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
        let payload = &self.shared.payload;
        payload
            .decode(&entry, &settings, &place)
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
