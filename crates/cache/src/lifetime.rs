//! From a time to live as asked for to the lifetimes of an entry.

use std::time::Duration;

use larder_cache_core::{
    EarlyRefresh, EntryId, Key, Lifetime, Namespace, Random, Result, Ttl, TtlClasses,
};

use crate::reading::SlotTerms;

/// The lifetimes of a value: stale after its time to live, gone after the grace behind it.
///
/// # Errors
/// Kind `InvalidTtl`.
pub(crate) fn of_value(
    asked: Ttl,
    namespace: &Namespace,
    classes: &TtlClasses,
    random: &dyn Random,
) -> Result<Lifetime> {
    let ttl = if asked == Ttl::Default {
        namespace.ttl
    } else {
        asked
    };
    let Some(full) = ttl.resolve(classes)? else {
        return Ok(Lifetime::default());
    };
    // A threshold spreads the refreshes, and so the loads.
    let is_spread = matches!(namespace.early_refresh, EarlyRefresh::Threshold(_));
    let soft = if asked.is_exact() || is_spread {
        full
    } else {
        shortened(full, namespace.jitter, random)
    };
    let hard = soft.saturating_add(namespace.grace).min(Ttl::MAX);
    Ok(Lifetime {
        soft: Some(soft),
        hard: Some(hard),
    })
}

/// The lifetimes of "there is none": no stale copy of it is worth keeping. `None` where
/// the namespace does not remember it.
///
/// # Errors
/// Kind `InvalidTtl`.
pub(crate) fn of_absence(
    asked: Ttl,
    namespace: &Namespace,
    classes: &TtlClasses,
) -> Result<Option<Lifetime>> {
    let ttl = if asked == Ttl::Default {
        let Some(ttl) = namespace.negative_ttl else {
            return Ok(None);
        };
        Some(ttl)
    } else {
        asked.resolve(classes)?
    };
    Ok(Some(Lifetime {
        soft: ttl,
        hard: ttl,
    }))
}

/// How long until a value should be refreshed before it is stale; `None`: it has no end, or
/// is not to be refreshed early.
pub(crate) fn until_refresh(
    terms: &SlotTerms,
    namespace: &Namespace,
    random: &dyn Random,
) -> Option<Duration> {
    let soft = terms.soft?;
    let early = match namespace.early_refresh {
        EarlyRefresh::XFetch { beta } => xfetch(terms.load_cost, beta, random)?,
        // What is left of its life at its point of refresh.
        EarlyRefresh::Threshold(share) => {
            let latest = share + (1.0 - share) / 2.0;
            let point = share + (latest - share) * terms.spread.0;
            terms.life.max(soft).mul_f64(1.0 - point)
        }
        _ => return None,
    };
    Some(soft.saturating_sub(early))
}

/// XFetch: the more a load costs, the earlier; and the draw, anew each time, spreads the
/// readers, so that most often one comes first. (Vattani, Chierichetti, Lowenstein: Optimal
/// Probabilistic Cache Stampede Prevention, 2015.)
fn xfetch(load_cost: Duration, beta: f64, random: &dyn Random) -> Option<Duration> {
    if load_cost.is_zero() || beta <= 0.0 {
        return None;
    }
    // In (0, 1], so that the logarithm is finite.
    let drawn = 1.0 - random.next_unit();
    let early = load_cost.as_secs_f64() * beta * -drawn.ln();
    Some(Duration::try_from_secs_f64(early).unwrap_or(Duration::MAX))
}

/// A number from 0 up to 1 that belongs to one entry: the same in all processes, at each look
/// at it, and another one for each entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread(f64);

impl Spread {
    /// Entries of the same value, stored at once, differ in their keys alone.
    pub(crate) fn of(key: &Key, entry: EntryId) -> Self {
        // FNV-1a, which is the same everywhere, and the last step of SplitMix64.
        let start = u64::from_le_bytes(entry.to_bytes());
        let hash = key.as_bytes().iter().fold(start, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(((hash ^ hash >> 31) >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// Jitter only shortens: nothing is served longer than its time to live says.
fn shortened(ttl: Duration, jitter: f64, random: &dyn Random) -> Duration {
    ttl.mul_f64(1.0 - jitter * random.next_unit())
        .max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Half;

    impl Random for Half {
        fn next_u64(&self) -> u64 {
            1 << 63
        }
    }

    fn check(asked: Ttl, namespace: &Namespace, expected: Option<(u64, u64)>) {
        let lifetime = of_value(asked, namespace, &TtlClasses::default(), &Half).unwrap();
        let seconds = lifetime.soft.zip(lifetime.hard);
        let seconds = seconds.map(|(soft, hard)| (soft.as_secs(), hard.as_secs()));
        assert_eq!(seconds, expected, "{asked:?}");
    }

    #[test]
    fn jitter_shortens_all_but_exact_times() {
        let users = Namespace::new("users")
            .jitter(0.2)
            .grace(Duration::from_secs(60));
        check(Ttl::Default, &users, Some((3240, 3300)));
        check(Ttl::Short, &users, Some((270, 330)));
        check(
            Ttl::Exact(Duration::from_secs(100)),
            &users,
            Some((100, 160)),
        );
        let spread = users.clone().early_refresh(EarlyRefresh::Threshold(0.8));
        check(Ttl::Default, &spread, Some((3600, 3660)));
        check(Ttl::None, &users, None);
        check(Ttl::Default, &users.clone().ttl(Ttl::None), None);
    }

    fn check_absence(asked: Ttl, namespace: &Namespace, expected: Option<Lifetime>) {
        let lifetime = of_absence(asked, namespace, &TtlClasses::default()).unwrap();
        assert_eq!(lifetime, expected, "{asked:?}");
    }

    #[test]
    fn absence_has_a_time_of_its_own() {
        let users = Namespace::new("users").negative_ttl(Duration::from_secs(7));
        let forgetful = users.clone().negative_ttl(None);
        let ends_after = |seconds| {
            let ttl = Some(Duration::from_secs(seconds));
            Some(Lifetime {
                soft: ttl,
                hard: ttl,
            })
        };
        check_absence(Ttl::Default, &users, ends_after(7));
        check_absence(Ttl::Default, &forgetful, None);
        check_absence(Ttl::Short, &users, ends_after(300));
        check_absence(Ttl::Short, &forgetful, ends_after(300));
        check_absence(Ttl::None, &users, Some(Lifetime::default()));
    }

    /// Of many entries that differ in their key, or in what was stored, each half of the
    /// window gets half.
    #[test]
    fn a_threshold_spreads_refreshes_over_its_window() {
        let users = Namespace::new("users").early_refresh(EarlyRefresh::Threshold(0.8));
        let prefix = larder_cache_core::KeyPrefix::new("app").unwrap();
        let (soft, mut early, mut late) = (Duration::from_secs(70), 0, 0);
        for number in 0..1000_u16 {
            let key = prefix.value("users", &(number / 2).to_string()).unwrap();
            let entry = EntryId::of(&[(number % 2) as u8; larder_cache_core::entry::HEADER_BYTES]);
            let terms = SlotTerms {
                soft: Some(soft),
                hard: None,
                life: Duration::from_secs(100),
                load_cost: Duration::ZERO,
                value_bytes: 0,
                spread: Spread::of(&key, entry),
                marks: None,
            };
            let until = until_refresh(&terms, &users, &Half).unwrap();
            assert_eq!(until_refresh(&terms, &users, &Half), Some(until));
            match until.as_secs() {
                50..55 => early += 1,
                55..60 => late += 1,
                other => panic!("{other} s of 70, which are from 30 to 100"),
            }
        }
        assert!(early > 400 && late > 400, "{early} and {late}");
    }
}
