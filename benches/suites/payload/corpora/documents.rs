//! JSON documents, as an interface of a service answers.

use fastrand::Rng;
use larder_benches::Failure;
use serde_json::json;

use crate::corpora::prose;
use crate::corpora::records::pick;

const STATES: [&str; 4] = ["draft", "published", "archived", "in_review"];
const KINDS: [&str; 3] = ["article", "exercise", "video"];

/// A document of about 1 KiB.
pub(crate) fn document(rng: &mut Rng) -> Result<Vec<u8>, Failure> {
    let title = 20 + rng.usize(..40);
    let body = 350 + rng.usize(..250);
    let document = json!({
        "id": format!("{:08x}-{:04x}-{:012x}", rng.u32(..), rng.u16(..), rng.u64(..1 << 48)),
        "type": pick(rng, &KINDS),
        "status": pick(rng, &STATES),
        "title": prose::sentences(rng, title),
        "author": { "id": rng.u32(..100_000), "verified": rng.bool() },
        "created_at": format!("2026-{:02}-{:02}T{:02}:{:02}:00Z",
            rng.u8(1..13), rng.u8(1..29), rng.u8(..24), rng.u8(..60)),
        "statistics": {
            "views": rng.u32(..1_000_000),
            "likes": rng.u32(..10_000),
            "rating": f64::from(rng.u32(..500)) / 100.0,
        },
        "related": (0..4).map(|_| rng.u32(..1_000_000)).collect::<Vec<_>>(),
        "body": prose::sentences(rng, body),
    });
    Ok(serde_json::to_vec(&document)?)
}
