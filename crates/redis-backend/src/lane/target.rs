//! Where a lane leads, and what must be found there.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use larder_cache_core::Result;

use crate::address::Endpoint;

/// Where a lane leads, and what must be found there.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) place: Place,
    pub(crate) role: Role,
}

/// Where a server is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Always there.
    Fixed(Box<Endpoint>),
    /// Wherever somebody says, asked before each attempt to connect.
    Wherever(Arc<dyn Whereabouts>),
}

/// Knows where a server is now.
#[async_trait]
pub(crate) trait Whereabouts: fmt::Debug + Send + Sync {
    /// What the server is called while its address is unknown.
    fn label(&self) -> Arc<str>;

    /// Where it is. Takes no longer than a second or so.
    async fn endpoint(&self) -> Result<Endpoint>;
}

/// What a server must be to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A master; a replica is a mistake in the configuration.
    Master,
    /// A master; a replica may become one, or another server is named at the next attempt.
    MasterSoon,
    /// A replica whose master answers too; it is told that reads of old values are welcome.
    Replica,
    /// Anything that speaks.
    Any,
}

impl Target {
    /// One server, for good.
    pub(crate) fn fixed(endpoint: Endpoint, role: Role) -> Self {
        let place = Place::Fixed(Box::new(endpoint));
        Self { place, role }
    }

    pub(super) fn label(&self) -> Arc<str> {
        match &self.place {
            Place::Fixed(endpoint) => endpoint.address.to_string().into(),
            Place::Wherever(whereabouts) => whereabouts.label(),
        }
    }

    pub(super) async fn endpoint(&self) -> Result<Endpoint> {
        match &self.place {
            Place::Fixed(endpoint) => Ok((**endpoint).clone()),
            Place::Wherever(whereabouts) => whereabouts.endpoint().await,
        }
    }
}
