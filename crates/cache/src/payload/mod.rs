//! From values to the bodies of entries and back: serialize, compress, encrypt.

mod seal;
mod serialized;

use std::sync::Arc;

use larder_cache_core::{
    Algorithm, Bytes, Cipher, Codec, Coding, Compression, Dictionaries, Dictionary, Encoded, Entry,
    Error, ErrorKind, Format, Header, Kind, MissReason, Namespace, Place, Result,
};

use xxhash_rust::xxh3::xxh3_64;

use self::serialized::{deserialize, serialize};
use crate::dictionaries::may_train;
use crate::value::Value;

/// How bodies are compressed and encrypted, for a whole cache.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) codec: Option<Arc<dyn Codec>>,
    /// What namespaces that leave it to the cache do.
    pub(crate) compression: Compression,
    pub(crate) cipher: Option<Arc<dyn Cipher>>,
    /// Whether bodies leave the process.
    pub(crate) leaves_process: bool,
}

/// A value as it is stored, but for the encryption, which binds it to its header.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Bytes,
    format: Format,
    coding: Coding,
    schema: u64,
    pub(crate) plain_bytes: usize,
    /// Of the serialized bytes, which tells whether a value has changed.
    pub(crate) digest: u64,
}

impl Payload {
    /// Serializes a value and compresses it where that pays.
    ///
    /// # Errors
    /// Kind `Codec` when the value can't be serialized, `TooLarge` when it is over the
    /// namespace's limit, `Config` when compression is asked for and there is no codec.
    pub(crate) fn encode<V: Value>(
        &self,
        value: &V,
        namespace: &Namespace,
        compression: Compression,
        place: &Place<'_>,
    ) -> Result<Body> {
        let plain = serialize(value, namespace.format)?;
        if plain.len() > namespace.max_value_bytes {
            return Err(too_large(plain.len(), namespace));
        }
        let (plain_bytes, digest) = (plain.len(), xxh3_64(&plain));
        let encoded = match self.chosen(compression, namespace)? {
            Some((codec, wanted)) => codec.encode(&plain, wanted, place)?,
            None => None,
        };
        let (bytes, coding) = match encoded {
            Some(Encoded { bytes, coding }) if bytes.len() < plain_bytes => (bytes, coding),
            _ => (plain.into(), Coding::PLAIN),
        };
        Ok(Body {
            bytes,
            format: namespace.format,
            coding,
            schema: namespace.schema.as_ref().map_or(0, |s| s.fingerprint()),
            plain_bytes,
            digest,
        })
    }

    /// The same for a place where dictionaries are not to be had.
    ///
    /// # Errors
    /// As [`encode`](Payload::encode).
    pub(crate) fn encode_for_transport<V: Value>(
        &self,
        value: &V,
        namespace: &Namespace,
        place: &Place<'_>,
    ) -> Result<Body> {
        let wanted = self.without_dictionary(namespace);
        let body = self.encode(value, namespace, wanted, place)?;
        match body.coding.dictionary {
            0 => Ok(body),
            // The codec has settings of its own.
            _ => self.encode(value, namespace, Compression::Off, place),
        }
    }

    /// The entry of a body, or of the absence of a value: the header with what the body says
    /// of itself, and encrypted where the namespace wants that.
    ///
    /// # Errors
    /// Kind `Config` where there is no key to encrypt with, `Crypto` where that fails.
    pub(crate) fn entry(
        &self,
        mut header: Header,
        body: Option<Body>,
        namespace: &Namespace,
        place: &Place<'_>,
    ) -> Result<Entry> {
        let mut bytes = Bytes::new();
        if let Some(body) = body {
            header.format = body.format.id();
            header.compression = body.coding.algorithm;
            header.dictionary = body.coding.dictionary;
            header.schema = body.schema;
            header.plain_bytes = u32::try_from(body.plain_bytes).unwrap_or(u32::MAX);
            bytes = body.bytes;
        }
        let body = self.seal(&mut header, bytes, namespace, place)?;
        Ok(Entry { header, body })
    }

    /// Reads the value of an entry back.
    pub(crate) fn decode<V: Value>(
        &self,
        entry: &Entry,
        namespace: &Namespace,
        place: &Place<'_>,
    ) -> Result<V, MissReason> {
        self.check_readable(&entry.header, namespace)?;
        let stored = self.open(entry, namespace, place)?;
        let plain = self.decompress(&entry.header, stored)?;
        deserialize(&plain, &entry.header, namespace).ok_or(MissReason::Undecodable)
    }

    /// Whether an entry that says that there is no value can be believed.
    pub(crate) fn check_absence(
        &self,
        entry: &Entry,
        namespace: &Namespace,
        place: &Place<'_>,
    ) -> Result<(), MissReason> {
        self.open(entry, namespace, place).map(drop)
    }

    /// Whether the body of an entry can be understood, as far as its header tells.
    pub(crate) fn check_readable(
        &self,
        header: &Header,
        namespace: &Namespace,
    ) -> Result<(), MissReason> {
        if let Some(schema) = &namespace.schema
            && !schema.reads(header.schema)
        {
            return Err(MissReason::Schema);
        }
        self.check_sealed(header, namespace)?;
        if header.kind == Kind::Value && !serialized::is_known(header.format) {
            return Err(MissReason::Undecodable);
        }
        let coding = coding(header);
        let too_large = plain_bytes(header) > namespace.max_value_bytes;
        let can_decode = || self.codec.as_ref().is_some_and(|c| c.can_decode(coding));
        match coding {
            Coding::PLAIN => Ok(()),
            _ if !too_large && can_decode() => Ok(()),
            Coding { dictionary: 0, .. } => Err(MissReason::Undecodable),
            _ => Err(MissReason::UnknownDictionary),
        }
    }

    /// Refuses a namespace whose settings this cache can't fulfil.
    ///
    /// # Errors
    /// Kind `Config`, saying what is missing.
    pub(crate) fn check(&self, namespace: &Namespace) -> Result<()> {
        self.check_encryption(namespace)?;
        self.chosen(Compression::Default, namespace).map(drop)
    }

    /// The codec's dictionaries, if it has any.
    pub(crate) fn dictionaries(&self) -> Option<&dyn Dictionaries> {
        self.codec.as_ref()?.dictionaries()
    }

    /// The dictionary that values of a namespace are written with.
    pub(crate) fn current_dictionary(&self, namespace: &str) -> Option<Dictionary> {
        self.dictionaries()?.current(namespace)
    }

    /// Whether a namespace has dictionaries of its own.
    pub(crate) fn is_trained(&self, namespace: &Namespace) -> bool {
        self.wanted(Compression::Default, namespace) == Compression::Trained
            && may_train(namespace)
            && self.dictionaries().is_some()
    }

    /// What a namespace wants for a place where its dictionaries are not to be had.
    fn without_dictionary(&self, namespace: &Namespace) -> Compression {
        match self.is_trained(namespace) {
            true => Compression::Auto,
            false => Compression::Default,
        }
    }

    fn decompress(&self, header: &Header, stored: Bytes) -> Result<Bytes, MissReason> {
        let plain_bytes = plain_bytes(header);
        let Some(codec) = self.codec.as_ref().filter(|_| header.compression != 0) else {
            let is_whole = stored.len() == plain_bytes;
            return is_whole.then_some(stored).ok_or(MissReason::Undecodable);
        };
        let plain = codec.decode(&stored, coding(header), plain_bytes).ok();
        let plain = plain.filter(|plain| plain.len() == plain_bytes);
        plain.ok_or(MissReason::Undecodable)
    }

    /// What a call, else its namespace, else the cache wants.
    fn wanted(&self, asked: Compression, namespace: &Namespace) -> Compression {
        let choices = [asked, namespace.compression];
        let of_call = choices.into_iter().find(|c| *c != Compression::Default);
        match of_call.unwrap_or(self.compression) {
            Compression::Trained if !may_train(namespace) => Compression::Auto,
            wanted => wanted,
        }
    }

    /// The codec and what is wanted of it; `None`: store the value plain.
    fn chosen(
        &self,
        asked: Compression,
        namespace: &Namespace,
    ) -> Result<Option<(&dyn Codec, Compression)>> {
        let wanted = self.wanted(asked, namespace);
        let leaves_it = [asked, namespace.compression] == [Compression::Default; 2];
        match &self.codec {
            _ if wanted == Compression::Off => Ok(None),
            Some(codec) => {
                let checked = codec.check(wanted);
                let checked = checked.and_then(|()| check_format(wanted, namespace.format));
                checked.map_err(|error| in_namespace(error, namespace))?;
                Ok(Some((&**codec, wanted)))
            }
            None if leaves_it => Ok(None),
            None => Err(in_namespace(no_codec(), namespace)),
        }
    }
}

/// Refuses to compress as text what is none.
fn check_format(wanted: Compression, format: Format) -> Result<()> {
    match wanted {
        Compression::With(Algorithm::LzString(_)) if format != Format::Json => Err(Error::new(
            ErrorKind::Config,
            "LZ-String compresses text alone; give the namespace Format::Json, or choose \
             another algorithm",
        )),
        _ => Ok(()),
    }
}

fn no_codec() -> Error {
    Error::new(
        ErrorKind::Config,
        "compression is asked for but the cache has no codec; \
         give the builder one, or enable the facade's feature `compression`",
    )
}

fn too_large(bytes: usize, namespace: &Namespace) -> Error {
    let error = Error::new(
        ErrorKind::TooLarge,
        "the serialized value is over its namespace's limit; \
         raise max_value_bytes or cache smaller parts",
    );
    let error = error
        .with("bytes", bytes)
        .with("limit", namespace.max_value_bytes);
    in_namespace(error, namespace)
}

fn in_namespace(error: Error, namespace: &Namespace) -> Error {
    error.with("namespace", format!("{:?}", namespace.name))
}

fn coding(header: &Header) -> Coding {
    Coding {
        algorithm: header.compression,
        dictionary: header.dictionary,
    }
}

fn plain_bytes(header: &Header) -> usize {
    usize::try_from(header.plain_bytes).unwrap_or(usize::MAX)
}
