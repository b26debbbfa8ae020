//! Epoch records.

use larder_cache_core::{Epoch, EpochChange, EpochRecord, Invalidation, KeyPrefix, Tag};

use super::pieces::Pieces;
use crate::target::{Bounds, Target, always};

pub(super) const RECORDS: Target = Target {
    name: "epoch-records",
    parses: "stored epoch records, and a change of each",
    run: records,
    seeds,
    missing: always,
    bounds: Bounds::new(),
};

/// The change, then the record.
fn records(input: &[u8]) {
    let mut pieces = Pieces(input);
    let effect = if pieces.byte() % 2 == 0 {
        Invalidation::Hard
    } else {
        Invalidation::Soft
    };
    let name = pieces.text_until(0);
    let stored = pieces.0;
    let record = EpochRecord::decode(stored);
    if let Some(record) = &record {
        let written = record.encode();
        assert_eq!(written, stored);
        assert_eq!(EpochRecord::decode(&written).as_ref(), Some(record));
        let _with_all = record.of_entry_with(|_| true);
    }
    change(stored, &name, effect, record);
}

/// A change has an effect on the entries it means, survives storage, and is made also where
/// what was there is no record.
fn change(stored: &[u8], name: &str, effect: Invalidation, before: Option<EpochRecord>) {
    let others = Tag::list([name]).unwrap_or_default();
    let Ok(key) = KeyPrefix::new("app").map(|app| app.namespace_epoch("n")) else {
        return;
    };
    let change = EpochChange {
        key,
        others: others.clone(),
        effect,
        fresh: u64::MAX - 1,
    };
    let after = change.apply_to(Some(stored));
    assert_eq!(EpochRecord::decode(&after.encode()).as_ref(), Some(&after));
    if let Some(before) = before
        && !has_fresh(stored)
    {
        assert_ne!(
            before.of_entry(&others),
            after.of_entry(&others),
            "no effect"
        );
    }
}

/// Whether the number that is never used before is there before.
fn has_fresh(stored: &[u8]) -> bool {
    let fresh = (u64::MAX - 1).to_le_bytes();
    stored.windows(8).any(|window| window == fresh)
}

fn seeds() -> Vec<Vec<u8>> {
    let mut record = EpochRecord::new(Epoch { hard: 1, soft: 2 });
    let input = |record: &EpochRecord| [b"\0vip\0", &record.encode()[..]].concat();
    let mut seeds = vec![input(&record)];
    let tags = |names: &[&str]| Tag::list(names).unwrap_or_default();
    record.apply(&tags(&["vip"]), Invalidation::Hard, 3);
    seeds.push(input(&record));
    record.apply(&tags(&["b", "c"]), Invalidation::Soft, 4);
    seeds.push(input(&record));
    for set in 0..40 {
        record.apply(&tags(&[&format!("s{set}")]), Invalidation::Hard, 100 + set);
    }
    seeds.push(input(&record));
    seeds
}
