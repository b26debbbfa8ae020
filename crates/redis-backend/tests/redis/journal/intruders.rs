//! What others do to the keys of a journal.

use super::*;

const LOG: &str = "t~journal:{orders:0}:log";

#[tokio::test]
async fn entries_that_are_no_writes_are_set_aside_and_hold_nobody_up() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    let mut raw = raw(&server);
    append(&journal, &[put("a", "1")]).await;
    for fields in [
        "k x w 0000000000000001",
        "k x k y w 0000000000000001 v 1",
        "k x w me v 1",
        "v 1",
        "anything else",
        "k x w 0000000000000001 v 1 v 2 d d",
    ] {
        ask::<String>(&mut raw, &format!("XADD {LOG} * {fields}"));
    }
    append(&journal, &[put("b", "1")]).await;
    let own = claim(&journal, 0).await;
    let two = journal.read(&own, Sequence::ZERO, 2).await.unwrap();
    assert_eq!(keys(&two), ["a", "b"], "not fewer than there are");
    assert_eq!(journal.depth().await.unwrap().records, 2);
    let aside: Vec<(String, Vec<String>)> = ask(&mut raw, "XRANGE t~journal:{orders:0}:aside - +");
    assert_eq!(aside.len(), 6);
    let (_, last) = &aside[4];
    assert_eq!((&*last[0], &*last[2]), ("id", "reason"));
    assert_eq!(last[4..], ["anything", "else"]);
    assert_eq!(keys(&read(&journal, &own).await), ["a", "b"]);
    // One that has what a write has is one.
    ask::<String>(
        &mut raw,
        &format!("XADD {LOG} * k c w 0000000000000001 d x more 1"),
    );
    assert_eq!(keys(&read(&journal, &own).await), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_journal_begins_anew_where_its_keys_are_gone_and_numbers_go_on() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    let mut raw = raw(&server);
    // As though the clock had been an hour ahead until now.
    let (seconds, _): (u64, u64) = ask(&mut raw, "TIME");
    let ahead = (seconds + 3600) * 1000;
    ask::<()>(&mut raw, &format!("XSETID {LOG} {ahead}-5"));
    let before = append(&journal, &[put("a", "1")]).await[0];
    assert_eq!(before, Sequence::of(ahead, 6));
    let own = claim(&journal, 0).await;
    ask::<()>(&mut raw, "FLUSHALL");
    let error = journal.read(&own, Sequence::ZERO, 9).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Superseded);
    assert_eq!(journal.latest("a").await.unwrap(), None);
    assert_eq!(journal.depth().await.unwrap().records, 0);
    assert_eq!(journal.dead_letters(9).await.unwrap(), []);
    let after = append(&journal, &[put("a", "2"), put("b", "2")]).await;
    assert_eq!(after, [Sequence::of(ahead, 7), Sequence::of(ahead, 8)]);
    let own = claim(&journal, 0).await;
    assert_eq!(keys(&read(&journal, &own).await), ["a", "b"]);
    ask::<()>(&mut raw, "FLUSHALL");
    let _fewer = self::journal(&server, one_shard().shards(2)).await;
    let error = try_append(&journal, &[put("a", "3")]).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Config,
        "made anew by others: {error}"
    );
}

#[tokio::test]
async fn counters_that_a_sequence_cannot_hold_are_left_out() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    let mut raw = raw(&server);
    let (seconds, _): (u64, u64) = ask(&mut raw, "TIME");
    let ahead = (seconds + 3600) * 1000;
    ask::<()>(&mut raw, &format!("XSETID {LOG} {ahead}-2097150"));
    let writes = [put("a", "1"), put("a", "2"), put("a", "3")];
    let sequences = append(&journal, &writes).await;
    let expected = [(ahead, 2_097_151), (ahead + 1, 1), (ahead + 1, 2)];
    assert_eq!(
        sequences,
        expected.map(|(millis, counter)| Sequence::of(millis, counter))
    );
    assert_eq!(journal.depth().await.unwrap().oldest, Some(Duration::ZERO));
    let own = claim(&journal, 0).await;
    assert_eq!(read(&journal, &own).await.len(), 3);
    ask::<()>(&mut raw, &format!("XSETID {LOG} 4398046511104-0"));
    let error = try_append(&journal, &[put("a", "4")]).await.unwrap_err();
    assert!(error.to_string().contains("2109"), "{error}");
    assert_eq!(
        journal.latest("a").await.unwrap().unwrap().sequence,
        sequences[2]
    );
    assert_eq!(journal.depth().await.unwrap().records, 3);
}

#[tokio::test]
async fn a_key_of_another_type_is_an_error_and_nothing_is_half_done() {
    for part in ["log", "keys", "meta", "dead"] {
        let server = durable();
        let journal = journal(&server, one_shard()).await;
        let mut raw = raw(&server);
        append(&journal, &[put("a", "1")]).await;
        let own = claim(&journal, 0).await;
        let records = read(&journal, &own).await;
        let key = format!("t~journal:{{orders:0}}:{part}");
        ask::<()>(&mut raw, &format!("RENAME {key} kept"));
        ask::<()>(&mut raw, &format!("SET {key} squatter"));
        if part == "log" || part == "keys" {
            let error = try_append(&journal, &[put("b", "1")]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WrongType, "{part}: {error}");
        }
        let error = journal.acknowledge(&own, &records).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongType, "{part}: {error}");
        let error = opened(config(server.url()), one_shard()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongType, "{part}: {error}");
        ask::<()>(&mut raw, &format!("RENAME kept {key}"));
        let after = read(&journal, &own).await;
        assert_eq!(keys(&after), ["a"], "{part}");
    }
}

#[tokio::test]
async fn writes_that_somebody_trimmed_are_missed_at_the_next_claim() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    append(&journal, &[put("a", "1"), put("b", "1"), put("c", "1")]).await;
    ask::<u64>(&mut raw(&server), &format!("XTRIM {LOG} MAXLEN 1"));
    assert_eq!(journal.latest("a").await.unwrap(), None);
    let own = claim(&journal, 0).await;
    assert_eq!(keys(&read(&journal, &own).await), ["c"]);
    // One that was added and two that are missed: what is acknowledged is not.
    let removed = || ask::<u64>(&mut raw(&server), "HGET t~journal:{orders:0}:meta removed");
    assert_eq!(
        removed(),
        3,
        "the entry that made the stream, and two that were trimmed"
    );
    let records = read(&journal, &own).await;
    journal.acknowledge(&own, &records).await.unwrap();
    assert_eq!(removed(), 4);
}
