//! The optimizer as a codec of the cache.

use larder_cache_core::{
    Algorithm, Bytes, Codec, Coding, Compression, Dictionaries, Dictionary, Encoded, Error,
    ErrorKind, Place, Result,
};

use crate::algorithms;
use crate::optimizer::Optimizer;
use crate::options::Adaptive;

impl Codec for Optimizer {
    fn encode(
        &self,
        plain: &[u8],
        wanted: Compression,
        place: &Place<'_>,
    ) -> Result<Option<Encoded>> {
        let options = self.options();
        let wanted = options.wanted(place.key.as_str(), wanted);
        if is_for_text(wanted) && std::str::from_utf8(plain).is_err() {
            return Ok(None);
        }
        let packed = self.pack(plain, wanted, place.namespace, &options)?;
        Ok(packed.compressed.map(|compressed| Encoded {
            bytes: compressed.into(),
            coding: packed.coding,
        }))
    }

    fn can_decode(&self, coding: Coding) -> bool {
        let has_dictionary = || coding.dictionary == 0 || self.shelf.has(coding.dictionary);
        algorithms::is_known(coding.algorithm) && has_dictionary()
    }

    fn decode(&self, stored: &[u8], coding: Coding, plain_bytes: usize) -> Result<Bytes> {
        if !algorithms::is_known(coding.algorithm) {
            return Err(Error::new(
                ErrorKind::Codec,
                "the value was compressed with an algorithm that is not known here; \
                 it may be of a newer version",
            )
            .with("algorithm", coding.algorithm));
        }
        self.unpack(stored, coding, plain_bytes).map(Bytes::from)
    }

    fn check(&self, wanted: Compression) -> Result<()> {
        match wanted {
            Compression::With(algorithm) => algorithm.validate(),
            _ => Ok(()),
        }
    }

    fn dictionaries(&self) -> Option<&dyn Dictionaries> {
        Some(self)
    }
}

/// Whether an algorithm compresses text alone.
fn is_for_text(wanted: Compression) -> bool {
    matches!(wanted, Compression::With(Algorithm::LzString(_)))
}

/// Samples are taken of values of 64 B to 16 KiB, up to 1 MiB for each namespace; a training
/// needs 100 new ones and 64 KiB, and twice as many again after each attempt.
impl Dictionaries for Optimizer {
    fn train(&self, namespace: &str) -> Result<Option<Dictionary>> {
        let options = self.options();
        if options.adaptive != Adaptive::Learning {
            return Ok(None);
        }
        let space = self.space(namespace);
        let present = space.current();
        space
            .trainer
            .train(present.as_ref(), &options, self.stopwatch)
    }

    fn install(&self, namespace: &str, dictionary: &Dictionary) -> Result<()> {
        let current = self.current(namespace).map(|current| current.id());
        self.shelf.install(namespace, dictionary, current)
    }

    /// A dictionary that is not installed in the namespace changes nothing.
    fn adopt(&self, namespace: &str, id: Option<u32>) {
        let space = self.space(namespace);
        match id {
            None => space.adopt(None),
            Some(id) => {
                if let Some(installed) = self.shelf.of_namespace(namespace, id) {
                    space.adopt(Some(installed));
                }
            }
        }
    }

    fn current(&self, namespace: &str) -> Option<Dictionary> {
        let current = self.space(namespace).current()?;
        Some(current.dictionary().clone())
    }
}
