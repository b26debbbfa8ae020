//! Whether the servers keep what they acknowledge.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use larder_cache_core::{Call, Durability, Error, ErrorKind, Key, Result};

use super::options::AtRisk;
use crate::info::Facts;
use crate::servers::Servers;

/// Which connections lead to servers that keep what they acknowledge.
#[derive(Debug)]
pub(super) struct Safety {
    at_risk: AtRisk,
    checked: Mutex<HashSet<u64>>,
}

impl Safety {
    pub(super) fn new(at_risk: AtRisk) -> Self {
        Self {
            at_risk,
            checked: Mutex::default(),
        }
    }

    /// Looks at all servers that take writes: what an acknowledged write survives on the least
    /// durable of them.
    pub(super) async fn check_all(&self, servers: &Servers, call: Call) -> Result<Durability> {
        let all = servers.facts(None, call).await?;
        let mut least = Durability::PowerLoss;
        for facts in &all {
            self.judge(facts)?;
            least = least.min(durability(facts));
        }
        Ok(least)
    }

    /// Looks at the server that takes the writes of a key, where the connection to it is new: it
    /// may have been started anew with other settings, or another took over.
    pub(super) async fn check(&self, servers: &Servers, key: &Key, call: Call) -> Result<()> {
        let (_, connection) = servers.owner_of(key, call).await?;
        if self.checked().contains(&connection) {
            return Ok(());
        }
        let nothing_was_sent = |error: Error| error.replay_safe();
        let facts = servers.facts(Some(key), call).await;
        for facts in &facts.map_err(nothing_was_sent)? {
            self.judge(facts).map_err(nothing_was_sent)?;
        }
        Ok(())
    }

    fn judge(&self, facts: &Facts) -> Result<()> {
        match (danger(facts), self.at_risk) {
            (Some(danger), AtRisk::Refuse) => return Err(danger),
            (Some(danger), AtRisk::Warn) => {
                tracing::warn!(%danger, "the journal may lose writes that it acknowledged");
            }
            (None, _) => {}
        }
        self.checked().insert(facts.connection);
        Ok(())
    }

    fn checked(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a server would lose what it acknowledged, if it would.
///
/// The keys of a journal have no time to live, so that `volatile-*` spares them: what it evicts
/// is the cache's. `allkeys-*` is refused also where there is no limit to the memory yet, as it
/// can be set at any time.
fn danger(facts: &Facts) -> Option<Error> {
    let found = |message, setting, value: &str| {
        let error = Error::new(ErrorKind::Config, message);
        let found = format!("{setting} {value}");
        Some(error.with("node", &facts.node).with("found", found))
    };
    let policy = facts.field("maxmemory_policy").unwrap_or("unknown");
    if policy.starts_with("allkeys-") {
        let message = "Redis may evict the keys of the journal, and with them writes that were \
                       acknowledged: set maxmemory-policy to noeviction or to volatile-lru (which \
                       evicts cache entries alone), or give the journal a Redis of its own";
        return found(message, "maxmemory-policy", policy);
    }
    match facts.field("aof_enabled") {
        Some("1") => None,
        other => {
            let message = "Redis keeps no log of its writes, so that its end loses writes that \
                           were acknowledged (a snapshot has not the last ones): set appendonly \
                           to yes";
            let off = if other == Some("0") { "no" } else { "unknown" };
            found(message, "appendonly", off)
        }
    }
}

fn durability(facts: &Facts) -> Durability {
    match (facts.field("aof_enabled"), facts.fsync.as_deref()) {
        (Some("1"), Some("always")) => Durability::PowerLoss,
        (Some("1"), _) => Durability::Crash,
        _ => Durability::Process,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(info: &str, fsync: Option<&str>, survives: Durability, expected: Option<&str>) {
        let facts = Facts::known("h:1", 7, info, fsync);
        assert_eq!(durability(&facts), survives, "{info}");
        let danger = danger(&facts);
        assert_eq!(danger.is_some(), expected.is_some(), "{info}: {danger:?}");
        if let (Some(danger), Some(expected)) = (danger, expected) {
            assert_eq!(danger.kind(), ErrorKind::Config);
            let text = danger.to_string();
            assert!(text.contains(expected) && text.contains("h:1"), "{text}");
        }
    }

    #[test]
    fn servers_are_judged_by_eviction_and_log() {
        use Durability::{Crash, PowerLoss, Process};
        let evicts = "found: maxmemory-policy allkeys-lru";
        let forgets = "found: appendonly no";
        let of = |policy: &str, log: &str| {
            format!("maxmemory:0\r\nmaxmemory_policy:{policy}\r\naof_enabled:{log}\r\n")
        };
        check(&of("noeviction", "1"), Some("everysec"), Crash, None);
        check(&of("noeviction", "1"), Some("always"), PowerLoss, None);
        check(&of("volatile-lru", "1"), Some("no"), Crash, None);
        check(&of("volatile-ttl", "1"), None, Crash, None);
        check(&of("allkeys-lru", "1"), None, Crash, Some(evicts));
        check(&of("noeviction", "0"), None, Process, Some(forgets));
        check("", None, Process, Some("found: appendonly unknown"));
    }

    #[test]
    fn who_takes_the_risk_is_let_on() {
        let facts = Facts::known("h:1", 7, "aof_enabled:0\r\n", None);
        Safety::new(AtRisk::Refuse).judge(&facts).unwrap_err();
        let safety = Safety::new(AtRisk::Warn);
        safety.judge(&facts).unwrap();
        assert!(safety.checked().contains(&7));
    }
}
