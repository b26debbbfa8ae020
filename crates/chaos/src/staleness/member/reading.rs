use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use super::{Member, watched};
use crate::Failure;

/// Reads between two pauses.
const AT_ONCE: u32 = 4;
const PAUSE: Duration = Duration::from_millis(2);
const LONGEST_LOAD_MICROS: u64 = 3_000;

/// Reads hot keys, those of this process and those of others.
pub(super) async fn run(member: Arc<Member>, mut rng: Rng) -> Result<(), Failure> {
    let keys = watched(member.members);
    while !member.is_stopped() {
        for _ in 0..AT_ONCE {
            let takes = Duration::from_micros(rng.u64(..LONGEST_LOAD_MICROS));
            member.read(rng.u32(..keys), takes).await?;
        }
        sleep(PAUSE.mul_f64(0.5 + rng.f64())).await;
    }
    Ok(())
}
