//! The namespaces every cache begins with.

use larder_cache_core::{Compression, Encryption, Namespace, Ttl};

/// The four namespaces every cache begins with: `default`, `sessions`, `content` and
/// `analytics`. Registering one of these names replaces its settings.
#[must_use]
pub fn default_namespaces() -> [Namespace; 4] {
    [
        Namespace::new("default")
            .prefix("app")
            .description("Whatever has no namespace of its own"),
        Namespace::new("sessions")
            .prefix("sess")
            .description("User sessions")
            .ttl(Ttl::Medium)
            .compression(Compression::Off)
            .encryption(Encryption::On),
        Namespace::new("content")
            .description("Content that changes seldom")
            .ttl(Ttl::Long),
        Namespace::new("analytics")
            .description("Computed figures that may be minutes old")
            .ttl(Ttl::Short),
    ]
}
