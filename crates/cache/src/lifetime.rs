//! From a time to live as asked for to the lifetimes of an entry.

use std::time::Duration;

use larder_cache_core::{Lifetime, Namespace, Random, Result, Ttl, TtlClasses};

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
    let soft = if asked.is_exact() {
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

/// How long until a value should be refreshed before it is stale, drawn anew each time;
/// `None`: it has no end, or is not to be refreshed early.
///
/// XFetch: the more a load costs, the earlier; and the draw spreads the readers, so that
/// most often one comes first. (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic
/// Cache Stampede Prevention, 2015.)
pub(crate) fn until_refresh(
    terms: &SlotTerms,
    namespace: &Namespace,
    random: &dyn Random,
) -> Option<Duration> {
    let soft = terms.soft?;
    if terms.load_cost.is_zero() || namespace.early_refresh <= 0.0 {
        return None;
    }
    // In (0, 1], so that the logarithm is finite.
    let drawn = 1.0 - random.next_unit();
    let early = terms.load_cost.as_secs_f64() * namespace.early_refresh * -drawn.ln();
    let early = Duration::try_from_secs_f64(early).unwrap_or(Duration::MAX);
    Some(soft.saturating_sub(early))
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
}
