//! What is asked of the server and what it answers.

use std::fmt::Write as _;

use larder_cache_core::{
    Bytes, Cursor, EpochChange, Expiry, Fill, FillOutcome, Glob, Head, Key, LeaseRequest, Leased,
    Lifetime, Operation, Reply, Result, ScanPage, Write,
};

/// One request.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Begin to tell of changes.
    Hello,
    Ping,
    Get(Vec<Key>),
    Head(Vec<Key>, usize),
    Set(Vec<Write>),
    Delete(Vec<Key>),
    Exists(Vec<Key>),
    Ttl(Vec<Key>),
    Expire(Vec<Key>, Lifetime),
    Lease(Vec<LeaseRequest>),
    Fill(Vec<Fill>),
    MarkStale(Vec<Key>),
    Renew(Vec<EpochChange>),
    Scan(Cursor, Glob, usize),
    Pipeline(Vec<Operation>),
}

/// What comes back.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// To `Hello`: which life of the server this is.
    Hello(u64),
    Done,
    Values(Vec<Option<Bytes>>),
    Heads(Vec<Option<Head>>),
    Flags(Vec<bool>),
    Count(u64),
    Expiries(Vec<Option<Expiry>>),
    Leases(Vec<Leased>),
    Page(ScanPage),
    Replies(Vec<Result<Reply>>),
}

impl Command {
    /// For a trace: the command and its keys.
    pub(crate) fn describe(&self) -> String {
        let keys = |keys: &[Key]| keys.iter().map(Key::as_str).collect::<Vec<_>>().join(" ");
        match self {
            Self::Hello => "hello".into(),
            Self::Ping => "ping".into(),
            Self::Get(of) => format!("get {}", keys(of)),
            Self::Head(of, _) => format!("head {}", keys(of)),
            Self::Delete(of) => format!("delete {}", keys(of)),
            Self::Exists(of) => format!("exists {}", keys(of)),
            Self::Ttl(of) => format!("ttl {}", keys(of)),
            Self::Expire(of, _) => format!("expire {}", keys(of)),
            Self::MarkStale(of) => format!("mark_stale {}", keys(of)),
            Self::Scan(_, pattern, _) => format!("scan {pattern}"),
            Self::Set(writes) => {
                let each = writes.iter().map(|write| write.key.as_str());
                format!("set {}", each.collect::<Vec<_>>().join(" "))
            }
            Self::Lease(requests) => requests.iter().fold("lease".into(), |mut out, request| {
                let LeaseRequest {
                    key, token, claim, ..
                } = request;
                let _ = write!(out, " {key} {claim:?} #{token:016x}");
                out
            }),
            Self::Fill(fills) => fills.iter().fold("fill".into(), |mut out, fill| {
                let outcome = match fill.outcome {
                    FillOutcome::Store(..) => "store",
                    FillOutcome::Remove => "remove",
                    FillOutcome::Release => "release",
                    FillOutcome::Hold(_) => "hold",
                    _ => "other",
                };
                let _ = write!(out, " {} {outcome} #{:016x}", fill.key, fill.grant.token);
                out
            }),
            Self::Renew(changes) => changes.iter().fold("renew".into(), |mut out, change| {
                let _ = write!(
                    out,
                    " {} {:?} {:?}",
                    change.key, change.others, change.effect
                );
                out
            }),
            Self::Pipeline(steps) => format!("pipeline of {}", steps.len()),
        }
    }
}

impl Answer {
    /// For a trace.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Values(values) => {
                let each = values.iter().map(super::describe_stored);
                each.collect::<Vec<_>>().join(" ")
            }
            Self::Heads(heads) => format!("{} found", heads.iter().flatten().count()),
            Self::Flags(flags) => format!("{flags:?}"),
            Self::Count(count) => count.to_string(),
            Self::Leases(leases) => {
                let each = leases.iter().map(|leased| match leased {
                    Leased::Granted(_) => "granted".to_owned(),
                    Leased::Held(left) => format!("held for {left:?}"),
                    Leased::Fresh => "fresh".to_owned(),
                });
                each.collect::<Vec<_>>().join(" ")
            }
            Self::Hello(life) => format!("life {life}"),
            Self::Done => "done".into(),
            Self::Expiries(expiries) => format!("{expiries:?}"),
            Self::Page(page) => format!("{} keys", page.keys.len()),
            Self::Replies(replies) => format!("{} replies", replies.len()),
        }
    }
}
