//! L1 beside other processes: it follows what the server tells, and says nothing where it
//! is told nothing.

use std::sync::Arc;
use std::time::Duration;

use larder_cache::{CacheBuilder, GetOptions, OnError, SetOptions};
use larder_cache_core::{Clock, L1, Namespace, SystemClock, Tags};
use larder_memory_backend::MemoryBackend;
use larder_testkit::{ChaosBackend, Method};
use tokio::time::Instant;

use crate::fleet::{Fleet, LOADS, Load, Process, epoch_of, epoch_of_users};
use crate::watched::{Telling, Watched};
use crate::world::{Database, DbError, eventually, settle};

const STALENESS: Duration = L1::MAX_STALENESS;
const TICK: Duration = Duration::from_millis(1);

/// A process that has been told of everything, and a change by another one.
pub(crate) async fn told(fleet: &Fleet) -> (Process, Process) {
    let (process, other) = (fleet.watching(), fleet.plain());
    process.tell_until_now();
    (process, other)
}

pub(crate) async fn set(process: &Process, key: &str, value: &str, tags: &[&str]) {
    let options = SetOptions::new().tags(tags.iter().copied());
    let users = process.users();
    let set = users.set_with(key, value.to_owned(), options);
    set.await.unwrap();
}

/// Where a read is answered, and with what.
async fn check(process: &Process, tier: &str, expected: &str) {
    process.events.take();
    let found = process.get("7").await;
    assert_eq!(found.as_deref(), Some(expected));
    let events = process.events.take();
    assert_eq!(events, [format!("hit {tier} 7")]);
}

#[tokio::test]
async fn values_and_epochs_are_watched() {
    let fleet = Fleet::new();
    assert_eq!(fleet.watching().server.prefixes(), ["app:", "app~e:"]);
    let without_l1 = fleet.process(Telling::ByHand, |builder| builder.l1_bytes(0));
    assert_eq!(without_l1.server.prefixes(), ["app~e:"]);
}

/// Of each namespace setting: whether L1 answers at once, before it was ever told anything,
/// and after so long without a sign.
#[tokio::test]
async fn namespaces_say_how_long_l1_goes_without_a_sign() {
    let coherent = |max_staleness| L1::Coherent {
        max_staleness,
        outage_ttl: Duration::ZERO,
    };
    let second = Duration::from_secs(1);
    for (l1, telling, before_a_sign, until) in [
        (L1::Default, Telling::ByHand, false, Some(STALENESS)),
        (
            coherent(3 * second),
            Telling::ByHand,
            false,
            Some(3 * second),
        ),
        (
            L1::Ttl(7 * second),
            Telling::ByHand,
            true,
            Some(7 * second - TICK),
        ),
        (L1::Off, Telling::ByHand, false, None),
        (L1::Default, Telling::Nothing, true, Some(5 * second - TICK)),
        (
            coherent(3 * second),
            Telling::Nothing,
            true,
            Some(3 * second - TICK),
        ),
        (
            L1::Ttl(7 * second),
            Telling::Nothing,
            true,
            Some(7 * second - TICK),
        ),
        (L1::Off, Telling::Nothing, false, None),
    ] {
        let case = format!("{l1:?}, {telling:?}");
        let fleet = Fleet::new();
        let process = fleet.process(telling, |builder| builder);
        process.update(|users| users.l1(l1));
        let tier = async || {
            process.events.take();
            assert!(process.get("7").await.is_some(), "{case}");
            process.events.count("hit l1 7") == 1
        };
        set(&process, "7", "Ada", &[]).await;
        assert_eq!(tier().await, before_a_sign, "{case}");
        if telling == Telling::ByHand {
            process.tell_until_now();
        }
        set(&process, "7", "Ada", &[]).await;
        if let Some(until) = until {
            assert!(tier().await, "{case}: at once");
            fleet.clock.advance(until);
            assert!(tier().await, "{case}: at the end");
            fleet.clock.advance(TICK);
        }
        assert!(!tier().await, "{case}: after that");
    }
}

/// By a clock that began with the process, "never" is not long ago.
#[tokio::test]
async fn a_young_process_waits_for_the_first_sign() {
    let clock = Arc::new(SystemClock::new());
    let chaos = ChaosBackend::new(Arc::new(MemoryBackend::new(1 << 20)));
    let server = Watched::new(chaos.clone(), Telling::ByHand);
    let builder = CacheBuilder::new().clock(clock.clone());
    let builder = builder.namespace(Namespace::new("users"));
    let cache = builder.build(server.clone()).unwrap();
    let users = cache.namespace("users").unwrap().typed::<String>();
    users.set("7", "Ada".to_owned()).await.unwrap();
    users.get("7").await.unwrap();
    assert_eq!(users.stats().l1_hits, 0);
    assert_eq!(cache.health().await.behind, None);
    server.watcher().told_until(clock.now());
    users.get("7").await.unwrap();
    assert_eq!(users.stats().l1_hits, 1);
}

#[tokio::test]
async fn signs_keep_l1_in_use() {
    let fleet = Fleet::new();
    let (process, _) = told(&fleet).await;
    set(&process, "7", "Ada", &[]).await;
    for _ in 0..30 {
        fleet.clock.advance(STALENESS);
        check(&process, "l1", "Ada").await;
        let behind = process.cache.health().await.behind;
        assert_eq!(behind, Some(STALENESS));
        process.tell_until_now();
    }
    // A sign that comes late takes nothing back.
    let moment = fleet.clock.now();
    fleet.clock.advance(STALENESS);
    process.tell_until_now();
    process.server.watcher().told_until(moment);
    fleet.clock.advance(STALENESS);
    check(&process, "l1", "Ada").await;
}

/// While the server can't be reached L1 answers for `outage_ttl` more, and says so.
#[tokio::test]
async fn an_outage_is_bridged_for_as_long_as_agreed() {
    let outage_ttl = Duration::from_secs(20);
    let fleet = Fleet::new();
    let (process, _) = told(&fleet).await;
    process.update(|users| {
        users.l1(L1::Coherent {
            max_staleness: STALENESS,
            outage_ttl,
        })
    });
    let users = process.users();
    set(&process, "7", "Ada", &[]).await;
    fleet.clock.advance(STALENESS + TICK);
    check(&process, "l2", "Ada").await;
    process.chaos.go_down();
    let served = "OutageServed { space: Space { id: 4, name: \"users\" }, key: \"7\" }";
    let database = Database::new();
    for _ in 0..2 {
        assert_eq!(process.get("7").await.as_deref(), Some("Ada"));
        assert_eq!(process.events.take(), ["miss backend 7", served]);
        assert!(users.get_many(["7"]).await.unwrap().contains_key("7"));
        assert_eq!(process.events.take(), ["miss backend 7", served]);
        for load in LOADS {
            assert_eq!(load.run(&users, &database, "Bob").await, "Ada");
            assert_eq!(
                process.events.take(),
                ["miss backend 7", served],
                "{load:?}"
            );
        }
        fleet.clock.advance(outage_ttl - TICK);
    }
    assert_eq!(database.queries(), 0);
    let strict = GetOptions::new().on_error(OnError::Fail);
    users.get_with("7", strict).await.unwrap_err();
    assert_eq!(process.get("7").await, None, "for so long and no longer");
    let fallback = Load::Single.spawn(&users, &database, Err(DbError("down")));
    assert_eq!(
        fallback.await.unwrap().unwrap(),
        "Ada",
        "better than nothing"
    );
    assert_eq!(database.queries(), 1, "but the loader was asked");
}

#[tokio::test]
async fn without_an_outage_ttl_nothing_is_bridged() {
    let fleet = Fleet::new();
    let (process, _) = told(&fleet).await;
    set(&process, "7", "Ada", &[]).await;
    process.chaos.go_down();
    check(&process, "l1", "Ada").await;
    fleet.clock.advance(STALENESS + TICK);
    assert_eq!(process.get("7").await, None);
    assert_eq!(process.events.count("OutageServed"), 0);
}

/// An own change counts in an outage as well.
#[tokio::test]
async fn an_outage_brings_nothing_back() {
    let fleet = Fleet::new();
    let (process, _) = told(&fleet).await;
    process.update(|users| {
        users.l1(L1::Coherent {
            max_staleness: STALENESS,
            outage_ttl: Duration::from_secs(3600),
        })
    });
    let users = process.users();
    for (key, tags) in [("7", &["t"][..]), ("8", &[]), ("9", &[])] {
        set(&process, key, "Ada", tags).await;
    }
    process.chaos.go_down();
    users.delete("8").await.unwrap_err();
    users.invalidate_tags(Tags::any(["t"])).await.unwrap_err();
    for (key, expected) in [("7", None), ("8", None), ("9", Some("Ada"))] {
        assert_eq!(process.get(key).await.as_deref(), expected, "{key}");
    }
    users.clear().await.unwrap_err();
    assert_eq!(process.get("9").await, None);
}

#[tokio::test]
async fn what_others_change_leaves_l1() {
    let fleet = Fleet::new();
    let (process, other) = told(&fleet).await;
    set(&process, "7", "old", &[]).await;
    set(&other, "7", "new", &[]).await;
    check(&process, "l1", "old").await;
    process.tell("8");
    check(&process, "l1", "old").await;
    process.tell("7");
    check(&process, "l2", "new").await;
    check(&process, "l1", "new").await;
    for foreign in [
        &b"app:users"[..],
        b"app:other:7",
        b"other:users:7",
        b"app:\xFF",
        b"",
    ] {
        process.server.watcher().changed(foreign);
    }
    check(&process, "l1", "new").await;
}

#[tokio::test]
async fn epochs_that_others_change_outdate_l1() {
    for of_tag in [true, false] {
        let fleet = Fleet::new();
        let (process, other) = told(&fleet).await;
        set(&process, "7", "old", &["a", "b"]).await;
        if of_tag {
            other
                .users()
                .invalidate_tags(Tags::any(["b"]))
                .await
                .unwrap();
        } else {
            other.users().clear().await.unwrap();
        }
        check(&process, "l1", "old").await;
        process.tell_tag("c");
        check(&process, "l1", "old").await;
        let namespace = epoch_of_users();
        let epoch = if of_tag { epoch_of("b") } else { namespace };
        process.server.watcher().changed(epoch.as_bytes());
        assert_eq!(process.get("7").await, None, "of a tag: {of_tag}");
    }
}

#[tokio::test]
async fn everything_may_have_changed() {
    let fleet = Fleet::new();
    let (process, other) = told(&fleet).await;
    for key in ["7", "8"] {
        set(&process, key, "old", &["t"]).await;
    }
    set(&other, "7", "new", &[]).await;
    other
        .users()
        .invalidate_tags(Tags::any(["t"]))
        .await
        .unwrap();
    process.server.watcher().changed_all();
    assert_eq!(process.cache.stats().l1.entries, 0);
    check(&process, "l2", "new").await;
    assert_eq!(process.get("8").await, None);
}

/// What was asked for before a change of which one is told since does not enter L1.
#[tokio::test(start_paused = true)]
async fn late_replies_do_not_enter_l1() {
    type Tell = fn(&Process);
    let ways: [(&str, Tell); 3] = [
        ("of the key", |process| process.tell("7")),
        ("of its tag", |process| process.tell_tag("t")),
        ("of anything", |process| {
            process.server.watcher().changed_all();
        }),
    ];
    for (told_of, tell) in ways {
        for held in [Method::Get, Method::Set, Method::Fill] {
            let case = format!("told {told_of}, the reply to {held} is late");
            let fleet = Fleet::new();
            let (process, other) = told(&fleet).await;
            process.update(|users| users.tags(["t"]));
            other.update(|users| users.tags(["t"]));
            if held == Method::Get {
                set(&other, "7", "old", &[]).await;
            }
            let mut reply = process.chaos.gate_reply(held);
            let users = process.users();
            let asking = tokio::spawn(async move {
                let old = || "old".to_owned();
                match held {
                    Method::Set => users.set("7", old()).await.unwrap(),
                    _ => drop(users.get_or_load("7", Database::new().finds(old())).await),
                }
            });
            reply.arrived().await;
            if told_of == "of its tag" {
                let tags = Tags::any(["t"]);
                other.users().invalidate_tags(tags).await.unwrap();
            }
            set(&other, "7", "new", &[]).await;
            tell(&process);
            reply.release();
            asking.await.unwrap();
            process.idle().await;
            assert_eq!(process.get("7").await.as_deref(), Some("new"), "{case}");
        }
    }
}

/// What a load began with counts for nothing when nobody knows what changed meanwhile, in
/// L1 as behind it.
#[tokio::test(start_paused = true)]
async fn a_load_across_a_lost_connection_does_not_enter_l1() {
    for load in LOADS {
        let (fleet, database) = (Fleet::new(), Database::shut());
        let (process, other) = told(&fleet).await;
        process.update(|users| users.tags(["t"]));
        let loading = load.spawn(&process.users(), &database, Ok("outdated"));
        database.asked(1).await;
        other
            .users()
            .invalidate_tags(Tags::any(["t"]))
            .await
            .unwrap();
        process.server.watcher().changed_all();
        process.tell_until_now();
        database.open();
        assert_eq!(loading.await.unwrap().unwrap(), "outdated");
        assert_eq!(process.get("7").await, None, "{load:?}");
    }
}

/// Epochs that were read before count while the server tells of changes, and no longer.
#[tokio::test]
async fn epochs_are_remembered_under_signs_alone() {
    let fleet = Fleet::new();
    let (process, other) = told(&fleet).await;
    process.update(|users| users.l1(L1::Off));
    set(&other, "7", "old", &["t"]).await;
    let asked = async || {
        let before = process.chaos.calls(Method::Epochs);
        process.get("7").await;
        process.chaos.calls(Method::Epochs) - before
    };
    assert_eq!(asked().await, 1, "the first time");
    assert_eq!(asked().await, 0);
    fleet.clock.advance(STALENESS);
    assert_eq!(asked().await, 0);
    fleet.clock.advance(TICK);
    assert_eq!((asked().await, asked().await), (1, 1), "without a sign");
    process.tell_until_now();
    assert_eq!(asked().await, 0);
    process.tell_tag("t");
    assert_eq!((asked().await, asked().await), (1, 0), "told of a tag");
    process.tell_tag("other");
    assert_eq!(asked().await, 0, "told of another");
    process.server.watcher().changed_all();
    assert_eq!((asked().await, asked().await), (1, 0), "told of anything");

    let plain = fleet.plain();
    for _ in 0..2 {
        let before = plain.chaos.calls(Method::Epochs);
        assert!(plain.get("7").await.is_some());
        assert_eq!(plain.chaos.calls(Method::Epochs), before + 1);
    }
}

/// An entry that does not match what one remembers may be newer than that.
#[tokio::test]
async fn a_mismatch_is_confirmed_before_anybody_loads() {
    for load in LOADS {
        let (fleet, database) = (Fleet::new(), Database::new());
        let (process, other) = told(&fleet).await;
        set(&process, "8", "Bob", &["t"]).await;
        assert!(process.get("8").await.is_some());
        other
            .users()
            .invalidate_tags(Tags::any(["t"]))
            .await
            .unwrap();
        set(&other, "7", "new", &["t"]).await;
        assert_eq!(load.run(&process.users(), &database, "loaded").await, "new");
        assert_eq!(database.queries(), 0, "{load:?}");
        process.tell("7");
        check(&process, "l2", "new").await;
    }
}

/// A load that began longer ago than changes may go unseen could miss one of them.
#[tokio::test(start_paused = true)]
async fn old_loads_are_not_joined() {
    for load in LOADS {
        for (waited, joins) in [(STALENESS, true), (STALENESS + TICK, false)] {
            let (fleet, slow) = (Fleet::new(), Database::shut());
            let (process, other) = told(&fleet).await;
            let users = process.users();
            let first = load.spawn(&users, &slow, Ok("outdated"));
            slow.asked(1).await;
            tokio::time::sleep(waited).await;
            other.users().delete("7").await.unwrap();
            let later = load.spawn(&users, &Database::new(), Ok("new"));
            settle().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            slow.open();
            let expected = if joins { "outdated" } else { "new" };
            assert_eq!(
                later.await.unwrap().unwrap(),
                expected,
                "{load:?}, {waited:?}"
            );
            assert_eq!(first.await.unwrap().unwrap(), "outdated");
        }
    }
}

/// How long a waiting load takes to notice what another process has stored: less than a
/// poll if it is told, at most a poll if it is not.
#[tokio::test(start_paused = true)]
async fn those_who_wait_are_woken() {
    let told_poll = Duration::from_millis(250);
    let untold_poll = Duration::from_millis(20);
    for (telling, l1_bytes, is_told, at_least, at_most) in [
        (Telling::ByHand, 1 << 20, true, Duration::ZERO, 5 * TICK),
        (Telling::ByHand, 1 << 20, false, 10 * untold_poll, told_poll),
        (
            Telling::ByHand,
            0,
            false,
            Duration::ZERO,
            untold_poll + TICK,
        ),
        (
            Telling::Nothing,
            1 << 20,
            false,
            Duration::ZERO,
            untold_poll + TICK,
        ),
    ] {
        for load in LOADS {
            let case = format!("{telling:?}, L1: {l1_bytes}, told: {is_told}, {load:?}");
            let (fleet, slow) = (Fleet::new(), Database::shut());
            let other = fleet.plain();
            let process = fleet.process(telling, |builder| builder.l1_bytes(l1_bytes));
            if telling == Telling::ByHand {
                process.tell_until_now();
            }
            let loading = Load::Single.spawn(&other.users(), &slow, Ok("Ada"));
            slow.asked(1).await;
            let waiting = load.spawn(&process.users(), &Database::new(), Ok("Bob"));
            process.waits().await;
            settle().await;
            let began = Instant::now();
            slow.open();
            assert_eq!(loading.await.unwrap().unwrap(), "Ada");
            if is_told {
                process.tell("7");
            }
            assert_eq!(waiting.await.unwrap().unwrap(), "Ada", "{case}");
            let took = began.elapsed();
            assert!((at_least..=at_most).contains(&took), "{case}: {took:?}");
        }
    }
}

/// With changes told, an L1 hit asks nobody.
#[tokio::test]
async fn a_hit_under_signs_makes_no_call() {
    let fleet = Fleet::new();
    let (process, other) = told(&fleet).await;
    set(&other, "7", "Ada", &["a", "b", "c", "d", "e", "f"]).await;
    check(&process, "l2", "Ada").await;
    let calls = process.chaos.all_calls();
    for _ in 0..3 {
        check(&process, "l1", "Ada").await;
    }
    assert_eq!(process.chaos.all_calls(), calls);
    let idle = || process.cache.stats().background_tasks == 0;
    eventually("nothing runs", idle).await;
}
