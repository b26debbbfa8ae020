//! From the choice of a backend to the backend.

use std::sync::Arc;

use larder_cache_core::{Backend, Clock, Observers, Result};
#[cfg(feature = "memory")]
use larder_memory_backend::MemoryBackend;
#[cfg(feature = "redis")]
use larder_redis_backend::{RedisBackend, RedisConfig};

/// The choice of a backend.
#[derive(Debug)]
pub(crate) enum Connect {
    #[cfg(not(feature = "memory"))]
    Nothing,
    #[cfg(feature = "memory")]
    Memory {
        max_bytes: u64,
    },
    #[cfg(feature = "redis")]
    Redis(Box<RedisConfig>),
    Given(Arc<dyn Backend>),
}

impl Default for Connect {
    #[cfg(feature = "memory")]
    fn default() -> Self {
        Self::Memory {
            max_bytes: 256 << 20,
        }
    }

    #[cfg(not(feature = "memory"))]
    fn default() -> Self {
        Self::Nothing
    }
}

impl Connect {
    #[cfg_attr(
        not(feature = "redis"),
        expect(unused_variables, reason = "each backend takes what it needs")
    )]
    pub(crate) async fn connect(
        self,
        observers: Observers,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn Backend>> {
        match self {
            #[cfg(not(feature = "memory"))]
            Self::Nothing => Err(larder_cache_core::Error::new(
                larder_cache_core::ErrorKind::Config,
                "no backend was chosen; call `redis(url)` or `backend(..)`, or enable the \
                 feature `memory`",
            )),
            #[cfg(feature = "memory")]
            Self::Memory { max_bytes } => Ok(Arc::new(
                MemoryBackend::builder(max_bytes).clock(clock).build(),
            )),
            #[cfg(feature = "redis")]
            Self::Redis(config) => Ok(Arc::new(
                RedisBackend::connect(*config, observers, clock).await?,
            )),
            Self::Given(backend) => Ok(backend),
        }
    }
}
