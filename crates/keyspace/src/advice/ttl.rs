//! What time to live suits.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::histogram::ChangeHistogram;
use super::rate::{ChangeRate, root};

/// Fewer reloads say too little.
const FEWEST_RELOADS: u64 = 30;

/// No suggestion is further away than this factor: what was seen says little of what happens over
/// much longer times.
const MOST_STEP: f64 = 8.0;

/// A change by less than this factor is none.
const LEAST_STEP: f64 = 1.25;

/// What time to live suits values that change by themselves, given what share of reads may see an
/// outdated one.
///
/// Values that are deleted, set or invalidated whenever they change are never outdated for long:
/// they need no such advice, and may live as long as there is room.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use larder_keyspace::analytics::{ChangeHistogram, TtlAdvice};
///
/// let mut changes = ChangeHistogram::default();
/// let ttl = Duration::from_secs(300);
/// for reload in 0..1000 {
///     changes.record(ttl, reload % 50 == 0);
/// }
/// let advice = TtlAdvice::of(&changes, ttl, TtlAdvice::STALE_SHARE);
/// let expected = "TTL 300 s -> 1,000 s: 70 % fewer loads, 3.3 % of reads outdated";
/// assert!(advice.to_string().starts_with(expected), "{advice}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TtlAdvice {
    /// Too few reloads were seen to say.
    TooFew {
        /// How many were seen.
        reloads: u64,
        /// How many are needed.
        needed: u64,
    },
    /// The present time to live suits.
    Keep {
        /// The present one.
        ttl: Duration,
        /// The share of reads that see an outdated value, from 0 to 1.
        stale_share: f64,
    },
    /// Another one suits better.
    Change(TtlSuggestion),
}

/// Another time to live.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TtlSuggestion {
    /// The present one.
    pub now: Duration,
    /// The suggested one.
    pub then: Duration,
    /// The share of reads that see an outdated value now, from 0 to 1.
    pub stale_now: f64,
    /// The same with the suggested one.
    pub stale_then: f64,
    /// How often values change.
    pub rate: ChangeRate,
}

impl TtlAdvice {
    /// The share of reads that may see an outdated value, where nothing else is wanted.
    pub const STALE_SHARE: f64 = 0.05;

    /// What time to live suits, given the present one. The suggestion holds the share also at the
    /// upper end of what the rate of changes may be.
    ///
    /// A share below 0.0001, above 0.9, or none at all (`NaN`) counts as these, or as
    /// [`STALE_SHARE`](TtlAdvice::STALE_SHARE).
    #[must_use]
    pub fn of(changes: &ChangeHistogram, now: Duration, stale_share: f64) -> Self {
        let stale_share = match stale_share.is_nan() {
            true => Self::STALE_SHARE,
            false => stale_share.clamp(1e-4, 0.9),
        };
        let (reloads, _) = changes.totals();
        let rate = ChangeRate::of(changes).filter(|_| reloads >= FEWEST_RELOADS);
        let (Some(rate), false) = (rate, now.is_zero()) else {
            return Self::TooFew {
                reloads,
                needed: FEWEST_RELOADS,
            };
        };
        let then = suited(rate, now, stale_share);
        let factor = then.as_secs_f64() / now.as_secs_f64();
        let stale_now = stale(rate, now);
        if (1.0 / LEAST_STEP..LEAST_STEP).contains(&factor) {
            return Self::Keep {
                ttl: now,
                stale_share: stale_now,
            };
        }
        Self::Change(TtlSuggestion {
            now,
            then,
            stale_now,
            stale_then: stale(rate, then),
            rate,
        })
    }
}

impl TtlSuggestion {
    /// By what factor loads change, of keys that are read all the time: 0.2 are 80 % fewer. Keys
    /// that are read less often than they expire change less.
    #[must_use]
    pub fn loads(&self) -> f64 {
        self.now.as_secs_f64() / self.then.as_secs_f64()
    }
}

fn suited(rate: ChangeRate, now: Duration, stale_share: f64) -> Duration {
    let most_changes = root((1e-9, 1e9), |changes| outdated(changes) < stale_share);
    let cautious = match rate {
        ChangeRate::About { upper, .. } => upper,
        ChangeRate::AtMost(rate) | ChangeRate::AtLeast(rate) => rate,
    };
    let seconds = now.as_secs_f64();
    let wanted = (most_changes / cautious).clamp(seconds / MOST_STEP, seconds * MOST_STEP);
    // Two digits are as much as is known.
    let digits = 10_f64.powf(wanted.log10().floor() - 1.0);
    let rounded = (wanted / digits).round() * digits;
    Duration::try_from_secs_f64(rounded)
        .unwrap_or(now)
        .max(Duration::from_millis(1))
}

fn stale(rate: ChangeRate, ttl: Duration) -> f64 {
    outdated(rate.per_second() * ttl.as_secs_f64())
}

/// The share of the time that a value is outdated, when so many changes are expected while it is
/// kept: the mean of `1 - e^-x` up to there.
fn outdated(changes: f64) -> f64 {
    if changes < 1e-5 {
        // The difference below would have no digits left.
        return changes / 2.0;
    }
    1.0 + (-changes).exp_m1() / changes
}

impl fmt::Display for TtlAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { reloads, needed } => {
                write!(f, "not enough reloads seen ({reloads} of {needed})")
            }
            Self::Keep { ttl, stale_share } => {
                let (ttl, share) = (Seconds(*ttl), stale_share * 100.0);
                write!(f, "TTL {ttl} suits: {share:.1} % of reads outdated")
            }
            Self::Change(suggestion) => suggestion.fmt(f),
        }
    }
}

impl fmt::Display for TtlSuggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, then) = (Seconds(self.now), Seconds(self.then));
        write!(f, "TTL {now} -> {then}: ")?;
        let loads = self.loads();
        if loads < 1.0 {
            write!(f, "{:.0} % fewer loads", (1.0 - loads) * 100.0)?;
        } else {
            write!(f, "{loads:.1} times the loads")?;
        }
        let bound = match self.rate {
            ChangeRate::AtMost(_) => "at most ",
            ChangeRate::AtLeast(_) => "at least ",
            ChangeRate::About { .. } => "",
        };
        let (stale_now, stale_then) = (self.stale_now * 100.0, self.stale_then * 100.0);
        write!(
            f,
            ", {bound}{stale_then:.1} % of reads outdated instead of {stale_now:.1} %"
        )
    }
}

/// `1,500 s`, `0.25 s`.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds < 10 {
            return write!(f, "{} s", self.0.as_secs_f64());
        }
        let digits = seconds.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        f.write_str(" s")
    }
}
