//! How long keys whose refresh failed are left alone.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Keys whose refresh failed, and until when each is left alone. At most so many.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    most: usize,
    failed: HashMap<Box<str>, Failed>,
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    attempts: u32,
    until: Instant,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration, most: usize) -> Self {
        Self {
            first,
            longest,
            most,
            failed: HashMap::new(),
        }
    }

    /// Whether the key is left alone now.
    pub(crate) fn holds(&self, key: &str, now: Instant) -> bool {
        self.failed
            .get(key)
            .is_some_and(|failed| failed.until > now)
    }

    /// How often the key has failed in a row.
    pub(crate) fn attempts(&self, key: &str) -> u32 {
        self.failed.get(key).map_or(0, |failed| failed.attempts)
    }

    /// For how long the key will be left alone if it fails: twice as long each time, up to the
    /// longest, of which `spread` takes up to half away.
    pub(crate) fn delay(&self, key: &str, spread: f64) -> Duration {
        let doubled = 1_u32.checked_shl(self.attempts(key)).unwrap_or(u32::MAX);
        let delay = self.first.saturating_mul(doubled).min(self.longest);
        delay.mul_f64(1.0 - spread.clamp(0.0, 1.0) / 2.0)
    }

    /// The refresh failed: the key is left alone for so long.
    pub(crate) fn failed(&mut self, key: &str, delay: Duration, now: Instant) {
        if self.failed.len() >= self.most && !self.failed.contains_key(key) {
            self.make_room(now);
        }
        let failed = Failed {
            attempts: self.attempts(key).saturating_add(1),
            until: now + delay,
        };
        self.failed.insert(key.into(), failed);
    }

    /// The refresh was successful.
    pub(crate) fn succeeded(&mut self, key: &str) {
        self.failed.remove(key);
    }

    /// Forgets those that may be tried again; and if all are to wait, any of them.
    fn make_room(&mut self, now: Instant) {
        self.failed.retain(|_, failed| failed.until > now);
        if self.failed.len() >= self.most
            && let Some(any) = self.failed.keys().next().cloned()
        {
            self.failed.remove(&any);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn waits_twice_as_long_each_time() {
        let now = Instant::now();
        let mut backoff = Backoff::new(100 * MS, 30_000 * MS, 10);
        for expected in [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000] {
            let delay = backoff.delay("a", 0.0);
            assert_eq!(delay, expected * MS);
            assert_eq!(backoff.delay("a", 1.0), delay / 2);
            backoff.failed("a", delay, now);
            assert!(backoff.holds("a", now + delay - MS));
            assert!(!backoff.holds("a", now + delay));
        }
        for _ in 0..100 {
            backoff.failed("a", MS, now);
        }
        assert_eq!(backoff.delay("a", 0.0), 30_000 * MS);
        backoff.succeeded("a");
        assert_eq!(backoff.delay("a", 0.0), 100 * MS);
    }

    #[test]
    fn remembers_only_so_many() {
        let now = Instant::now();
        let mut backoff = Backoff::new(MS, MS, 3);
        for key in 0..10 {
            backoff.failed(&key.to_string(), MS, now);
            assert!(backoff.holds(&key.to_string(), now));
        }
        assert_eq!(backoff.failed.len(), 3);
        backoff.failed("later", MS, now + MS);
        assert_eq!(backoff.failed.len(), 1);
    }
}
