//! From the choice of a codec to the codec.

use std::sync::Arc;

use larder_cache_core::{Codec, Result};

/// The choice of a codec.
#[derive(Debug)]
pub(crate) struct Compress {
    /// `None`: the one that is there by default.
    pub(crate) codec: Option<Arc<dyn Codec>>,
    #[cfg_attr(
        not(feature = "compression"),
        allow(dead_code, reason = "for the codec that is there by default")
    )]
    pub(crate) threshold_bytes: usize,
}

impl Default for Compress {
    fn default() -> Self {
        Self {
            codec: None,
            threshold_bytes: 1024,
        }
    }
}

impl Compress {
    #[cfg(feature = "compression")]
    pub(crate) fn codec(self) -> Result<Option<Arc<dyn Codec>>> {
        use larder_compression::{Optimizer, OptimizerOptions};

        if self.codec.is_some() {
            return Ok(self.codec);
        }
        let options = OptimizerOptions::new().threshold_bytes(self.threshold_bytes);
        Ok(Some(Arc::new(Optimizer::new(options)?)))
    }

    #[cfg(not(feature = "compression"))]
    pub(crate) fn codec(self) -> Result<Option<Arc<dyn Codec>>> {
        Ok(self.codec)
    }
}
