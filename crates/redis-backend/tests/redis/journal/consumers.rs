//! Who reads a shard, and who does not any more.

use std::collections::HashSet;

use futures_util::future::join_all;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_claim_one_succeeds() {
    let server = durable();
    let (one, other) = (
        journal(&server, options()).await,
        journal(&server, options()).await,
    );
    for shard in 0..4 {
        let all = [&one, &other].repeat(16);
        let claims = all.iter().map(|journal| journal.claim(shard, LONG));
        let claims: Vec<_> = join_all(claims).await;
        let granted = claims.iter().filter(|claim| matches!(claim, Ok(Some(_))));
        assert_eq!(granted.count(), 1, "{claims:?}");
    }
}

#[tokio::test]
async fn who_let_the_claim_end_is_refused_and_the_next_reads_it_all_again() {
    let server = durable();
    let (one, other) = (
        journal(&server, one_shard()).await,
        journal(&server, one_shard()).await,
    );
    append(&one, &[put("a", "1"), put("b", "1"), put("c", "1")]).await;
    let first = one
        .claim(0, Duration::from_millis(30))
        .await
        .unwrap()
        .unwrap();
    let read_by_first = one.read(&first, Sequence::ZERO, 2).await.unwrap();
    assert_eq!(deliveries(&read_by_first), [1, 1]);
    let second = eventually("the claim", async || other.claim(0, LONG).await.unwrap()).await;

    assert!(!one.renew(&first, LONG).await.unwrap());
    one.release(&first).await.unwrap();
    let superseded = [
        one.read(&first, Sequence::ZERO, 9).await.map(drop),
        one.acknowledge(&first, &read_by_first).await,
        one.bury(&first, &[(read_by_first[0].clone(), "no".to_owned())])
            .await,
    ];
    for refused in superseded {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Superseded);
    }
    let again = read(&other, &second).await;
    assert_eq!(keys(&again), ["a", "b", "c"]);
    assert_eq!(deliveries(&again), [2, 2, 1], "c was read by nobody before");
    assert_eq!(
        deliveries(&read(&other, &second).await),
        [2, 2, 1],
        "one holder counts once"
    );
    other.release(&second).await.unwrap();
    let third = claim(&one, 0).await;
    append(&one, &[put("d", "1")]).await;
    assert_eq!(deliveries(&read(&one, &third).await), [3, 3, 2, 1]);
}

#[tokio::test]
async fn a_claim_that_has_ended_cannot_be_renewed_though_nobody_took_it() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    let claim = journal
        .claim(0, Duration::from_millis(1))
        .await
        .unwrap()
        .unwrap();
    eventually("its end", async || {
        (!journal
            .renew(&claim, Duration::from_millis(1))
            .await
            .unwrap())
        .then_some(())
    })
    .await;
    assert!(!journal.renew(&claim, LONG).await.unwrap());
}

#[tokio::test]
async fn what_a_writer_has_settled_is_told_of_its_own_writes_alone() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    let by = async |writer, settled, writes: &[JournalWrite]| {
        let append = Append {
            writer,
            settled,
            writes,
        };
        journal.append(0, append).await.unwrap()
    };
    let own = by(1, Sequence::ZERO, &[put("a", "1"), put("b", "1")]).await;
    let others = by(2, Sequence::ZERO, &[put("c", "1")]).await;
    by(1, own[0], &[put("d", "1")]).await;
    // What it said before is not taken back.
    by(1, Sequence::ZERO, &[]).await;
    let claimed = claim(&journal, 0).await;
    let settled = async || {
        let all = read(&journal, &claimed).await;
        all.iter()
            .map(|record| record.is_settled)
            .collect::<Vec<_>>()
    };
    assert_eq!(settled().await, [true, false, false, false]);
    by(2, others[0], &[]).await;
    by(1, others[0], &[]).await;
    assert_eq!(settled().await, [true, true, true, false]);
    assert!(journal.latest("c").await.unwrap().unwrap().is_settled);
    assert!(!journal.latest("d").await.unwrap().unwrap().is_settled);
    // Marks without writes are forgotten at the next claim.
    let all = read(&journal, &claimed).await;
    journal.acknowledge(&claimed, &all[..3]).await.unwrap();
    journal.release(&claimed).await.unwrap();
    claim(&journal, 0).await;
    let meta: Vec<String> = ask(&mut raw(&server), "HKEYS t~journal:{orders:0}:meta");
    assert!(
        meta.iter().all(|field| !field.starts_with("w0")),
        "{meta:?}"
    );
}

#[tokio::test]
async fn ten_thousand_are_acknowledged_at_once_or_not_at_all() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    let writes: Vec<_> = (0..10_000).map(|n| put(&format!("k{n}"), "1")).collect();
    for writes in writes.chunks(2500) {
        append(&journal, writes).await;
    }
    let own = claim(&journal, 0).await;
    let records = read(&journal, &own).await;
    let distinct: HashSet<_> = records.iter().map(|record| &record.key).collect();
    assert_eq!((records.len(), distinct.len()), (10_000, 10_000));
    journal.acknowledge(&own, &records).await.unwrap();
    journal.acknowledge(&own, &records).await.unwrap();
    assert_eq!(journal.depth().await.unwrap().records, 0);
    let left: u64 = ask(&mut raw(&server), "HLEN t~journal:{orders:0}:keys");
    assert_eq!(left, 1, "nothing is left of keys that are done with");
}

#[tokio::test]
async fn large_values_are_read_page_by_page() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    let value = "x".repeat(700_000);
    for n in 0..20 {
        append(&journal, &[put(&format!("k{n}"), &value)]).await;
    }
    let own = claim(&journal, 0).await;
    let records = read(&journal, &own).await;
    assert_eq!(records.len(), 20);
    assert!(
        records
            .iter()
            .all(|record| record.value.as_ref().unwrap().len() == 700_000)
    );
    assert_eq!(
        journal.read(&own, Sequence::ZERO, 13).await.unwrap(),
        records[..13]
    );
}
