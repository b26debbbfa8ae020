//! The end of a journal.

use larder_cache_core::{Append, ErrorKind, Sequence, ShardClaim};

use super::subject::{LONG, Subject, WRITER, kind, set};

/// After it was closed, once or twice, every call says that it is.
pub async fn closed_journals_say_so(subject: &Subject) {
    let journal = subject.journal();
    subject.set("key", "x").await;
    let claim = subject.claim_of("key").await;
    let read = subject.read_all(&claim).await;
    journal.close().await;
    journal.close().await;
    let writes = [set("key", "y")];
    let append = Append {
        writer: WRITER,
        settled: Sequence::ZERO,
        writes: &writes,
    };
    let ShardClaim { shard, .. } = claim;
    let letter = (read[0].clone(), "no".to_owned());
    let kinds = [
        ("append", kind(&journal.append(shard, append).await)),
        ("latest", kind(&journal.latest("key").await)),
        ("claim", kind(&journal.claim(shard, LONG).await)),
        ("renew", kind(&journal.renew(&claim, LONG).await)),
        ("release", kind(&journal.release(&claim).await)),
        ("read", kind(&journal.read(&claim, Sequence::ZERO, 1).await)),
        (
            "acknowledge",
            kind(&journal.acknowledge(&claim, &read).await),
        ),
        ("bury", kind(&journal.bury(&claim, &[letter]).await)),
        ("dead_letters", kind(&journal.dead_letters(1).await)),
        ("revive", kind(&journal.revive(&["key"]).await)),
        ("discard", kind(&journal.discard(&["key"]).await)),
        ("depth", kind(&journal.depth().await)),
    ];
    for (operation, kind) in kinds {
        assert_eq!(kind, ErrorKind::Closed, "{operation}");
    }
}
