//! Where there is no more room.

use super::*;

#[tokio::test]
async fn a_full_shard_takes_nothing_more_until_something_is_done_with() {
    let server = durable();
    let journal = journal(&server, options().capacity(10)).await;
    let shard = journal.shard_of("a");
    append(&journal, &[put("a", "1"), put("a", "2")]).await;
    let error = try_append(&journal, &[put("a", "3"), put("a", "4")])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Backpressure);
    assert!(error.is_replay_safe() && error.is_transient(), "{error}");
    assert_eq!(journal.depth().await.unwrap().records, 2);
    append(&journal, &[put("a", "3")]).await;
    try_append(&journal, &[put("a", "4")]).await.unwrap_err();
    let settled = Append {
        writer: 1,
        settled: Sequence::of(1, 0),
        writes: &[],
    };
    assert_eq!(journal.append(shard, settled).await.unwrap(), []);
    let others = ["b", "c", "d", "e", "f", "g"];
    let other = others
        .into_iter()
        .find(|key| journal.shard_of(key) != shard)
        .unwrap();
    append(&journal, &[put(other, "1")]).await;
    let own = claim(&journal, shard).await;
    let records = read(&journal, &own).await;
    journal.acknowledge(&own, &records[..1]).await.unwrap();
    append(&journal, &[put("a", "4")]).await;
}

#[tokio::test]
async fn a_server_out_of_memory_appends_nothing_but_lets_the_journal_be_emptied() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    append(&journal, &[put("a", "1"), put("a", "2"), put("b", "1")]).await;
    let mut raw = raw(&server);
    ask::<()>(&mut raw, "CONFIG SET maxmemory 1mb");
    eventually("no memory", async || {
        let filled: ::redis::RedisResult<()> = ::redis::cmd("SET")
            .arg("filler")
            .arg("x".repeat(1 << 20))
            .query(&mut raw);
        filled.err()
    })
    .await;
    let error = try_append(&journal, &[put("c", "1")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert!(error.to_string().contains("out of memory"), "{error}");
    assert!(error.is_replay_safe(), "{error}");
    let own = claim(&journal, 0).await;
    assert!(journal.renew(&own, LONG).await.unwrap());
    let records = read(&journal, &own).await;
    assert_eq!(keys(&records), ["a", "a", "b"]);
    journal.acknowledge(&own, &records[..2]).await.unwrap();
    journal
        .bury(&own, &[(records[2].clone(), "no".to_owned())])
        .await
        .unwrap();
    assert_eq!(journal.revive(&["b"]).await.unwrap(), 1);
    let records = read(&journal, &own).await;
    journal.acknowledge(&own, &records).await.unwrap();
    journal.release(&own).await.unwrap();
    let again = claim(&journal, 0).await;
    assert_eq!(read(&journal, &again).await, []);
}
