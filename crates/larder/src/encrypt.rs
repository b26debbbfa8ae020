//! From the choice of a cipher to the cipher.

use std::sync::Arc;

use larder_cache_core::{Cipher, Result};

/// The choice of a cipher.
#[derive(Debug, Default)]
pub(crate) enum Encrypt {
    /// A key of its own where values stay in the process, else none.
    #[default]
    ByBackend,
    Given(Arc<dyn Cipher>),
    /// Keys were given that are none.
    #[cfg(feature = "encryption")]
    Refused(larder_cache_core::Error),
}

impl Encrypt {
    pub(crate) fn cipher(self, leaves_process: bool) -> Result<Option<Arc<dyn Cipher>>> {
        match self {
            Self::Given(cipher) => Ok(Some(cipher)),
            Self::ByBackend if leaves_process => Ok(None),
            Self::ByBackend => own(),
            #[cfg(feature = "encryption")]
            Self::Refused(error) => Err(error),
        }
    }
}

#[cfg(feature = "encryption")]
fn own() -> Result<Option<Arc<dyn Cipher>>> {
    Ok(Some(Arc::new(larder_encryption::KeyRing::ephemeral()?)))
}

#[cfg(not(feature = "encryption"))]
fn own() -> Result<Option<Arc<dyn Cipher>>> {
    Ok(None)
}
