//! Journals in Redis Streams: what is special to Redis about them.

mod consumers;
mod durability;
mod intruders;
mod letters;
mod memory;
mod order;
mod permissions;
mod start;

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{
    Append, Bytes, ErrorKind, Journal, JournalRecord, JournalWrite, Observers, Result, Sequence,
    ShardClaim, SystemClock,
};
use larder_redis_backend::{RedisConfig, RedisStreamJournal, StreamJournalOptions};
use larder_testkit::RedisServer;

use super::{ask, config, connect, eventually, raw, server, write};

pub(in crate::redis) const LONG: Duration = Duration::from_secs(60);

pub(in crate::redis) fn options() -> StreamJournalOptions {
    let options = StreamJournalOptions::new("orders").prefix("t").shards(4);
    options.budget(Duration::from_secs(5))
}

/// All writes in one place.
fn one_shard() -> StreamJournalOptions {
    options().shards(1)
}

fn durable() -> RedisServer {
    server(&["--appendonly", "yes"])
}

pub(in crate::redis) async fn opened(
    config: RedisConfig,
    options: StreamJournalOptions,
) -> Result<RedisStreamJournal> {
    let clock = Arc::new(SystemClock::new());
    RedisStreamJournal::connect(config, options, Observers::default(), clock).await
}

async fn journal(server: &RedisServer, options: StreamJournalOptions) -> RedisStreamJournal {
    opened(config(server.url()), options).await.unwrap()
}

pub(in crate::redis) fn put(key: &str, value: &str) -> JournalWrite {
    JournalWrite {
        key: key.to_owned(),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
    }
}

fn deletion(key: &str) -> JournalWrite {
    JournalWrite {
        key: key.to_owned(),
        value: None,
    }
}

const WRITER: u64 = 0xfeed;

pub(in crate::redis) async fn try_append(
    journal: &RedisStreamJournal,
    writes: &[JournalWrite],
) -> Result<Vec<Sequence>> {
    let shard = journal.shard_of(&writes[0].key);
    let append = Append {
        writer: WRITER,
        settled: Sequence::ZERO,
        writes,
    };
    journal.append(shard, append).await
}

pub(in crate::redis) async fn append(
    journal: &RedisStreamJournal,
    writes: &[JournalWrite],
) -> Vec<Sequence> {
    try_append(journal, writes).await.unwrap()
}

pub(in crate::redis) async fn claim(journal: &RedisStreamJournal, shard: u32) -> ShardClaim {
    journal.claim(shard, LONG).await.unwrap().unwrap()
}

async fn read(journal: &RedisStreamJournal, claim: &ShardClaim) -> Vec<JournalRecord> {
    let all = journal.read(claim, Sequence::ZERO, usize::MAX).await;
    all.unwrap()
}

fn keys(records: &[JournalRecord]) -> Vec<&str> {
    records.iter().map(|record| &*record.key).collect()
}

fn deliveries(records: &[JournalRecord]) -> Vec<u32> {
    records.iter().map(|record| record.deliveries).collect()
}

/// Every operation, in as many shards as these keys are in.
pub(in crate::redis) async fn use_all(journal: &RedisStreamJournal) {
    assert_eq!(journal.name(), "redis stream");
    for key in ["a", "b", "c", "d", "e"] {
        use_shard_of(journal, key).await;
    }
    let depth = journal.depth().await.unwrap();
    assert_eq!((depth.records, depth.dead_letters), (0, 0));
    assert_eq!(depth.oldest, None);
}

async fn use_shard_of(journal: &RedisStreamJournal, key: &str) {
    let shard = journal.shard_of(key);
    let writes = [put(key, "1"), deletion(key), put(key, "3")];
    let sequences = append(journal, &writes).await;
    assert!(
        sequences.is_sorted_by(|one, next| one < next),
        "{sequences:?}"
    );
    let latest = journal.latest(key).await.unwrap().unwrap();
    assert_eq!((latest.sequence, latest.deliveries), (sequences[2], 0));
    assert_eq!(latest.value.as_deref(), Some(&b"3"[..]));
    let depth = journal.depth().await.unwrap();
    assert_eq!(depth.records, 3);
    assert!(depth.oldest.unwrap() < Duration::from_secs(10));

    let own = claim(journal, shard).await;
    assert_eq!(journal.claim(shard, LONG).await.unwrap(), None);
    assert!(journal.renew(&own, LONG).await.unwrap());
    let records = read(journal, &own).await;
    let values: Vec<_> = records.iter().map(|record| record.value.clone()).collect();
    assert_eq!(values, [Some("1".into()), None, Some("3".into())]);
    assert_eq!(deliveries(&records), [1, 1, 1]);
    assert!(
        records
            .iter()
            .all(|record| record.writer == WRITER && !record.is_settled)
    );
    let after = journal.read(&own, sequences[0], 1).await.unwrap();
    assert_eq!(after[..], records[1..2]);

    journal.acknowledge(&own, &records[..1]).await.unwrap();
    let last = &records[2];
    let buried = [
        (records[1].clone(), "no".to_owned()),
        (last.clone(), "never".to_owned()),
    ];
    journal.bury(&own, &buried).await.unwrap();
    assert_eq!(journal.latest(key).await.unwrap(), None);
    let letters = journal.dead_letters(10).await.unwrap();
    assert_eq!((letters.len(), &*letters[0].reason), (1, "never"));
    assert_eq!(
        (letters[0].sequence, &*letters[0].key),
        (last.sequence, key)
    );
    assert_eq!(journal.revive(&[key, "another"]).await.unwrap(), 1);
    let revived = journal.read(&own, last.sequence, 10).await.unwrap();
    assert_eq!(
        (keys(&revived), &revived[0].value),
        (vec![key], &last.value)
    );
    journal
        .bury(&own, &[(revived[0].clone(), "no".to_owned())])
        .await
        .unwrap();
    assert_eq!(journal.discard(&[key, "another"]).await.unwrap(), 1);
    journal.release(&own).await.unwrap();
    assert!(!journal.renew(&own, LONG).await.unwrap());
    let error = journal.read(&own, Sequence::ZERO, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Superseded);
}

#[tokio::test]
async fn everything_works_on_one_server() {
    let server = durable();
    use_all(&journal(&server, options()).await).await;
    use_all(&journal(&server, one_shard().prefix("u")).await).await;
}

#[tokio::test]
async fn a_journal_shares_the_connections_of_a_backend_and_ends_before_it() {
    use larder_cache_core::Backend as _;
    let server = durable();
    let backend = connect(config(server.url())).await.unwrap();
    let journal = backend.journal(options()).await.unwrap();
    use_all(&journal).await;
    assert_eq!(backend.connections().opened, 1);
    journal.close().await;
    let error = try_append(&journal, &[put("a", "1")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    let error = journal.latest("a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(
        backend.set(&[write("a", "1")], super::SOON).await.unwrap(),
        [true]
    );
    let journal = backend.journal(options()).await.unwrap();
    backend.close().await;
    let error = try_append(&journal, &[put("a", "1")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
}
