//! How long a value lives.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// A time to live, as a caller asks for it.
///
/// ```
/// use std::time::Duration;
/// use larder_cache_core::{Ttl, TtlClasses};
///
/// let classes = TtlClasses::default();
/// assert_eq!(Ttl::Short.resolve(&classes)?, Some(Duration::from_secs(300)));
/// assert_eq!(Ttl::from(Duration::from_millis(1500)).resolve(&classes)?, Some(Duration::from_millis(1500)));
/// assert!(Ttl::Exact(Duration::ZERO).resolve(&classes).is_err());
/// # Ok::<(), larder_cache_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ttl {
    /// What the namespace says, else [`TtlClasses::default`].
    #[default]
    Default,
    /// [`TtlClasses::short`].
    Short,
    /// [`TtlClasses::medium`].
    Medium,
    /// [`TtlClasses::long`].
    Long,
    /// Exactly this long, to the millisecond (rounded up), without jitter.
    Exact(Duration),
    /// Until it is deleted or evicted.
    None,
}

/// The durations behind the named classes of [`Ttl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtlClasses {
    /// Behind [`Ttl::Default`]. Default: 1 hour.
    pub default: Duration,
    /// Behind [`Ttl::Short`]. Default: 5 minutes.
    pub short: Duration,
    /// Behind [`Ttl::Medium`]. Default: 30 minutes.
    pub medium: Duration,
    /// Behind [`Ttl::Long`]. Default: 2 hours.
    pub long: Duration,
}

impl Default for TtlClasses {
    fn default() -> Self {
        Self {
            default: Duration::from_secs(3600),
            short: Duration::from_secs(300),
            medium: Duration::from_secs(1800),
            long: Duration::from_secs(7200),
        }
    }
}

impl TtlClasses {
    /// Refuses classes that no entry can live.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTtl`], naming the class.
    pub fn validate(&self) -> Result<()> {
        let classes = [
            ("default", self.default),
            ("short", self.short),
            ("medium", self.medium),
            ("long", self.long),
        ];
        for (class, duration) in classes {
            check(duration).map_err(|error| error.with("class", class))?;
        }
        Ok(())
    }
}

impl Ttl {
    /// The longest time to live: 100 years. Beyond it, say [`Ttl::None`].
    pub const MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

    /// The duration this stands for; `None` means no expiry.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTtl`] for zero and for more than [`Ttl::MAX`].
    pub fn resolve(self, classes: &TtlClasses) -> Result<Option<Duration>> {
        let duration = match self {
            Self::Default => classes.default,
            Self::Short => classes.short,
            Self::Medium => classes.medium,
            Self::Long => classes.long,
            Self::Exact(duration) => duration,
            Self::None => return Ok(None),
        };
        check(duration).map(Some)
    }

    /// Whether the caller named the exact duration, which jitter must then not touch.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        matches!(self, Self::Exact(_))
    }
}

impl From<Duration> for Ttl {
    fn from(duration: Duration) -> Self {
        Self::Exact(duration)
    }
}

/// Refuses durations that no entry can live.
///
/// # Errors
/// [`ErrorKind::InvalidTtl`] for zero and for more than [`Ttl::MAX`].
pub(crate) fn check(duration: Duration) -> Result<Duration> {
    if duration.is_zero() {
        return Err(Error::new(
            ErrorKind::InvalidTtl,
            "a time to live must be at least one millisecond; use delete to remove a value",
        ));
    }
    if duration > Ttl::MAX {
        return Err(Error::new(
            ErrorKind::InvalidTtl,
            "a time to live can be 100 years at most; use Ttl::None for no expiry",
        )
        .with("seconds", duration.as_secs()));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_ttl(ttl: Ttl, expected: Result<Option<u64>, ErrorKind>) {
        let resolved = ttl
            .resolve(&TtlClasses::default())
            .map(|d| d.map(|d| d.as_secs()))
            .map_err(|e| e.kind());
        assert_eq!(resolved, expected, "{ttl:?}");
    }

    #[test]
    fn resolves_classes_and_refuses_nonsense() {
        check_ttl(Ttl::Default, Ok(Some(3600)));
        check_ttl(Ttl::Short, Ok(Some(300)));
        check_ttl(Ttl::Medium, Ok(Some(1800)));
        check_ttl(Ttl::Long, Ok(Some(7200)));
        check_ttl(Ttl::None, Ok(None));
        check_ttl(Ttl::Exact(Duration::ZERO), Err(ErrorKind::InvalidTtl));
        check_ttl(Ttl::Exact(Duration::MAX), Err(ErrorKind::InvalidTtl));
        check_ttl(Ttl::Exact(Ttl::MAX), Ok(Some(Ttl::MAX.as_secs())));
    }
}
