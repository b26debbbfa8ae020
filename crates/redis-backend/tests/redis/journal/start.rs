//! Where a journal does not start, and says why.

use larder_cache_core::Durability;
use larder_redis_backend::AtRisk;

use super::*;

async fn check(
    server: &RedisServer,
    options: StreamJournalOptions,
    kind: ErrorKind,
    says: &[&str],
) {
    let by_itself = opened(config(server.url()), options.clone())
        .await
        .unwrap_err();
    let backend = connect(config(server.url())).await.unwrap();
    let beside = backend.journal(options).await.unwrap_err();
    for error in [by_itself, beside] {
        assert_eq!(error.kind(), kind, "{error}");
        for part in says {
            assert!(error.to_string().contains(part), "{error} lacks {part}");
        }
    }
}

#[tokio::test]
async fn without_a_log_on_disk() {
    let server = server(&["--save", "1 1"]);
    let says = [
        "set appendonly to yes",
        "found: appendonly no",
        "journal: orders",
        "127.0.0.1",
    ];
    check(&server, options(), ErrorKind::Config, &says).await;
    let warned = journal(&server, options().at_risk(AtRisk::Warn)).await;
    assert_eq!(warned.durability(), Durability::Process);
    use_all(&warned).await;
}

#[tokio::test]
async fn where_its_keys_may_be_evicted() {
    for policy in ["allkeys-lru", "allkeys-random"] {
        let args = ["--appendonly", "yes", "--maxmemory-policy", policy];
        let found = format!("found: maxmemory-policy {policy}");
        let says = ["set maxmemory-policy to noeviction", &found];
        check(&server(&args), options(), ErrorKind::Config, &says).await;
    }
    let args = [
        "--appendonly",
        "yes",
        "--maxmemory",
        "100mb",
        "--maxmemory-policy",
        "volatile-lru",
    ];
    let server = server(&args);
    use_all(&journal(&server, options()).await).await;
}

#[tokio::test]
async fn with_another_number_of_shards() {
    let server = durable();
    use_all(&journal(&server, options()).await).await;
    for shards in [3, 5] {
        let found = ["another number of shards", "found: 4"];
        check(&server, options().shards(shards), ErrorKind::Config, &found).await;
    }
    use_all(&journal(&server, options()).await).await;
    use_all(&journal(&server, StreamJournalOptions::new("others").prefix("t")).await).await;
}

#[tokio::test]
async fn without_a_server() {
    let mut server = durable();
    server.kill();
    let config = config(server.url()).max_retries(0);
    let error = opened(config.clone(), options()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    let backend = connect(config).await.unwrap();
    let error = backend.journal(options()).await.unwrap_err();
    assert!(error.to_string().contains("journal: orders"), "{error}");
}

#[tokio::test]
async fn nothing_is_appended_to_a_server_that_came_back_without_its_log() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    append(&journal, &[put("a", "1")]).await;
    ask::<()>(&mut raw(&server), "CONFIG SET appendonly no");
    append(&journal, &[put("a", "2")]).await;
    ask::<i64>(&mut raw(&server), "CLIENT KILL TYPE normal SKIPME yes");
    let refused = async || {
        let error = try_append(&journal, &[put("a", "3")]).await.err()?;
        (error.kind() == ErrorKind::Config).then_some(error)
    };
    let error = eventually("the refusal", refused).await;
    assert!(
        error.is_replay_safe() && error.to_string().contains("appendonly"),
        "{error}"
    );
    // What waits is taken off all the same.
    let own = claim(&journal, 0).await;
    let records = read(&journal, &own).await;
    assert_eq!(records.len(), 2);
    journal.acknowledge(&own, &records).await.unwrap();
    ask::<()>(&mut raw(&server), "CONFIG SET appendonly yes");
    append(&journal, &[put("a", "3")]).await;
}
