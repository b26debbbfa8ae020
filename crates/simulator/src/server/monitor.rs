//! What P3 says of leases, watched at the server, from a memory of its own.

use std::collections::BTreeMap;

use larder_cache_core::{Claim, Fill, FillOutcome, Key, LeaseRequest};

use super::Asking;

/// The leases that live.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    live: BTreeMap<Key, Live>,
}

#[derive(Debug)]
struct Live {
    token: u64,
    until: u64,
    connection: u64,
}

impl Monitor {
    /// Takes note of a lease, and says what is wrong with it.
    pub(super) fn granted(
        &mut self,
        asking: Asking,
        request: &LeaseRequest,
        until: u64,
        now: u64,
    ) -> Option<&'static str> {
        let live = Live {
            token: request.token,
            until,
            connection: asking.connection,
        };
        let before = self.live.insert(request.key.clone(), live);
        let over_others = matches!(request.claim, Claim::Absent(_) | Claim::Force);
        let second = before.is_some_and(|before| before.until > now);
        (second && !over_others).then_some("a second lease was granted while the first lived")
    }

    /// Takes note of an accepted fill, and says what is wrong with it.
    pub(super) fn filled(&mut self, asking: Asking, fill: &Fill) -> Option<&'static str> {
        let live = self.live.remove(&fill.key);
        if matches!(fill.outcome, FillOutcome::Release) {
            // To give a lease back does no harm, wherever it was granted.
            return None;
        }
        match live {
            None => Some("a fill was accepted where no lease lived"),
            Some(live) if live.token != fill.grant.token => {
                Some("a fill was accepted under another token than that of the lease")
            }
            Some(live) if live.connection != fill.grant.connection => {
                Some("a fill was accepted for the lease of another connection")
            }
            Some(live) if live.connection != asking.connection => {
                Some("a fill was accepted on another connection than granted the lease")
            }
            Some(_) => None,
        }
    }

    /// The key was written or removed: whatever lease there was has ended.
    pub(super) fn ended(&mut self, key: &Key) {
        self.live.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use larder_cache_core::{Grant, KeyPrefix};

    use super::*;

    fn key() -> Key {
        KeyPrefix::new("t").unwrap().value("n", "k").unwrap()
    }

    fn grant(monitor: &mut Monitor, connection: u64, now: u64) -> Option<&'static str> {
        let asking = Asking {
            process: 1,
            connection,
        };
        let request = LeaseRequest {
            key: key(),
            token: connection,
            lasts: Duration::from_millis(100),
            claim: Claim::Missing,
        };
        monitor.granted(asking, &request, now + 100, now)
    }

    fn fill(monitor: &mut Monitor, connection: u64) -> Option<&'static str> {
        let asking = Asking {
            process: 1,
            connection,
        };
        let fill = Fill {
            key: key(),
            grant: Grant {
                token: connection,
                connection,
            },
            outcome: FillOutcome::Remove,
        };
        monitor.filled(asking, &fill)
    }

    #[test]
    fn one_lease_and_one_fill_at_a_time_are_right() {
        let mut monitor = Monitor::default();
        assert_eq!(grant(&mut monitor, 1, 0), None);
        assert_eq!(fill(&mut monitor, 1), None);
        assert_eq!(grant(&mut monitor, 2, 10), None);
        assert_eq!(grant(&mut monitor, 3, 110), None, "the other ran out");
        monitor.ended(&key());
        assert_eq!(grant(&mut monitor, 4, 120), None);
    }

    #[test]
    fn everything_else_is_wrong() {
        let mut monitor = Monitor::default();
        assert!(fill(&mut monitor, 1).is_some());
        grant(&mut monitor, 1, 0);
        assert!(grant(&mut monitor, 2, 10).is_some());
        assert!(fill(&mut monitor, 1).is_some(), "its lease was taken over");
        grant(&mut monitor, 3, 20);
        fill(&mut monitor, 3);
        assert!(fill(&mut monitor, 3).is_some(), "a lease is filled once");
    }
}
