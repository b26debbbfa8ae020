//! What a backend says of itself, and of the time.

use std::time::Duration;

use super::subject::Subject;

/// How far a server's clock may be from this host's in a test.
const NEAR: Duration = Duration::from_secs(5);

/// It has a name, and nodes where it can be inspected.
pub async fn describes_itself(subject: &Subject) {
    assert!(!subject.backend().name().is_empty());
    subject.put(&subject.key("key"), "x").await;
    assert_eq!(subject.backend().connections().broken, 0);
    let Some(inspect) = subject.backend().inspect() else {
        return;
    };
    let nodes = inspect.nodes(subject.call()).await.expect("nodes");
    assert!(!nodes.is_empty());
    for node in nodes {
        assert!(
            !node.address.is_empty() && !node.role.is_empty(),
            "{node:?}"
        );
        assert!(node.used_memory_bytes.is_none_or(|bytes| bytes > 0));
    }
}

/// Time goes on, never back, and is about what this host takes it for.
pub async fn now_is_monotone_and_near(subject: &Subject) {
    let key = subject.key("any");
    let mut last = None;
    for _ in 0..50 {
        let now = subject.backend().now(&key, subject.call()).await;
        let now = now.expect("now");
        assert!(last <= Some(now), "{now:?} after {last:?}");
        last = Some(now);
        subject.wait_a_moment().await;
    }
    let (server, host) = (last.expect("a time"), subject.clock_face().wall());
    let apart = server.since(host).max(host.since(server));
    assert!(apart < NEAR, "{apart:?} from this host's time");
    let first = subject.backend().now(&key, subject.call()).await;
    let first = first.expect("now");
    subject
        .eventually("time to go on", async || {
            let now = subject.backend().now(&key, subject.call()).await;
            now.expect("now").since(first) >= Duration::from_millis(50)
        })
        .await;
}
