//! The end of a backend.

use larder_cache_core::{
    Claim, Cursor, EpochChange, ErrorKind, Fill, FillOutcome, Grant, Invalidation, Key, Lifetime,
    Operation, Result,
};

use super::fenced::{LASTS, request};
use super::subject::{Subject, write};

/// After it was closed, once or twice, every call says that it is.
pub async fn closed_backends_say_so(subject: &Subject) {
    let (backend, call) = (subject.backend(), subject.call());
    let key = subject.key("key");
    subject.put(&key, "x").await;
    backend.close().await;
    backend.close().await;
    let keys = std::slice::from_ref(&key);
    let lifetime = Lifetime::default();
    let operations = [Operation::Get(key.clone())];
    let pattern = subject.pattern("*");
    check("now", &backend.now(&key, call).await);
    check("get", &backend.get(keys, call).await);
    check("head", &backend.head(keys, 1, call).await);
    check("set", &backend.set(&[write(&key, "y")], call).await);
    check("delete", &backend.delete(keys, call).await);
    check("exists", &backend.exists(keys, call).await);
    check("ttl", &backend.ttl(keys, call).await);
    check("expire", &backend.expire(keys, lifetime, call).await);
    let requests = [request(&key, Claim::Missing, LASTS)];
    check("lease", &backend.lease(&requests, call).await);
    check("fill", &backend.fill(&[release(&key)], call).await);
    check("mark_stale", &backend.mark_stale(keys, call).await);
    check("renew", &backend.renew(&[change(&key)], call).await);
    let page = backend.scan(Cursor::start(), &pattern, 10, call).await;
    check("scan", &page);
    check("pipeline", &backend.pipeline(&operations, call).await);
}

fn release(key: &Key) -> Fill {
    Fill {
        key: key.clone(),
        grant: Grant {
            token: 1,
            connection: 0,
        },
        outcome: FillOutcome::Release,
    }
}

fn change(key: &Key) -> EpochChange {
    EpochChange {
        key: key.clone(),
        others: Vec::new(),
        effect: Invalidation::Hard,
        fresh: 1,
    }
}

fn check<T: std::fmt::Debug>(operation: &str, answer: &Result<T>) {
    let kind = answer.as_ref().map_err(|error| error.kind());
    assert_eq!(
        kind.err(),
        Some(ErrorKind::Closed),
        "{operation}: {answer:?}"
    );
}
