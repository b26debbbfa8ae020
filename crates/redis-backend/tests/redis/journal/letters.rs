//! Writes that can't be made.

use super::*;

async fn bury(journal: &RedisStreamJournal, claim: &ShardClaim, records: &[JournalRecord]) {
    let reason = |record: &JournalRecord| (record.clone(), format!("no {}", record.key));
    let records: Vec<_> = records.iter().map(reason).collect();
    journal.bury(claim, &records).await.unwrap();
}

async fn letters(journal: &RedisStreamJournal) -> Vec<String> {
    let letters = journal.dead_letters(1000).await.unwrap();
    letters.into_iter().map(|letter| letter.key).collect()
}

#[tokio::test]
async fn letters_are_told_from_the_oldest_and_page_by_page() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    let writes: Vec<_> = (0..250).map(|n| put(&format!("k{n}"), "1")).collect();
    append(&journal, &writes).await;
    let own = claim(&journal, 0).await;
    let records = read(&journal, &own).await;
    bury(&journal, &own, &records[100..]).await;
    bury(&journal, &own, &records[..100]).await;
    let expected: Vec<_> = writes.iter().map(|write| write.key.clone()).collect();
    assert_eq!(letters(&journal).await, expected);
    assert_eq!(journal.dead_letters(101).await.unwrap().len(), 101);
    assert_eq!(journal.dead_letters(0).await.unwrap(), []);
    assert_eq!(journal.depth().await.unwrap().dead_letters, 250);
    // What is not there any more is buried by nobody.
    assert_eq!(journal.discard(&["k0"]).await.unwrap(), 1);
    bury(&journal, &own, &records[..1]).await;
    assert_eq!(journal.depth().await.unwrap().dead_letters, 249);
}

#[tokio::test]
async fn a_letter_goes_when_a_later_write_of_its_key_is_made() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    append(
        &journal,
        &[put("a", "1"), put("a", "2"), put("b", "1"), put("a", "3")],
    )
    .await;
    let own = claim(&journal, 0).await;
    let records = read(&journal, &own).await;
    bury(&journal, &own, &records[1..2]).await;
    journal.acknowledge(&own, &records[..1]).await.unwrap();
    assert_eq!(
        letters(&journal).await,
        ["a"],
        "it is later than what was made"
    );
    journal.acknowledge(&own, &records[2..]).await.unwrap();
    assert_eq!(letters(&journal).await, [""; 0]);
    assert_eq!(journal.revive(&["a"]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_letter_is_not_revived_over_a_later_write() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    append(&journal, &[put("a", "1"), put("a", "2"), deletion("b")]).await;
    let own = claim(&journal, 0).await;
    let records = read(&journal, &own).await;
    bury(&journal, &own, &[records[0].clone(), records[2].clone()]).await;
    assert_eq!(journal.revive(&["a", "b", "a", "c"]).await.unwrap(), 1);
    assert_eq!(letters(&journal).await, [""; 0]);
    let waiting = read(&journal, &own).await;
    assert_eq!(keys(&waiting), ["a", "b"]);
    assert_eq!(
        (waiting[0].value.as_deref(), &waiting[1].value),
        (Some(&b"2"[..]), &None)
    );
    assert!(waiting[1].sequence > records[2].sequence && !waiting[1].is_settled);
    // An older one that waits does not stand in the way.
    append(&journal, &[put("d", "1"), put("d", "2")]).await;
    let records = journal.read(&own, waiting[1].sequence, 9).await.unwrap();
    bury(&journal, &own, &records[1..]).await;
    assert_eq!(journal.revive(&["d"]).await.unwrap(), 1);
    let latest = journal.latest("d").await.unwrap().unwrap();
    assert_eq!(latest.value.unwrap(), "2");
}
