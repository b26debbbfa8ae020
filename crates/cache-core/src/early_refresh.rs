//! When a value is refreshed before it is stale.

use crate::error::{Error, ErrorKind, Result};

/// When a value is refreshed before it is stale, so that one reader does it and nobody waits.
///
/// A number stands for the factor of [`XFetch`](EarlyRefresh::XFetch); 0 is
/// [`Off`](EarlyRefresh::Off).
///
/// ```
/// use larder_cache_core::{EarlyRefresh, Namespace};
///
/// let users = Namespace::new("users").early_refresh(EarlyRefresh::Threshold(0.8));
/// let posts = Namespace::new("posts").early_refresh(2.0);
/// assert_eq!(posts.early_refresh, EarlyRefresh::XFetch { beta: 2.0 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum EarlyRefresh {
    /// Not before it is stale.
    Off,
    /// The earlier, the longer its load took, by a draw of each reader. Values whose loads
    /// cost nothing, such as those that were set, are not refreshed early. (Vattani,
    /// Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, 2015.)
    XFetch {
        /// The factor, from 0 to 1000: 2 is twice as early.
        beta: f64,
    },
    /// After this share of its time to live, above 0 and below 1, or up to half-way from there
    /// to the end: from 0.8 to 0.9 for 0.8. Where in between is drawn from the entry itself, so
    /// that values stored together are not refreshed together, and that all processes agree.
    ///
    /// As this spreads the loads, times to live are not [jittered](crate::Namespace::jitter):
    /// with 0.8, a value that is always read is loaded 1.18 times per time to live.
    Threshold(f64),
}

impl EarlyRefresh {
    /// Refuses numbers that can't work.
    pub(crate) fn check(self) -> Result<()> {
        let refuse =
            |message, found: f64| Err(Error::new(ErrorKind::Config, message).with("found", found));
        match self {
            Self::XFetch { beta } if !(0.0..=1000.0).contains(&beta) => refuse(
                "early_refresh: the factor of XFetch is a number from 0 to 1000",
                beta,
            ),
            Self::Threshold(share) if !(share > 0.0 && share < 1.0) => refuse(
                "early_refresh: a threshold is a share of the time to live, above 0 and below 1",
                share,
            ),
            _ => Ok(()),
        }
    }
}

impl Default for EarlyRefresh {
    fn default() -> Self {
        Self::XFetch { beta: 1.0 }
    }
}

impl From<f64> for EarlyRefresh {
    fn from(beta: f64) -> Self {
        if beta == 0.0 {
            Self::Off
        } else {
            Self::XFetch { beta }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: impl Into<EarlyRefresh>, refusal: Option<&str>) {
        let policy = policy.into();
        let found = policy.check().err().map(|error| error.to_string());
        assert_eq!(found.is_some(), refusal.is_some(), "{policy:?}: {found:?}");
        let names = found.unwrap_or_default();
        assert!(names.contains(refusal.unwrap_or_default()), "{names}");
    }

    #[test]
    fn refuses_numbers_that_cannot_work() {
        for beta in [0.0, 1.0, 1000.0] {
            check(beta, None);
        }
        for beta in [-0.1, 1000.1, f64::NAN, f64::INFINITY] {
            check(beta, Some("XFetch"));
        }
        for share in [0.01, 0.8, 0.99] {
            check(EarlyRefresh::Threshold(share), None);
        }
        for share in [0.0, 1.0, -0.5, 80.0, f64::NAN] {
            check(EarlyRefresh::Threshold(share), Some("threshold"));
        }
        assert_eq!(EarlyRefresh::from(0.0), EarlyRefresh::Off);
    }
}
