//! Values, keys, lifetimes, scans.

use std::collections::BTreeSet;
use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Condition, Cursor, ErrorKind, Expiry, Glob, Head, Key, Operation, Reply, Write,
};

use super::{SOON, ask, backend, config, connect, key, keys, raw, server, write};

fn numbered(count: usize) -> Vec<Key> {
    (0..count).map(|n| key(&format!("k{n}"))).collect()
}

#[tokio::test]
async fn what_is_set_is_read_back_in_order() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let writes = [write("a", "1"), write("b", ""), write("a", "2")];
    assert_eq!(
        backend.set(&writes, SOON).await.unwrap(),
        [true, true, true]
    );
    let found = backend
        .get(&keys(["b", "none", "a", "a"]), SOON)
        .await
        .unwrap();
    let two = Some(Bytes::from_static(b"2"));
    assert_eq!(found, [Some(Bytes::new()), None, two.clone(), two]);
    assert_eq!(backend.get(&[key("none")], SOON).await.unwrap(), [None]);
    assert_eq!(
        backend
            .exists(&keys(["a", "none", "a"]), SOON)
            .await
            .unwrap(),
        [true, false, true]
    );
    assert_eq!(
        backend
            .delete(&keys(["a", "b", "a", "none"]), SOON)
            .await
            .unwrap(),
        2
    );
}

#[tokio::test]
async fn empty_batches_ask_nothing() {
    let server = server(&[]);
    let backend = backend(&server).await;
    drop(server);
    assert!(backend.get(&[], SOON).await.unwrap().is_empty());
    assert!(backend.head(&[], 9, SOON).await.unwrap().is_empty());
    assert!(backend.set(&[], SOON).await.unwrap().is_empty());
    assert_eq!(backend.delete(&[], SOON).await.unwrap(), 0);
    assert!(backend.exists(&[], SOON).await.unwrap().is_empty());
    assert!(backend.ttl(&[], SOON).await.unwrap().is_empty());
    assert!(backend.pipeline(&[], SOON).await.unwrap().is_empty());
}

#[tokio::test]
async fn batches_beyond_one_command() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let keys = numbered(2001);
    let writes: Vec<Write> = keys
        .iter()
        .map(|key| Write {
            key: key.clone(),
            value: Bytes::copy_from_slice(key.as_bytes()),
            ttl: None,
            condition: Condition::IfAbsent,
        })
        .collect();
    assert!(
        backend
            .set(&writes, SOON)
            .await
            .unwrap()
            .iter()
            .all(|stored| *stored)
    );
    let found = backend.get(&keys, SOON).await.unwrap();
    assert!(
        keys.iter()
            .zip(&found)
            .all(|(key, value)| value.as_deref() == Some(key.as_bytes()))
    );
    assert_eq!(backend.exists(&keys, SOON).await.unwrap(), vec![true; 2001]);
    assert_eq!(
        backend.ttl(&keys, SOON).await.unwrap(),
        vec![Some(Expiry::Never); 2001]
    );
    assert_eq!(backend.head(&keys, 1, SOON).await.unwrap().len(), 2001);
    let twice: Vec<Key> = keys.iter().chain(&keys).cloned().collect();
    assert_eq!(backend.delete(&twice, SOON).await.unwrap(), 2001);
}

#[tokio::test]
async fn conditions() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let on = |condition, value| Write {
        condition,
        ..write("a", value)
    };
    let (absent, present) = (Condition::IfAbsent, Condition::IfPresent);
    let stored = async |writes: &[Write]| backend.set(writes, SOON).await.unwrap();
    assert_eq!(stored(&[on(present, "1")]).await, [false]);
    assert_eq!(
        stored(&[on(absent, "2"), on(absent, "3")]).await,
        [true, false]
    );
    assert_eq!(stored(&[on(present, "4")]).await, [true]);
    assert_eq!(
        backend.get(&[key("a")], SOON).await.unwrap(),
        [Some("4".into())]
    );
}

#[tokio::test]
async fn lifetimes_are_in_milliseconds_and_rounded_up() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let living = |name, ttl| Write {
        ttl: Some(ttl),
        ..write(name, "v")
    };
    let writes = [
        living("second", Duration::from_millis(1500)),
        living("ages", Duration::MAX),
        write("ever", "v"),
    ];
    backend.set(&writes, SOON).await.unwrap();
    let found = backend
        .ttl(&keys(["second", "ages", "ever", "none"]), SOON)
        .await
        .unwrap();
    let [
        Some(Expiry::In(second)),
        Some(Expiry::In(ages)),
        Some(Expiry::Never),
        None,
    ] = found[..]
    else {
        panic!("{found:?}");
    };
    assert!(second > Duration::from_millis(1000) && second <= Duration::from_millis(1500));
    assert!(ages > Duration::from_secs(1000 * 365 * 86_400));
    let nanosecond = [living("brief", Duration::from_nanos(1))];
    assert_eq!(backend.set(&nanosecond, SOON).await.unwrap(), [true]);
    assert_eq!(
        backend.set(&[write("second", "w")], SOON).await.unwrap(),
        [true]
    );
    let replaced = backend.ttl(&[key("second")], SOON).await.unwrap();
    assert_eq!(
        replaced,
        [Some(Expiry::Never)],
        "a write replaces the lifetime"
    );
}

#[tokio::test]
async fn heads() {
    let server = server(&[]);
    let backend = backend(&server).await;
    backend
        .set(&[write("long", "0123456789"), write("empty", "")], SOON)
        .await
        .unwrap();
    ask::<()>(&mut raw(&server), "RPUSH t:n:list x");
    let head = |bytes: &'static str, total_bytes| {
        let bytes = Bytes::from_static(bytes.as_bytes());
        Some(Head {
            bytes,
            total_bytes,
            expiry: Expiry::Never,
        })
    };
    let names = keys(["long", "none", "list", "empty", "long"]);
    let found = backend.head(&names, 4, SOON).await.unwrap();
    assert_eq!(
        found,
        [head("0123", 10), None, None, head("", 0), head("0123", 10)]
    );
    assert_eq!(
        backend.head(&names[..1], 0, SOON).await.unwrap(),
        [head("", 10)]
    );
    assert_eq!(
        backend.head(&names[..1], 99, SOON).await.unwrap(),
        [head("0123456789", 10)]
    );
}

/// Two values of different length, swapped all the time by somebody else: beginning and
/// length must be of the same one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_is_of_one_value() {
    let server = server(&[]);
    let (reader, writer) = (backend(&server).await, backend(&server).await);
    let swapping = tokio::spawn(async move {
        let (short, long) = ([write("k", "a")], [write("k", "bb")]);
        while writer.set(&short, SOON).await.is_ok() && writer.set(&long, SOON).await.is_ok() {}
    });
    let names = vec![key("k"); 1000];
    for _ in 0..10 {
        let heads = reader.head(&names, 1, SOON).await.unwrap();
        for head in heads.into_iter().flatten() {
            let expected = if head.bytes == "a" { 1 } else { 2 };
            assert_eq!(head.total_bytes, expected);
        }
    }
    swapping.abort();
}

#[tokio::test]
async fn a_key_of_another_type() {
    let server = server(&[]);
    let backend = backend(&server).await;
    ask::<()>(&mut raw(&server), "RPUSH t:n:list x");
    backend.set(&[write("a", "1")], SOON).await.unwrap();
    let error = backend.get(&[key("list")], SOON).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongType);
    let batch = backend.get(&keys(["list", "a"]), SOON).await.unwrap();
    assert_eq!(batch, [None, Some("1".into())]);
    assert_eq!(backend.exists(&[key("list")], SOON).await.unwrap(), [true]);
    assert_eq!(
        backend
            .set(&[write("list", "now a string")], SOON)
            .await
            .unwrap(),
        [true]
    );
}

#[tokio::test]
async fn each_step_of_a_pipeline_has_its_own_result() {
    let server = server(&[]);
    let backend = backend(&server).await;
    ask::<()>(&mut raw(&server), "RPUSH t:n:list x");
    let steps = [
        Operation::Set(write("a", "1")),
        Operation::Get(key("a")),
        Operation::Get(key("list")),
        Operation::Delete(key("a")),
        Operation::Get(key("a")),
        Operation::Delete(key("a")),
    ];
    let results = backend.pipeline(&steps, SOON).await.unwrap();
    let shown: Vec<String> = results
        .iter()
        .map(|result| match result {
            Ok(Reply::Value(value)) => format!("{value:?}"),
            Ok(Reply::Done(done)) => done.to_string(),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.kind().to_string(),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "true",
            "Some(b\"1\")",
            "wrong type",
            "true",
            "None",
            "false"
        ]
    );
}

#[tokio::test]
async fn a_scan_finds_all_that_matches() {
    let server = server(&[]);
    let backend = connect(config(server.url()).scan_page_limit(50))
        .await
        .unwrap();
    let expected: BTreeSet<String> = numbered(500).iter().map(Key::to_string).collect();
    let writes: Vec<Write> = (0..500).map(|n| write(&format!("k{n}"), "v")).collect();
    backend.set(&writes, SOON).await.unwrap();
    backend.set(&[write("other", "v")], SOON).await.unwrap();
    ::redis::cmd("SET")
        .arg(b"t:n:k\xff")
        .arg(1)
        .exec(&mut raw(&server))
        .unwrap();
    let (mut found, mut pages) = (BTreeSet::new(), 0);
    let mut cursor = Some(Cursor::start());
    while let Some(at) = cursor {
        let page = backend
            .scan(at, &Glob::new("t:n:k*"), 1_000_000, SOON)
            .await
            .unwrap();
        found.extend(page.keys);
        pages += 1;
        cursor = page.next;
    }
    assert_eq!(found, expected);
    assert!(pages >= 10, "{pages} pages of 50");
    let literal = Glob::escape("t:n:k1");
    let page = backend
        .scan(Cursor::start(), &literal, 0, SOON)
        .await
        .unwrap();
    assert!(page.next.is_some());
}

#[tokio::test]
async fn a_foreign_cursor_is_refused() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let foreign = Cursor::new(Bytes::from_static(b"page 2"));
    let error = backend
        .scan(foreign, &Glob::new("*"), 9, SOON)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_scan_begins_anew_on_another_connection() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let writes: Vec<Write> = (0..500).map(|n| write(&format!("k{n}"), "v")).collect();
    backend.set(&writes, SOON).await.unwrap();
    let all = Glob::new("*");
    let first = backend.scan(Cursor::start(), &all, 10, SOON).await.unwrap();
    ask::<()>(&mut raw(&server), "CLIENT KILL TYPE normal");
    let opened = async || (backend.connections().opened == 2).then_some(());
    super::eventually("another connection", opened).await;
    let again = backend
        .scan(first.next.unwrap(), &all, 10, SOON)
        .await
        .unwrap();
    assert_eq!(again.keys, first.keys);
}

/// Every call is allocated, so what it has room for is paid by all.
#[tokio::test]
async fn calls_on_single_keys_are_small() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let (key, write) = ([key("a")], [write("a", "1")]);
    let sizes = [
        size_of_val(&*backend.get(&key, SOON)),
        size_of_val(&*backend.set(&write, SOON)),
        size_of_val(&*backend.now(&key[0], SOON)),
    ];
    assert!(sizes.iter().all(|&bytes| bytes <= 768), "{sizes:?}");
}
