//! Values and their serialized bytes.

use std::io;

use larder_cache_core::{Error, ErrorKind, Format, Header, Namespace, Result};
use rmp_serde::decode::ReadRefReader;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const MESSAGE_PACK: u8 = Format::MessagePack.id();
const JSON: u8 = Format::Json.id();

/// What most values fit into, so that their buffer need not grow.
const TYPICAL_BYTES: usize = 1024;

/// How deep a value may be nested to be read, as JSON's reader has it too: whoever writes to
/// the backend must not make a reader's stack overflow.
const DEEPEST: usize = 128;

pub(super) fn is_known(format: u8) -> bool {
    [MESSAGE_PACK, JSON].contains(&format)
}

pub(super) fn serialize<V: Serialize>(value: &V, format: Format) -> Result<Vec<u8>> {
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

/// The value of serialized bytes, converted where they are of an earlier shape.
pub(super) fn deserialize<V: DeserializeOwned + 'static>(
    plain: &[u8],
    header: &Header,
    namespace: &Namespace,
) -> Option<V> {
    let earlier = namespace.schema.as_ref();
    let earlier = earlier.filter(|schema| schema.fingerprint() != header.schema);
    match (header.format, earlier) {
        (MESSAGE_PACK, None) => {
            let mut deserializer = message_pack(plain);
            let value = V::deserialize(&mut deserializer).ok()?;
            is_at_end(&mut deserializer).then_some(value)
        }
        (JSON, None) => serde_json::from_slice(plain).ok(),
        (MESSAGE_PACK, Some(schema)) => {
            let mut deserializer = message_pack(plain);
            let erased = &mut <dyn erased_serde::Deserializer<'_>>::erase(&mut deserializer);
            let value = schema.convert(header.schema, erased)?;
            is_at_end(&mut deserializer).then_some(value)
        }
        (JSON, Some(schema)) => {
            let mut deserializer = serde_json::Deserializer::from_slice(plain);
            let erased = &mut <dyn erased_serde::Deserializer<'_>>::erase(&mut deserializer);
            let value = schema.convert(header.schema, erased)?;
            deserializer.end().ok().map(|()| value)
        }
        _ => None,
    }
}

/// Whether nothing follows the value, not even the beginning of another one.
fn is_at_end(deserializer: &mut rmp_serde::Deserializer<ReadRefReader<'_, [u8]>>) -> bool {
    use rmp_serde::decode::Error::InvalidMarkerRead;

    // Unit enters no array or map: what lacks a marker is the next value, not a part of it.
    let next = <()>::deserialize(deserializer);
    matches!(next, Err(InvalidMarkerRead(none)) if none.kind() == io::ErrorKind::UnexpectedEof)
}

fn message_pack(plain: &[u8]) -> rmp_serde::Deserializer<ReadRefReader<'_, [u8]>> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(plain);
    deserializer.set_max_depth(DEEPEST);
    deserializer
}

fn unserializable<V>(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Codec, "the value can't be serialized")
        .with("type", std::any::type_name::<V>())
        .with_source(source)
}
