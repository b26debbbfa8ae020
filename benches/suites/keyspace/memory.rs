//! Memory while a billion different keys are read.

use std::fmt;
use std::fs;
use std::time::Instant;

use larder_benches::Failure;
use larder_cache_core::{Event, Observer, Space, Tier};
use larder_keyspace::analytics::Analytics;
use serde::Serialize;

use crate::streams::Numbered;

/// Memory after so many keys.
#[derive(Debug, Serialize)]
pub(crate) struct Taken {
    pub(crate) keys: u64,
    /// What analytics says it takes at most.
    pub(crate) bytes: usize,
    /// How much the process has grown since the first key; `None` where the system does not
    /// say.
    pub(crate) grown_bytes: Option<i64>,
    pub(crate) nanos_per_access: f64,
    pub(crate) distinct_keys: f64,
}

/// Reads up to so many keys, and looks at the memory at each power of ten from a million on.
pub(crate) fn measure(most: u64) -> Result<Vec<Taken>, Failure> {
    let analytics = Analytics::default();
    let (mut key, mut taken) = (Numbered::new(), Vec::new());
    let (before, began) = (resident_bytes(), Instant::now());
    let mut stop = 1_000_000.min(most);
    for number in 1..=most {
        let space = Space {
            id: 1,
            name: "stream",
        };
        let (text, tier) = (key.text(), Tier::L1);
        analytics.observe(&Event::Hit {
            space,
            key: text,
            tier,
        });
        key.advance();
        if number == stop {
            stop = (stop * 10).min(most);
            let grown = |before: i64| Some(resident_bytes()? - before);
            let keys = analytics
                .key_analytics("stream")?
                .keys
                .ok_or("no memory for the keys")?;
            taken.push(Taken {
                keys: number,
                bytes: analytics.memory_bytes(),
                grown_bytes: before.and_then(grown),
                nanos_per_access: began.elapsed().as_nanos() as f64 / number as f64,
                distinct_keys: keys.distinct.keys,
            });
        }
    }
    Ok(taken)
}

fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: i64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grown = self
            .grown_bytes
            .map_or("-".to_owned(), |bytes| (bytes / 1024).to_string());
        writeln!(
            f,
            "  {:>13} different keys: at most {} KiB, the process grew by {grown} KiB; counted \
             {:.0}, {:.0} ns an access",
            self.keys,
            self.bytes.div_ceil(1024),
            self.distinct_keys,
            self.nanos_per_access,
        )
    }
}
