use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::{Member, watched};
use crate::Failure;
use crate::monotonic::{self, Nanos, between};

/// From one read to the next: shorter than a timer of the runtime, and long enough that many
/// processes leave each other the machine.
const PAUSE: Duration = Duration::from_micros(100);

/// Reads one key over and over, on a thread of its own, to see when others' changes arrive.
pub(super) fn start(member: &Arc<Member>) -> Result<Watching, Failure> {
    let (sender, ended) = oneshot::channel();
    let (member, runtime) = (Arc::clone(member), Handle::current());
    thread::Builder::new()
        .name("watching".to_owned())
        .spawn(move || {
            let result = runtime.block_on(watch(&member));
            let _nobody_waits = sender.send(result);
        })?;
    Ok(ended)
}

/// How it ended.
pub(super) type Watching = oneshot::Receiver<Result<(), Failure>>;

async fn watch(member: &Arc<Member>) -> Result<(), Failure> {
    let key = watched(member.members);
    // Whose change it is sees it at once.
    let is_peer = member.number != 0;
    let mut last: Option<u64> = None;
    while !member.is_stopped() {
        let found = member.read(key, Duration::ZERO).await?;
        let seen_at = monotonic::now();
        if let (Some(last), Some(version), true) = (last, found, is_peer) {
            for new in last + 1..=version {
                if let Some(after) = member.arrived_after(key, new, seen_at)? {
                    member.tally().seen_after.record(after);
                }
            }
        }
        last = last.max(found);
        thread::sleep(PAUSE);
    }
    Ok(())
}

impl Member {
    /// How long after its acknowledgement a version was seen; `None` where nobody promised it.
    fn arrived_after(
        &self,
        key: u32,
        version: u64,
        seen_at: Nanos,
    ) -> Result<Option<Duration>, Failure> {
        if let Some(at) = self.database.moment(key, version)? {
            return Ok(Some(between(at, seen_at)));
        }
        // Seen before it had to be, or never acknowledged.
        let is_early = version > self.database.acknowledged(key)?;
        Ok(is_early.then_some(Duration::ZERO))
    }
}
