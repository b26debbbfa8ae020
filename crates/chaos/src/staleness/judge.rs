//! What a read was worth, by what had been acknowledged before it began.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::database::{Database, REMEMBERED};
use crate::monotonic::{Nanos, between, nanos};

/// A read that was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) key: u32,
    pub(crate) version: u64,
    /// When it began.
    pub(crate) begin: Nanos,
    /// What this process had changed by then.
    pub(crate) own: Own,
}

/// The last change that this process itself had made of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) version: u64,
    /// The cache was told of it and could not confirm that all know.
    pub(crate) is_unconfirmed: bool,
}

/// The changes that this process has made, for all keys.
#[derive(Debug)]
pub(crate) struct OwnChanges {
    changes: Vec<AtomicU64>,
}

/// What a read was worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing newer had been acknowledged.
    Current,
    /// Something newer had been, this long before, which is allowed.
    Behind(Duration),
    /// It is too old, and what was acknowledged may have been lost with a master.
    Excused,
    /// It is too old.
    Breach(Breach),
}

/// A read that was too old.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Breach {
    pub(crate) member: usize,
    pub(crate) key: u32,
    pub(crate) version: u64,
    pub(crate) begin: Nanos,
    /// The first newer version that should have been seen.
    pub(crate) newer: u64,
    /// When that was acknowledged; `None` where it never was, but this process knew of it.
    pub(crate) acknowledged: Option<Nanos>,
    /// Whether this process had made the change itself.
    pub(crate) is_own: bool,
}

impl Database {
    /// Judges a read by a member.
    pub(crate) fn judge(
        &self,
        member: usize,
        read: &Read,
        max_staleness: Duration,
    ) -> io::Result<Standing> {
        let latest = self.acknowledged(read.key)?.max(read.own.version);
        if read.version >= latest {
            return Ok(Standing::Current);
        }
        let mut behind = None;
        let mut is_excused = false;
        // What is no longer remembered was acknowledged before all that is.
        let oldest = (latest + 1).saturating_sub(REMEMBERED);
        for newer in (read.version + 1).max(oldest)..=latest {
            let acknowledged = self.moment(read.key, newer)?;
            let is_own = newer <= read.own.version;
            let before = acknowledged.filter(|at| *at < read.begin);
            behind = behind.or(before.map(|at| between(at, read.begin)));
            let is_due = match acknowledged {
                Some(_) if is_own => true,
                Some(at) => at.saturating_add(nanos(max_staleness)) < read.begin,
                None => newer == read.own.version && read.own.is_unconfirmed,
            };
            if !is_due {
                continue;
            }
            if let Some(at) = acknowledged
                && self.is_excused(at)?
            {
                is_excused = true;
                continue;
            }
            return Ok(Standing::Breach(Breach {
                member,
                key: read.key,
                version: read.version,
                begin: read.begin,
                newer,
                acknowledged,
                is_own,
            }));
        }
        Ok(match behind {
            _ if is_excused => Standing::Excused,
            Some(by) => Standing::Behind(by),
            None => Standing::Current,
        })
    }
}

impl OwnChanges {
    pub(crate) fn new(keys: u32) -> Self {
        Self {
            changes: (0..keys).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Notes the change of a key when the call that told the cache has returned.
    pub(crate) fn note(&self, key: u32, own: Own) {
        let change = own.version << 1 | u64::from(own.is_unconfirmed);
        self.changes[key as usize].store(change, Ordering::SeqCst);
    }

    pub(crate) fn of(&self, key: u32) -> Own {
        let change = self.changes[key as usize].load(Ordering::SeqCst);
        Own {
            version: change >> 1,
            is_unconfirmed: change & 1 == 1,
        }
    }
}

impl Breach {
    /// It in words; times count from `began`.
    pub(crate) fn describe(&self, began: Nanos) -> String {
        let at = |moment| format!("{:.3} s", between(began, moment).as_secs_f64());
        let whose = if self.is_own { "its own" } else { "another's" };
        let Self { member, key, .. } = self;
        let change = match self.acknowledged {
            Some(moment) => format!(
                "version {} by {whose} change had been acknowledged at {}, {:.1} ms before",
                self.newer,
                at(moment),
                between(moment, self.begin).as_secs_f64() * 1e3
            ),
            None => format!(
                "version {} was its own change, which was not confirmed",
                self.newer
            ),
        };
        format!(
            "process {member} read version {} of key {key} at {}; {change}",
            self.version,
            at(self.begin)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::database::tests::database;
    use super::*;

    const BOUND: Duration = Duration::from_nanos(500);

    /// Versions 1 to 3 of key 0, acknowledged at 1000, 2000 and 3000.
    fn three() -> Database {
        let database = database(1);
        for version in 1..=3 {
            database.commit(0, version).unwrap();
            database.acknowledge(0, version, version * 1000).unwrap();
        }
        database
    }

    fn judge(database: &Database, version: u64, begin: Nanos, own: Own) -> Standing {
        let read = Read {
            key: 0,
            version,
            begin,
            own,
        };
        database.judge(4, &read, BOUND).unwrap()
    }

    fn newer(standing: &Standing) -> Option<u64> {
        match standing {
            Standing::Breach(breach) => Some(breach.newer),
            _ => None,
        }
    }

    #[test]
    fn others_may_be_behind_up_to_the_bound() {
        let database = three();
        let check = |version, begin, expected| {
            assert_eq!(judge(&database, version, begin, Own::default()), expected);
        };
        let behind = |by| Standing::Behind(Duration::from_nanos(by));
        check(3, 9000, Standing::Current);
        check(2, 2900, Standing::Current);
        check(2, 3001, behind(1));
        check(2, 3500, behind(500));
        check(1, 2400, behind(400));
        let late = judge(&database, 2, 3501, Own::default());
        assert_eq!(newer(&late), Some(3));
        let late = judge(&database, 1, 3400, Own::default());
        assert_eq!(newer(&late), Some(2), "the first that was due is named");
        assert_eq!(newer(&judge(&database, 0, 9000, Own::default())), Some(1));
    }

    #[test]
    fn own_changes_are_seen_at_once() {
        let database = three();
        let own = |version, is_unconfirmed| Own {
            version,
            is_unconfirmed,
        };
        assert_eq!(newer(&judge(&database, 2, 3001, own(3, false))), Some(3));
        assert_eq!(judge(&database, 2, 2900, own(2, false)), Standing::Current);
        database.commit(0, 4).unwrap();
        let unconfirmed = judge(&database, 3, 4000, own(4, true));
        assert_eq!(newer(&unconfirmed), Some(4));
        assert_eq!(
            judge(&database, 3, 4000, Own::default()),
            Standing::Current,
            "for others it means nothing yet"
        );
    }

    #[test]
    fn only_what_a_failover_may_lose_is_excused() {
        let database = three();
        database.excuse(0, 2950, 3050).unwrap();
        let at = |version, begin| judge(&database, version, begin, Own::default());
        assert_eq!(at(2, 9000), Standing::Excused);
        assert_eq!(newer(&at(1, 9000)), Some(2), "that one was not lost");
        database.commit(0, 4).unwrap();
        database.acknowledge(0, 4, 5000).unwrap();
        assert_eq!(newer(&at(2, 9000)), Some(4), "nor what came after");
    }

    #[test]
    fn what_is_forgotten_was_due_long_ago() {
        let database = database(1);
        for version in 1..=2 * REMEMBERED {
            database.acknowledge(0, version, version).unwrap();
        }
        let late = judge(&database, 1, 90_000, Own::default());
        assert_eq!(newer(&late), Some(REMEMBERED + 1));
    }

    #[test]
    fn own_changes_are_kept_apart() {
        let changes = OwnChanges::new(2);
        let own = Own {
            version: 9,
            is_unconfirmed: true,
        };
        changes.note(1, own);
        assert_eq!(changes.of(1), own);
        assert_eq!(changes.of(0), Own::default());
    }
}
