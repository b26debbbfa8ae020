//! The permissions that the documentation grants are enough.

use super::*;

const DOCUMENTED: &str = include_str!("../../../src/journal/mod.rs");

/// What the documentation grants besides what a cache needs.
fn rules() -> String {
    let rules = DOCUMENTED
        .split("besides what the cache needs, `")
        .nth(1)
        .unwrap();
    let rules = rules.split('`').next().unwrap().replace("///", " ");
    let rules: Vec<&str> = rules.split_whitespace().collect();
    assert!(rules.len() > 10, "{rules:?}");
    rules.join(" ")
}

#[tokio::test]
async fn are_enough_for_a_journal() {
    let server = durable();
    let cache = crate::redis::permissions::rules(false);
    ask::<()>(
        &mut raw(&server),
        &format!("ACL SETUSER larder {cache} {}", rules()),
    );
    let url = format!("redis://larder:pw@127.0.0.1:{}", server.port());
    let journal = opened(config(url.clone()), one_shard()).await.unwrap();
    use_all(&journal).await;
    // The rarer ways as well.
    ask::<String>(
        &mut raw(&server),
        "XADD t~journal:{orders:0}:log * no write",
    );
    let (seconds, _): (u64, u64) = ask(&mut raw(&server), "TIME");
    let ahead = (seconds + 3600) * 1000;
    let command = format!("XSETID t~journal:{{orders:0}}:log {ahead}-2097151");
    ask::<()>(&mut raw(&server), &command);
    append(&journal, &[put("a", "1"), put("a", "2")]).await;
    let own = claim(&journal, 0).await;
    let records = read(&journal, &own).await;
    journal.acknowledge(&own, &records[1..]).await.unwrap();
    assert!(journal.latest("a").await.unwrap().is_some());
    assert_eq!(journal.durability(), larder_cache_core::Durability::Crash);
    let foreign = opened(config(url), one_shard().prefix("other")).await;
    assert_eq!(foreign.unwrap_err().kind(), ErrorKind::Auth);
}
