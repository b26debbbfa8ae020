use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use super::{KEYS_PER_MEMBER, Member, name, record, tag, watched};
use crate::staleness::judge::Own;
use crate::{Failure, freshness, monotonic};

/// How the cache is told of a change.
#[derive(Clone, Copy, Debug)]
enum Way {
    Delete,
    Tag,
    WriteThrough,
}

/// Between two changes of a process, on average.
const PAUSE: Duration = Duration::from_millis(15);
const PAUSE_OF_WATCHED: Duration = Duration::from_millis(25);

/// Changes the keys that only this process changes, one after the other.
pub(super) async fn run(member: Arc<Member>, mut rng: Rng) -> Result<(), Failure> {
    let first = u32::try_from(member.number)? * KEYS_PER_MEMBER;
    while !member.is_stopped() {
        let (key, way) = match rng.u32(..KEYS_PER_MEMBER) {
            0 => (first, Way::Delete),
            1 => (first + 1, Way::Tag),
            _ if rng.bool() => (first + 2, Way::WriteThrough),
            _ => (first + 2, Way::Delete),
        };
        member.update(key, way).await?;
        sleep(PAUSE.mul_f64(0.5 + rng.f64())).await;
    }
    Ok(())
}

/// Changes the key that all watch.
pub(super) async fn run_watched(member: Arc<Member>, mut rng: Rng) -> Result<(), Failure> {
    let key = watched(member.members);
    while !member.is_stopped() {
        member.update(key, Way::Delete).await?;
        sleep(PAUSE_OF_WATCHED.mul_f64(0.5 + rng.f64())).await;
    }
    Ok(())
}

impl Member {
    async fn update(self: &Arc<Self>, key: u32, way: Way) -> Result<(), Failure> {
        let version = self.database.version(key)? + 1;
        let told = match way {
            Way::Delete => {
                self.database.commit(key, version)?;
                self.items.delete(name(key)).await.map(drop)
            }
            Way::Tag => {
                self.database.commit(key, version)?;
                freshness::invalidate_tag(&self.items, &tag(key)).await
            }
            Way::WriteThrough => {
                let member = Arc::clone(self);
                let writer = move || async move { member.database.commit(key, version) };
                let value = record(key, version);
                freshness::write_through(&self.items, &name(key), value, writer).await
            }
        };
        let at = monotonic::now();
        // Where the cache could not even begin, nothing was written.
        let is_committed = self.database.version(key)? >= version;
        if is_committed {
            let is_unconfirmed = told.is_err();
            self.own.note(
                key,
                Own {
                    version,
                    is_unconfirmed,
                },
            );
        }
        if told.is_ok() {
            self.database.acknowledge(key, version, at)?;
        }
        self.count(way, told.is_ok());
        Ok(())
    }

    fn count(&self, way: Way, is_acknowledged: bool) {
        let mut tally = self.tally();
        let outcomes = match way {
            Way::Delete => &mut tally.deletions,
            Way::Tag => &mut tally.tag_invalidations,
            Way::WriteThrough => &mut tally.writes_through,
        };
        if is_acknowledged {
            outcomes.acknowledged += 1;
        } else {
            outcomes.failed += 1;
        }
    }
}
