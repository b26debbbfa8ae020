//! One suite for every [`Journal`](larder_cache_core::Journal): what the trait promises, case by
//! case.
//!
//! A journal's crate names a function that makes a fresh [`Subject`], and gets one test for each
//! case:
//!
//! ```no_run
//! use std::sync::Arc;
//! use larder_memory_backend::{MemoryJournal, MemoryJournalOptions};
//! use larder_testkit::journal::Subject;
//! use larder_testkit::journal_tests;
//!
//! async fn subject() -> Subject {
//!     let small = MemoryJournalOptions::default().capacity(10);
//!     Subject::new(Arc::new(MemoryJournal::default()))
//!         .small(Arc::new(MemoryJournal::new(small)), 10)
//! }
//!
//! journal_tests!(memory, subject);
//! # fn main() {}
//! ```
//!
//! The tests are called `memory::writes_come_in_order` and so on. Their crate depends on `tokio`
//! with `macros` and `rt-multi-thread`. The journal is empty, has two shards at least and room
//! for 20 000 writes and 32 MiB; no other subject shares it.
//!
//! Nothing here sleeps for a fixed time: what must come to pass is waited for, ten seconds at
//! most, and where the subject has a [`ManualClock`](crate::ManualClock) its hands are moved
//! instead.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a case fails by panicking"
)]

pub mod acknowledging;
pub mod appending;
pub mod burying;
pub mod claims;
pub mod closing;
pub mod concurrency;
pub mod depth;
pub mod latest;
pub mod model;
pub mod reading;
pub mod reopening;
pub mod reviving;
mod subject;
pub mod values;

pub use self::subject::Subject;

/// Makes a module of tests, one for each case of the [suite](crate::journal).
///
/// The first argument names the module, the second an `async fn() -> Subject` of the module
/// around it, called for each test.
#[macro_export]
macro_rules! journal_tests {
    ($module:ident, $subject:ident) => {
        mod $module {
            $crate::journal_tests!(@cases $subject,
                appending: writes_come_in_order, sequences_grow, an_append_of_nothing,
                    shards_are_apart, a_key_has_one_shard, full_journals_take_nothing,
                    room_comes_back;
                latest: the_last_write_is_latest, a_deletion_is_latest, other_keys_are_not_latest,
                    the_acknowledged_is_not_latest, the_buried_is_not_latest,
                    an_older_write_is_latest_again, latest_counts_no_delivery;
                claims: a_claim_is_exclusive, a_released_claim_is_free,
                    another_claim_is_not_released, a_claim_ends_in_time,
                    a_renewed_claim_lasts, an_ended_claim_is_not_renewed, tokens_differ,
                    an_ended_claim_reads_and_takes_nothing,
                    a_superseded_claim_reads_and_takes_nothing, an_invented_claim_is_none;
                reading: pages_follow_one_another, an_empty_shard_has_no_pages,
                    what_was_read_stays, a_reader_counts_once, deliveries_count_readers,
                    what_was_not_read_has_no_delivery, settled_up_to_the_mark,
                    writers_settle_their_own, an_append_of_nothing_settles,
                    a_settled_mark_never_goes_back;
                acknowledging: the_acknowledged_is_gone, only_what_is_named_goes,
                    the_unknown_is_nothing, older_letters_go, newer_letters_stay,
                    letters_of_others_stay;
                burying: a_buried_write_is_a_letter, a_key_has_one_letter,
                    an_older_write_makes_no_letter, letters_come_oldest_first,
                    the_unknown_is_not_buried, many_are_buried_at_once;
                reviving: a_revived_letter_is_a_write_of_now, a_revived_letter_is_not_settled,
                    a_later_write_wins, an_earlier_write_does_not_win, the_unknown_is_not_revived,
                    a_discarded_letter_is_gone, other_letters_stay, a_deletion_is_revived;
                depth: an_empty_journal_has_no_depth, depth_counts, the_oldest_ages;
                values: an_empty_value_is_no_deletion, every_byte_value, unusual_keys,
                    large_values, large_batches, unusual_reasons;
                concurrency: callers_keep_their_order, one_of_many_claims,
                    appends_are_not_mixed, consumers_miss_nothing;
                reopening: writes_are_there_again, letters_are_there_again,
                    sequences_grow_over_a_reopening, deliveries_are_counted_over_a_reopening,
                    marks_are_there_again;
                model: random_operations_match_the_model;
                closing: closed_journals_say_so;
            );
        }
    };
    (@cases $subject:ident, $($file:ident: $($case:ident),+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::journal::$file::$case(&super::$subject().await).await;
            }
        )+)+
    };
}

#[cfg(test)]
mod tests {
    /// A case that nobody runs can't fail.
    #[test]
    fn every_case_is_in_the_macro() {
        let listed = include_str!("mod.rs");
        for (file, text) in [
            ("acknowledging", include_str!("acknowledging.rs")),
            ("appending", include_str!("appending.rs")),
            ("burying", include_str!("burying.rs")),
            ("claims", include_str!("claims.rs")),
            ("closing", include_str!("closing.rs")),
            ("concurrency", include_str!("concurrency.rs")),
            ("depth", include_str!("depth.rs")),
            ("latest", include_str!("latest.rs")),
            ("model", include_str!("model/mod.rs")),
            ("reading", include_str!("reading.rs")),
            ("reopening", include_str!("reopening.rs")),
            ("reviving", include_str!("reviving.rs")),
            ("values", include_str!("values.rs")),
        ] {
            let after = listed.split(&format!(" {file}: ")).nth(1).unwrap_or("");
            let cases: Vec<_> = after.split(';').next().unwrap_or("").split(',').collect();
            for definition in text.split("pub async fn ").skip(1) {
                let name = definition.split('(').next().unwrap_or("");
                let found = cases.iter().any(|case| case.trim() == name);
                assert!(found, "{file}::{name} is missing from journal_tests!");
            }
        }
    }
}
