//! Stores only where there is no value, whatever else there is.

use larder_cache::Loaded;
use larder_cache_core::{Error, ErrorKind, Invalidation};
use larder_testkit::{Fault, Method};

use crate::fleet::{Fleet, Load, Process};
use crate::watched::Telling;
use crate::world::{Database, GRACE, NEGATIVE_TTL, TTL, eventually};

/// What stands under "7".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Fresh,
    Stale,
    MarkedStale,
    SoftlyCleared,
    Cleared,
    Expired,
    Negative,
    OldNegative,
    Foreign,
    Corrupt,
    Truncated,
}

const ALL: [Before; 12] = [
    Before::Nothing,
    Before::Fresh,
    Before::Stale,
    Before::MarkedStale,
    Before::SoftlyCleared,
    Before::Cleared,
    Before::Expired,
    Before::Negative,
    Before::OldNegative,
    Before::Foreign,
    Before::Corrupt,
    Before::Truncated,
];

impl Before {
    async fn make(self, fleet: &Fleet, process: &Process) {
        let users = process.users();
        if matches!(self, Self::Negative | Self::OldNegative) {
            let none = Database::new().answers::<Loaded<String>>(Ok(Loaded::absent()));
            users.load("7").with(none).await.unwrap();
        } else if self != Self::Nothing {
            users.set("7", "old".to_owned()).await.unwrap();
        }
        match self {
            Self::Nothing | Self::Fresh | Self::Negative => {}
            Self::Stale => fleet.clock.advance(TTL),
            Self::Expired => fleet.clock.advance(TTL + GRACE),
            Self::OldNegative => fleet.clock.advance(NEGATIVE_TTL),
            Self::MarkedStale => assert!(users.mark_stale("7").await.unwrap()),
            Self::SoftlyCleared => drop(users.clear_with(Invalidation::Soft).await.unwrap()),
            Self::Cleared => drop(users.clear().await.unwrap()),
            Self::Foreign => fleet.plant("7", "another program's").await,
            Self::Corrupt | Self::Truncated => {
                let mut bytes = fleet.stored("7").await.unwrap().to_vec();
                if self == Self::Truncated {
                    bytes.truncate(bytes.len() / 2);
                } else {
                    *bytes.last_mut().unwrap() ^= 1;
                }
                fleet.plant("7", bytes).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_value_alone_is_in_the_way() {
    for before in ALL {
        for own in [true, false] {
            let case = format!("{before:?}, own: {own}");
            let fleet = Fleet::new();
            let [a, b] = [fleet.process(Telling::Nothing, |b| b), fleet.plain()];
            before.make(&fleet, if own { &a } else { &b }).await;
            let users = a.users();
            let stored = users.set_if_absent("7", "new".to_owned()).await.unwrap();
            assert_eq!(stored, before != Before::Fresh, "{case}");
            let expected = if stored { "new" } else { "old" };
            for process in [&a, &b] {
                let found = process.get("7").await;
                assert_eq!(found.as_deref(), Some(expected), "{case}");
            }
            let again = b.users().set_if_absent("7", "newer".to_owned()).await;
            assert!(!again.unwrap(), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_under_way_is_voided() {
    for own in [true, false] {
        let (fleet, slow) = (Fleet::new(), Database::shut());
        let [a, b] = [fleet.plain(), fleet.plain()];
        let loading = Load::Single.spawn(&a.users(), &slow, Ok("loaded"));
        slow.asked(1).await;
        let users = if own { a.users() } else { b.users() };
        assert!(users.set_if_absent("7", "set".to_owned()).await.unwrap());
        slow.open();
        assert_eq!(loading.await.unwrap().unwrap(), "loaded");
        for process in [&a, &b] {
            assert_eq!(process.get("7").await.as_deref(), Some("set"), "own: {own}");
        }
        assert_eq!(a.events.count("refused Superseded 7"), 1);
    }
}

/// Of many at once one stores its value, and the others see that.
#[tokio::test(start_paused = true)]
async fn one_of_many_stores() {
    let fleet = Fleet::new();
    let processes = [(); 3].map(|()| fleet.plain());
    let mut held = Vec::new();
    for process in &processes {
        held.push(process.chaos.gate_reply(Method::Get));
    }
    let setting: Vec<_> = processes
        .iter()
        .enumerate()
        .map(|(number, process)| {
            let users = process.users();
            tokio::spawn(async move { users.set_if_absent("7", number.to_string()).await })
        })
        .collect();
    for gate in &mut held {
        gate.arrived().await;
    }
    drop(held);
    let mut stored = Vec::new();
    for (number, setting) in setting.into_iter().enumerate() {
        if setting.await.unwrap().unwrap() {
            stored.push(number.to_string());
        }
    }
    let found = processes[0].get("7").await;
    assert_eq!(stored, found.into_iter().collect::<Vec<_>>());
}

/// What is not confirmed is made up for, as with any change.
#[tokio::test(start_paused = true)]
async fn a_failure_leaves_nothing() {
    let lost = || Fault::LostReply(Error::new(ErrorKind::Connection, "it broke"));
    for (method, fault, pending) in [
        (Method::Get, Fault::refused(), 0),
        (Method::Epochs, Fault::refused(), 0),
        (Method::Lease, Fault::refused(), 1),
        (Method::Lease, lost(), 1),
        (Method::Fill, Fault::refused(), 1),
        (Method::Fill, lost(), 1),
    ] {
        let case = format!("{method}: {fault:?}");
        let fleet = Fleet::new();
        let process = fleet.process(Telling::Nothing, |b| b);
        process.chaos.on(method).next(1, fault);
        let set = process.users().set_if_absent("7", "new".to_owned()).await;
        assert_eq!(set.unwrap_err().kind(), ErrorKind::Connection, "{case}");
        let found = process.cache.health().await.pending_changes;
        assert_eq!(found, pending, "{case}");
        assert_eq!(process.get("7").await, None, "{case}");
        process.idle().await;
        assert_eq!(fleet.stored("7").await, None, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pending_key_is_refused() {
    let fleet = Fleet::new();
    let process = fleet.plain();
    let users = process.users();
    users.set("7", "old".to_owned()).await.unwrap();
    process.chaos.on(Method::Delete).always(Fault::refused());
    users.delete("7").await.unwrap_err();
    let refused = users.set_if_absent("7", "new".to_owned()).await;
    assert!(refused.unwrap_err().is_transient());
    process.chaos.heal();
    process.idle().await;
    assert!(users.set_if_absent("7", "new".to_owned()).await.unwrap());
}

/// Nothing was changed where another value came first, so that a deletion that failed
/// meanwhile is not made up for.
#[tokio::test(start_paused = true)]
async fn a_lost_race_settles_nothing() {
    let fleet = Fleet::new();
    let [a, b] = [fleet.plain(), fleet.plain()];
    let users = a.users();
    let mut read = a.chaos.gate_reply(Method::Get);
    let setting = tokio::spawn({
        let users = users.clone();
        async move { users.set_if_absent("7", "new".to_owned()).await }
    });
    read.arrived().await;
    b.users().set("7", "outdated".to_owned()).await.unwrap();
    a.chaos.on(Method::Delete).always(Fault::refused());
    users.delete("7").await.unwrap_err();
    read.release();
    assert!(setting.await.unwrap().is_err(), "the key is pending");
    assert_eq!(a.get("7").await, None);
    a.chaos.heal();
    let gone = || a.cache.stats().background_tasks == 0;
    eventually("the replay", gone).await;
    assert_eq!(b.get("7").await, None);
}
