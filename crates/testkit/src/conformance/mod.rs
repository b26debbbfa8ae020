//! One suite for every [`Backend`](larder_cache_core::Backend): what the trait promises,
//! case by case.
//!
//! A backend's crate names a function that makes a fresh [`Subject`], and gets one test for
//! each case:
//!
//! ```no_run
//! use std::sync::Arc;
//! use larder_memory_backend::MemoryBackend;
//! use larder_testkit::conformance::Subject;
//! use larder_testkit::conformance_tests;
//!
//! async fn subject() -> Subject {
//!     Subject::new(Arc::new(MemoryBackend::new(256 << 20)))
//! }
//!
//! conformance_tests!(memory, subject);
//! # fn main() {}
//! ```
//!
//! The tests are called `memory::round_trip` and so on. Their crate depends on `tokio`
//! with `macros` and `rt-multi-thread`. Every case stores under a namespace of its own, so
//! that cases can share a server; the backend itself is closed by some of them. It needs
//! room for 64 MiB.
//!
//! Nothing here sleeps for a fixed time: what must come to pass is waited for, ten seconds
//! at most, and where the subject has a [`ManualClock`](crate::ManualClock) its hands are
//! moved instead.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a case fails by panicking"
)]

pub mod batches;
pub mod closing;
pub mod concurrency;
pub mod conditions;
pub mod description;
pub mod epochs;
pub mod expire;
pub mod expiry;
mod fenced;
pub mod fills;
pub mod glob;
pub mod head;
pub mod leases;
pub mod model;
pub mod pipeline;
pub mod scan;
pub mod stale;
mod subject;
pub mod values;

pub use self::subject::Subject;

/// Makes a module of tests, one for each case of the [suite](crate::conformance).
///
/// The first argument names the module, the second an `async fn() -> Subject` of the module
/// around it, called for each test.
#[macro_export]
macro_rules! conformance_tests {
    ($module:ident, $subject:ident) => {
        mod $module {
            $crate::conformance_tests!(@cases $subject,
                values: round_trip, missing_is_none, empty_value, every_byte_value,
                    from_one_byte_to_eight_mebibytes, unusual_keys, overwriting_replaces,
                    a_value_read_stays_as_it_was;
                batches: answers_come_in_order, empty_batches, duplicates_in_reads,
                    the_last_of_duplicate_writes_wins, delete_counts_each_key_once,
                    exists_in_order, large_batches, small_and_large_values_in_one_batch;
                conditions: if_absent, if_present, a_refused_write_changes_nothing,
                    conditions_take_expired_for_absent, conditions_within_a_batch;
                expiry: ttl_to_the_millisecond, fractions_of_a_millisecond_round_up,
                    the_longest_ttl, ttl_in_order, expired_is_gone,
                    nothing_is_served_past_its_ttl, overwriting_clears_the_ttl,
                    overwriting_sets_the_ttl;
                expire: expire_moves_header_and_store, expire_without_hard_end_persists,
                    expire_keeps_lease_and_body, expire_is_followed_by_the_end,
                    expire_of_missing_keys, expire_leaves_foreign_bytes_alone,
                    expire_in_order, a_held_entry_is_not_patched;
                leases: a_lease_of_nothing_leaves_a_placeholder, a_live_lease_is_held,
                    a_fresh_entry_needs_no_lease, a_stale_entry_stays_under_its_lease,
                    an_entry_that_was_seen_stays_or_goes, a_renewal_is_held_too, other_leases_end,
                    gone_entries_are_replaced, unreadable_bytes_are_replaced,
                    a_damaged_entry_is_replaced_by_its_identity,
                    a_lease_that_ran_out_is_granted_again, a_lease_never_extends_the_hard_expiry,
                    leases_of_large_values, lease_batches_in_order, large_lease_batches,
                    one_of_many_is_granted, leases_leave_other_keys_alone;
                fills: a_fill_takes_the_place_of_its_lease, a_fill_is_followed_by_the_end,
                    a_fill_removes, a_fill_releases, an_unheard_of_lease_is_given_back, a_fill_holds, a_placeholder_is_not_held,
                    a_hold_ends, other_writes_end_the_lease, moved_expiry_keeps_the_lease,
                    a_fill_after_its_placeholder_is_refused, a_late_fill_counts_where_nobody_came,
                    a_second_fill_is_refused, wrong_tokens_are_refused,
                    foreign_bytes_are_not_filled, fills_leave_nothing_behind, large_fills,
                    fill_batches_in_order, small_and_large_fills_in_one_batch,
                    absent_values_are_filled;
                stale: marked_entries_are_stale_and_stay, marked_entries_are_leased,
                    stale_entries_are_marked_again, marked_placeholders_go,
                    marks_leave_foreign_bytes_alone, marks_in_order, large_values_are_marked;
                epochs: a_record_is_made_once_and_read, every_change_makes_a_record,
                    changes_renew_the_end, too_many_sets_change_the_record_itself,
                    random_changes_match_the_definition, changes_at_once_are_all_kept;
                head: head_reads_the_beginning, head_of_shorter_values, head_of_no_bytes,
                    head_of_empty_values, head_in_order;
                glob: patterns_match_as_redis_does, random_patterns_match_as_the_model,
                    escaped_keys_are_taken_literally;
                scan: scan_visits_everything, scan_of_nothing,
                    scan_stays_in_its_namespace, scan_under_concurrent_writes;
                pipeline: pipeline_answers_in_order, pipeline_reads_its_own_writes,
                    pipeline_keeps_conditions, pipeline_moves_expiry, long_pipelines;
                concurrency: tasks_never_see_values_of_others, writes_are_whole,
                    one_of_many_if_absent_wins;
                model: random_operations_match_the_model;
                description: describes_itself, now_is_monotone_and_near;
                closing: closed_backends_say_so;
            );
        }
    };
    (@cases $subject:ident, $($file:ident: $($case:ident),+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::conformance::$file::$case(&super::$subject().await).await;
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
            ("batches", include_str!("batches.rs")),
            ("closing", include_str!("closing.rs")),
            ("concurrency", include_str!("concurrency.rs")),
            ("conditions", include_str!("conditions.rs")),
            ("description", include_str!("description.rs")),
            ("epochs", include_str!("epochs.rs")),
            ("expire", include_str!("expire.rs")),
            ("expiry", include_str!("expiry.rs")),
            ("fills", include_str!("fills.rs")),
            ("glob", include_str!("glob.rs")),
            ("head", include_str!("head.rs")),
            ("leases", include_str!("leases.rs")),
            ("model", include_str!("model/mod.rs")),
            ("pipeline", include_str!("pipeline.rs")),
            ("scan", include_str!("scan.rs")),
            ("stale", include_str!("stale.rs")),
            ("values", include_str!("values.rs")),
        ] {
            let after = listed.split(&format!(" {file}: ")).nth(1).unwrap_or("");
            let cases: Vec<_> = after.split(';').next().unwrap_or("").split(',').collect();
            for definition in text.split("pub async fn ").skip(1) {
                let name = definition.split('(').next().unwrap_or("");
                let found = cases.iter().any(|case| case.trim() == name);
                assert!(found, "{file}::{name} is missing from conformance_tests!");
            }
        }
    }
}
