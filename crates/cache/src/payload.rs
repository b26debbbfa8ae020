//! From values to the bodies of entries and back: serialize, then compress.

use std::sync::Arc;

use larder_cache_core::{
    Bytes, Codec, Compression, Entry, Error, ErrorKind, Format, Header, MissReason, Namespace,
    Place, Result,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

const MESSAGE_PACK: u8 = Format::MessagePack.id();
const JSON: u8 = Format::Json.id();

/// How bodies are compressed, for a whole cache.
#[derive(Clone, Debug)]
pub(crate) struct Compressor {
    pub(crate) codec: Arc<dyn Codec>,
    pub(crate) threshold_bytes: usize,
    /// What namespaces that leave it to the cache do.
    pub(crate) by_default: Compression,
}

/// A value as it is stored.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    pub(crate) plain_bytes: usize,
    pub(crate) compression: u8,
}

/// Serializes a value and compresses it where that pays.
///
/// # Errors
/// Kind `Codec` when the value can't be serialized, `TooLarge` when it is over the
/// namespace's limit, `Config` when compression is asked for and there is no codec.
pub(crate) fn encode<V: Serialize>(
    value: &V,
    namespace: &Namespace,
    compression: Compression,
    compressor: Option<&Compressor>,
    place: &Place<'_>,
) -> Result<Body> {
    let plain = serialize(value, namespace.format)?;
    if plain.len() > namespace.max_value_bytes {
        return Err(Error::new(
            ErrorKind::TooLarge,
            "the serialized value is over its namespace's limit; \
             raise max_value_bytes or cache smaller parts",
        )
        .with("bytes", plain.len())
        .with("limit", namespace.max_value_bytes)
        .with("namespace", format!("{:?}", namespace.name)));
    }
    let plain_bytes = plain.len();
    let stored = |bytes, compression| Body {
        bytes,
        plain_bytes,
        compression,
    };
    let compressor = chosen(compression, namespace, compressor)?;
    let Some(compressor) = compressor.filter(|c| plain_bytes > c.threshold_bytes) else {
        return Ok(stored(plain.into(), 0));
    };
    let packed = compressor.codec.encode(&plain, place)?;
    Ok(if packed.len() < plain_bytes {
        stored(packed, compressor.codec.id())
    } else {
        stored(plain.into(), 0)
    })
}

/// Reads the value of an entry back.
pub(crate) fn decode<V: DeserializeOwned>(
    entry: &Entry,
    namespace: &Namespace,
    compressor: Option<&Compressor>,
    place: &Place<'_>,
) -> Result<V, MissReason> {
    check_readable(&entry.header, namespace, compressor)?;
    let plain = match compressor {
        Some(compressor) if entry.header.compression != 0 => decompress(entry, compressor, place),
        _ => Some(entry.body.clone()),
    };
    plain
        .and_then(|plain| deserialize(&plain, entry.header.format))
        .ok_or(MissReason::Undecodable)
}

/// Whether the body of an entry can be understood, as far as its header tells.
pub(crate) fn check_readable(
    header: &Header,
    namespace: &Namespace,
    compressor: Option<&Compressor>,
) -> Result<(), MissReason> {
    if namespace
        .schema
        .is_some_and(|pinned| pinned != header.schema)
    {
        return Err(MissReason::Schema);
    }
    let known_codec = match header.compression {
        0 => true,
        id => {
            compressor.is_some_and(|c| c.codec.id() == id)
                && plain_bytes(header) <= namespace.max_value_bytes
        }
    };
    let known_format = [MESSAGE_PACK, JSON].contains(&header.format);
    let plain_keys = header.dictionary == 0 && header.encryption_key == 0;
    if known_codec && known_format && plain_keys {
        Ok(())
    } else {
        Err(MissReason::Undecodable)
    }
}

fn decompress(entry: &Entry, compressor: &Compressor, place: &Place<'_>) -> Option<Bytes> {
    let plain_bytes = plain_bytes(&entry.header);
    let plain = compressor.codec.decode(&entry.body, plain_bytes, place);
    plain.ok().filter(|plain| plain.len() == plain_bytes)
}

fn plain_bytes(header: &Header) -> usize {
    usize::try_from(header.plain_bytes).unwrap_or(usize::MAX)
}

fn chosen<'c>(
    asked: Compression,
    namespace: &Namespace,
    compressor: Option<&'c Compressor>,
) -> Result<Option<&'c Compressor>> {
    let by_default = compressor.map_or(Compression::Off, |c| c.by_default);
    let choice = [asked, namespace.compression, by_default]
        .into_iter()
        .find(|choice| *choice != Compression::Default);
    match choice {
        Some(Compression::Off) => Ok(None),
        Some(Compression::On) if compressor.is_none() => Err(no_codec(&namespace.name)),
        _ => Ok(compressor),
    }
}

/// Compression was asked for where it can't be had.
pub(crate) fn no_codec(namespace: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        "compression is asked for but the cache has no codec; \
         give the builder one, or enable the facade's feature `compression`",
    )
    .with("namespace", format!("{namespace:?}"))
}

fn serialize<V: Serialize>(value: &V, format: Format) -> Result<Vec<u8>> {
    match format {
        Format::Json => serde_json::to_vec(value).map_err(|e| unserializable::<V>(e)),
        _ => {
            let mut bytes = Vec::with_capacity(TYPICAL_BYTES);
            match rmp_serde::encode::write_named(&mut bytes, value) {
                Ok(()) => Ok(bytes),
                Err(error) => Err(unserializable::<V>(error)),
            }
        }
    }
}

/// What most values fit into, so that their buffer need not grow.
const TYPICAL_BYTES: usize = 1024;

fn unserializable<V>(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Codec, "the value can't be serialized")
        .with("type", std::any::type_name::<V>())
        .with_source(source)
}

fn deserialize<V: DeserializeOwned>(plain: &[u8], format: u8) -> Option<V> {
    match format {
        MESSAGE_PACK => rmp_serde::from_slice(plain).ok(),
        JSON => serde_json::from_slice(plain).ok(),
        _ => None,
    }
}
