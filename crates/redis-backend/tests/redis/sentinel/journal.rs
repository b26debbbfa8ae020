//! Journals behind Sentinels.

use larder_cache_core::Journal;
use larder_testkit::RedisSentinel;

use super::config;
use crate::redis::eventually;
use crate::redis::journal::{append, claim, opened, options, put, try_append, use_all};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_follows_its_master() {
    let group = RedisSentinel::builder();
    let group = group.arg("--appendonly").arg("yes").start().unwrap();
    let journal = opened(config(group.url()), options()).await.unwrap();
    use_all(&journal).await;
    let own = claim(&journal, journal.shard_of("a")).await;
    let before = append(&journal, &[put("a", "1")]).await[0];
    let master = group.master().unwrap();
    group.failover().unwrap();
    eventually("another master", async || {
        group.master().ok().filter(|&other| other != master)
    })
    .await;
    // The old master may take a last write, before its clients are told.
    eventually("the journal on the other master", async || {
        let after = try_append(&journal, &[put("a", "2")]).await.ok()?[0];
        assert!(after > before);
        let records = journal.read(&own, before, 9).await.ok()?;
        let is_there = records.iter().any(|record| record.sequence == after);
        is_there.then_some(())
    })
    .await;
}
