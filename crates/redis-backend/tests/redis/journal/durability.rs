//! What outlives a server.

use larder_cache_core::Durability;

use super::*;

#[tokio::test]
async fn a_killed_server_has_lost_nothing_that_it_acknowledged() {
    let mut server = durable();
    let journal = journal(&server, options()).await;
    assert_eq!(journal.durability(), Durability::Crash);
    let mut acknowledged = Vec::new();
    for n in 0..200 {
        let key = format!("k{}", n % 50);
        acknowledged.extend(append(&journal, &[put(&key, &n.to_string())]).await);
    }
    let before = claim(&journal, 0).await;
    server.kill();
    server.restart().unwrap();
    let found = eventually("the server", async || journal.depth().await.ok()).await;
    assert_eq!(found.records, 200);
    // The claim has outlived it too, and its holder goes on.
    let mut read_again = journal.read(&before, Sequence::ZERO, 999).await.unwrap();
    for shard in 1..4 {
        let claim = claim(&journal, shard).await;
        read_again.extend(read(&journal, &claim).await);
    }
    let mut sequences: Vec<_> = read_again.iter().map(|record| record.sequence).collect();
    sequences.sort();
    acknowledged.sort();
    assert_eq!(sequences, acknowledged);
    for n in 150..200 {
        let latest = journal
            .latest(&format!("k{}", n % 50))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(latest.value.unwrap(), n.to_string());
    }
    append(&journal, &[put("k1", "later")]).await;
}

#[tokio::test]
async fn a_server_that_syncs_always_survives_a_power_failure() {
    let server = server(&["--appendonly", "yes", "--appendfsync", "always"]);
    let journal = journal(&server, options()).await;
    assert_eq!(journal.durability(), Durability::PowerLoss);
}

#[tokio::test]
async fn an_append_without_an_answer_may_have_been_made() {
    let server = durable();
    let journal = journal(&server, one_shard().budget(Duration::from_millis(100))).await;
    // Twice, so that the server has seen both scripts.
    append(&journal, &[put("a", "0")]).await;
    append(&journal, &[put("a", "1")]).await;
    server.pause().unwrap();
    let error = try_append(&journal, &[put("a", "2")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(!error.is_replay_safe(), "{error}");
    server.resume().unwrap();
    let all = eventually("the server", async || journal.depth().await.ok()).await;
    assert_eq!(all.records, 3, "and here it was made");
}

#[tokio::test]
async fn an_append_that_was_not_sent_may_be_sent_again() {
    let mut server = durable();
    let journal = journal(&server, one_shard()).await;
    server.kill();
    eventually("a refusal that nothing was sent", async || {
        let error = try_append(&journal, &[put("a", "1")]).await.unwrap_err();
        (error.kind() == ErrorKind::Connection && error.is_replay_safe()).then_some(())
    })
    .await;
    server.restart().unwrap();
    let made = async || try_append(&journal, &[put("a", "1")]).await.ok();
    eventually("the server", made).await;
    assert_eq!(journal.depth().await.unwrap().records, 1);
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_sent_again() {
    let server = durable();
    let journal = journal(&server, options()).await;
    append(&journal, &[put("a", "1")]).await;
    ask::<()>(&mut raw(&server), "SCRIPT FLUSH SYNC");
    append(&journal, &[put("a", "2")]).await;
    assert_eq!(journal.depth().await.unwrap().records, 2);
}
