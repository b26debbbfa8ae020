//! Keys, values and their order.

use std::collections::HashMap;

use futures_util::future::join_all;

use super::*;

#[tokio::test]
async fn keys_and_values_are_any_text_and_any_bytes() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    let all: String = (0..=0x17f).filter_map(char::from_u32).collect();
    let names = [
        "{orders:1}",
        "k",
        "v",
        "d",
        "",
        " ",
        "%7B",
        "\u{10ffff}",
        "-",
        "+",
        &all,
    ];
    let bytes = Bytes::from((0..=255).collect::<Vec<u8>>());
    let mut writes = Vec::new();
    for name in names {
        for value in [None, Some(Bytes::new()), Some(bytes.clone())] {
            let key = name.to_owned();
            writes.push(JournalWrite { key, value });
        }
    }
    append(&journal, &writes).await;
    let own = claim(&journal, 0).await;
    let records = read(&journal, &own).await;
    let found = records.iter().map(|record| JournalWrite {
        key: record.key.clone(),
        value: record.value.clone(),
    });
    assert_eq!(found.collect::<Vec<_>>(), writes);
    for name in names {
        let latest = journal.latest(name).await.unwrap().unwrap();
        assert_eq!(latest.value, Some(bytes.clone()), "{name:?}");
    }
    let buried: Vec<_> = records
        .into_iter()
        .map(|record| (record, String::new()))
        .collect();
    journal.bury(&own, &buried).await.unwrap();
    let letters = journal.dead_letters(99).await.unwrap();
    let letters: Vec<_> = letters.iter().map(|letter| &*letter.key).collect();
    assert_eq!(letters, names);
    assert_eq!(journal.revive(&names).await.unwrap(), names.len() as u64);
    let revived = read(&journal, &own).await;
    assert_eq!(keys(&revived), names);
    assert!(
        revived
            .iter()
            .all(|record| record.value.as_ref() == Some(&bytes))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_append_at_once_is_whole_and_in_each_ones_order() {
    let server = durable();
    let journals = [
        journal(&server, one_shard()).await,
        journal(&server, one_shard()).await,
    ];
    let journals = journals.map(Arc::new);
    let tasks = (0..32).map(|task: usize| {
        let journal = Arc::clone(&journals[task % 2]);
        tokio::spawn(async move {
            for turn in 0..20 {
                let value = format!("{turn}");
                let key = format!("t{task}");
                let writes = [put(&key, &value), put("shared", &key), put(&key, &value)];
                append(&journal, &writes).await;
            }
        })
    });
    for ended in join_all(tasks).await {
        ended.unwrap();
    }
    let own = claim(&journals[0], 0).await;
    let records = read(&journals[0], &own).await;
    assert_eq!(records.len(), 32 * 20 * 3);
    assert!(records.is_sorted_by(|one, next| one.sequence < next.sequence));
    let mut turns: HashMap<String, Vec<u32>> = HashMap::new();
    for three in records.chunks(3) {
        assert_eq!(three[0].key, three[2].key, "nothing came in between");
        assert_eq!(three[1].value.as_deref(), Some(three[0].key.as_bytes()));
        let turn = String::from_utf8(three[0].value.clone().unwrap().to_vec()).unwrap();
        turns
            .entry(three[0].key.clone())
            .or_default()
            .push(turn.parse().unwrap());
    }
    assert_eq!(turns.len(), 32);
    assert!(turns.values().all(|turns| turns.iter().copied().eq(0..20)));
    let latest = journals[1].latest("shared").await.unwrap().unwrap();
    assert_eq!(latest.sequence, records[records.len() - 2].sequence);
}

#[tokio::test]
async fn the_latest_write_is_the_last_one_that_waits_whatever_goes_first() {
    let server = durable();
    let journal = journal(&server, one_shard()).await;
    let mut writes: Vec<_> = (1..=4).map(|n| put("a", &n.to_string())).collect();
    for n in 0..40 {
        writes.insert(2, put(&format!("other{n}"), "1"));
    }
    append(&journal, &writes).await;
    let own = claim(&journal, 0).await;
    let all = read(&journal, &own).await;
    let of_a: Vec<_> = all.into_iter().filter(|record| record.key == "a").collect();
    let latest = async || {
        let latest = journal.latest("a").await.unwrap();
        latest.map(|latest| latest.sequence)
    };
    for (done, expected) in [(1, Some(3)), (3, Some(2)), (2, Some(0)), (0, None)] {
        journal.acknowledge(&own, &of_a[done..=done]).await.unwrap();
        assert_eq!(latest().await, expected.map(|at: usize| of_a[at].sequence));
    }
    let again = append(&journal, &[put("a", "5")]).await;
    assert_eq!(latest().await, Some(again[0]));
}
