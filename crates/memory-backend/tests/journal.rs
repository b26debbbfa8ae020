//! What the journal in memory is beyond the suite.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Append, Bytes, Durability, ErrorKind, Journal, JournalWrite, Sequence};
use larder_memory_backend::{MemoryJournal, MemoryJournalOptions};
use larder_testkit::ManualClock;

mod memory {
    use super::*;

    fn write(key: &str) -> JournalWrite {
        JournalWrite {
            key: key.to_owned(),
            value: Some(Bytes::from_static(b"Ada")),
        }
    }

    fn by_one(writes: &[JournalWrite]) -> Append<'_> {
        Append {
            writer: 1,
            settled: Sequence::ZERO,
            writes,
        }
    }

    #[test]
    fn it_says_that_it_is_lost_with_its_process() {
        let journal = MemoryJournal::default();
        assert_eq!(journal.durability(), Durability::Process);
        assert!(journal.name().contains("lost with its process"));
        assert_eq!(journal.shards(), 16);
    }

    #[tokio::test]
    async fn writes_are_refused_in_a_shard_of_others() {
        let journal = MemoryJournal::default();
        let other = (journal.shard_of("key") + 1) % journal.shards();
        for shard in [other, 16, u32::MAX] {
            let refused = journal.append(shard, by_one(&[write("key")])).await;
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Config, "{shard}");
        }
        assert_eq!(journal.depth().await.unwrap().records, 0);
    }

    #[tokio::test]
    async fn dead_letters_take_room() {
        let options = MemoryJournalOptions::default().capacity(1).shards(1);
        let journal = MemoryJournal::new(options);
        journal.append(0, by_one(&[write("a")])).await.unwrap();
        let claim = journal.claim(0, Duration::from_secs(9)).await.unwrap();
        let claim = claim.unwrap();
        let read = journal.read(&claim, Sequence::ZERO, 9).await.unwrap();
        let buried = [(read[0].clone(), "no".to_owned())];
        journal.bury(&claim, &buried).await.unwrap();
        let full = journal.append(0, by_one(&[write("b")])).await.unwrap_err();
        assert_eq!(full.kind(), ErrorKind::Backpressure);
        assert!(full.is_replay_safe());
        assert_eq!(journal.discard(&["a"]).await.unwrap(), 1);
        journal.append(0, by_one(&[write("b")])).await.unwrap();
    }

    #[tokio::test]
    async fn claims_end_by_the_clock() {
        let clock = ManualClock::new();
        let options = MemoryJournalOptions::default().clock(clock.clone());
        let journal = Arc::new(MemoryJournal::new(options));
        let lasts = Duration::from_secs(10);
        let claim = journal.claim(3, lasts).await.unwrap().unwrap();
        clock.advance(lasts - Duration::from_nanos(1));
        assert!(journal.claim(3, lasts).await.unwrap().is_none());
        clock.advance(Duration::from_nanos(1));
        assert!(!journal.renew(&claim, lasts).await.unwrap());
        assert!(journal.claim(3, lasts).await.unwrap().is_some());
    }
}
