//! The methods of a backend, by name.

use std::fmt;

/// A method of [`Backend`](larder_cache_core::Backend) that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `now`
    Now,
    /// `get`
    Get,
    /// `head`
    Head,
    /// `set`
    Set,
    /// `delete`
    Delete,
    /// `exists`
    Exists,
    /// `ttl`
    Ttl,
    /// `expire`
    Expire,
    /// `lease`
    Lease,
    /// `fill`
    Fill,
    /// `mark_stale`
    MarkStale,
    /// `epochs`
    Epochs,
    /// `renew`
    Renew,
    /// `scan`
    Scan,
    /// `pipeline`
    Pipeline,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Now,
        Self::Get,
        Self::Head,
        Self::Set,
        Self::Delete,
        Self::Exists,
        Self::Ttl,
        Self::Expire,
        Self::Lease,
        Self::Fill,
        Self::MarkStale,
        Self::Epochs,
        Self::Renew,
        Self::Scan,
        Self::Pipeline,
    ];

    /// The name, as in the trait.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Get => "get",
            Self::Head => "head",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Exists => "exists",
            Self::Ttl => "ttl",
            Self::Expire => "expire",
            Self::Lease => "lease",
            Self::Fill => "fill",
            Self::MarkStale => "mark_stale",
            Self::Epochs => "epochs",
            Self::Renew => "renew",
            Self::Scan => "scan",
            Self::Pipeline => "pipeline",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
