//! One service, on each backend: what a service does with the cache, on memory and on Redis.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backing;
mod cascades;
mod foreign;
mod freshness;
mod keys;
mod loads;
mod memory_alone;
mod operations;
mod payload;
mod quotas;
mod reads;
mod redis_alone;
mod schedules;

/// Runs every test on a fresh backend of each kind.
macro_rules! on_each_backend {
    ($($module:ident: $($test:ident),+;)+) => {
        mod memory {
            on_each_backend!(@tests memory, $($module: $($test),+;)+);
        }

        mod redis {
            on_each_backend!(@tests redis, $($module: $($test),+;)+);
        }

        mod cluster {
            on_each_backend!(@tests cluster, $($module: $($test),+;)+);
        }

        mod sentinel {
            on_each_backend!(@tests sentinel, $($module: $($test),+;)+);
        }
    };
    (@tests $backing:ident, $($module:ident: $($test:ident),+;)+) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::$module::$test(&crate::backing::Backing::$backing()).await;
            })+
        })+
    };
}

on_each_backend! {
    reads: values_of_all_shapes, get_many_answers_for_each_key, set_many_in_order,
        many_keys_at_once, deletions_are_counted, values_as_json, values_are_compressed;
    keys: keys_of_all_kinds, bad_keys_are_refused, patterns_find_what_they_say,
        patterns_delete_what_they_say, scans_find_all_of_many, namespaces_are_apart,
        keys_are_built_and_checked, tags_list_what_get_finds, patterns_of_keys_are_held,
        data_in_a_pattern_is_literal;
    freshness: classes_of_ttl, values_end, stale_values_are_for_loads_alone, expire_moves_the_end,
        expire_of_nothing, absence_is_remembered_for_its_own_time;
    foreign: another_programs_changes, bytes_of_other_programs, another_process;
    loads: a_thousand_callers_one_load, loads_and_hits, loads_of_many,
        a_deletion_during_a_load, a_stale_value_while_it_is_refreshed;
    operations: pipelines_in_order, health_and_statistics, settings_change_at_run_time,
        shutdown_in_order, the_four_default_namespaces;
    cascades: a_cascade_reaches_all_that_depends, a_load_during_a_cascade_is_not_kept;
    quotas: processes_keep_a_quota_together, large_values_count_whole;
    payload: encrypted_values_outlive_a_rotation, dictionaries_are_shared;
    schedules: nobody_reads_what_was_outdated_before;
}
