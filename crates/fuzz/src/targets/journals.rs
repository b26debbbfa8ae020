//! What the journals of write-behind keep.

use larder_cache_core::{Bytes, Cursor, ErrorKind};
use larder_file_journal::fuzzing::changes;
use larder_redis_backend::fuzzing::{cluster_cursor, dead_letter, stream_record};

use super::pieces::{Pieces, texts};
use crate::target::{Bounds, Target, always};

pub(super) const STREAM: Target = Target {
    name: "stream-records",
    parses: "entries of a Redis stream that is a journal",
    run: stream,
    seeds: stream_seeds,
    missing: always,
    bounds: Bounds::new(),
};

pub(super) const LETTER: Target = Target {
    name: "dead-letters",
    parses: "dead letters in Redis",
    run: letter,
    seeds: letter_seeds,
    missing: always,
    bounds: Bounds::new(),
};

pub(super) const CHANGES: Target = Target {
    name: "file-journal",
    parses: "changes in the log of a file journal",
    run: log,
    seeds: log_seeds,
    missing: always,
    bounds: Bounds::new(),
};

pub(super) const CLUSTER_CURSOR: Target = Target {
    name: "cluster-cursors",
    parses: "cursors of scans in a cluster",
    run: cursor,
    seeds: cursor_seeds,
    missing: always,
    bounds: Bounds::new(),
};

/// The id and the fields with line breaks between.
fn stream(input: &[u8]) {
    let mut pieces = Pieces(input);
    let id = pieces.until(b'\n');
    let fields: Vec<Vec<u8>> = pieces
        .0
        .split(|&b| b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    match stream_record(id, fields.clone(), i64::MAX) {
        Ok(Some(record)) => {
            assert!(i64::try_from(record.sequence.as_u64()).is_ok());
            assert!(fields.iter().any(|field| *field == record.key.as_bytes()));
            assert_eq!(record.deliveries, u32::MAX);
        }
        Ok(None) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::Connection, "{error}"),
    }
}

fn letter(input: &[u8]) {
    match dead_letter(input) {
        Ok((letter, written)) => {
            let again = dead_letter(&written).map(|(again, _)| again).ok();
            assert_eq!(again, Some(letter));
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Connection, "{error}"),
    }
}

/// There is one way to write what was read.
fn log(input: &[u8]) {
    if let Some(written) = changes(input) {
        let again = changes(&written);
        assert_eq!(again.as_ref(), Some(&written));
        assert!(written.len() <= input.len());
    }
}

fn cursor(input: &[u8]) {
    match cluster_cursor(&Cursor::new(Bytes::copy_from_slice(input))) {
        Ok(written) => assert_eq!(cluster_cursor(&written).ok(), Some(written)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Config, "{error}"),
    }
}

fn stream_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "1700000000000-7\nk\nprofile:7\nw\n00000000000000ff\nv\nAda",
        "1-0\nd\n\nx\ny\nw\n00000000000000ff\nk\na",
        "4398046511103-2097151\nk\na\nw\n00000000000000ff\nv\n",
        "1-18446744073709551616\nk\na\nk\nb\nw\n+0000000000000ff\nd",
        "-\n\n",
    ])
}

fn letter_seeds() -> Vec<Vec<u8>> {
    let letter = |value: &[u8]| {
        let mut letter = b"1700000000000-0000003 ".to_vec();
        for text in ["refused", "profile:7"] {
            letter.extend_from_slice(&(text.len() as u32).to_le_bytes());
            letter.extend_from_slice(text.as_bytes());
        }
        letter.extend_from_slice(value);
        letter
    };
    vec![letter(b"vAda"), letter(b"d"), letter(b"d and more")]
}

/// A change of each kind, as the format has them.
fn log_seeds() -> Vec<Vec<u8>> {
    let number = |number: u64| number.to_le_bytes().to_vec();
    let text = |text: &str| [number(text.len() as u64), text.as_bytes().to_vec()].concat();
    let head = |tag: u8| vec![tag, 3, 0, 0, 0];
    let put = [
        head(1),
        number(7),
        text("key"),
        vec![1],
        text("Ada"),
        number(9),
    ]
    .concat();
    let take = [head(2), number(7), text("key")].concat();
    let letter = [
        head(3),
        number(7),
        text("key"),
        vec![0],
        text(""),
        text("no"),
    ]
    .concat();
    let no_letter = [head(4), text("key")].concat();
    let settled = [head(5), number(1), number(2)].concat();
    let run = [number(5), vec![1, 0, 0, 0]].concat();
    let delivered = [head(6), number(1), number(1), run].concat();
    let lies = [head(6), number(1), number(u64::MAX)].concat();
    let all = [put, take, letter, no_letter, settled, delivered];
    let mut seeds = all.to_vec();
    seeds.extend([all.concat(), lies]);
    seeds
}

fn cursor_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "0-16383;;1;;;",
        "0-5,9;7>b@host:6379,8>c@::1:2;3;12;3:99;0-5,9",
        "0;;1;2;3;4",
        "99999;;1;;;",
        "0;;16384;;;",
        "0;;9-5;;;",
    ])
}
