//! Epochs: one number invalidates any number of entries, and nothing brings them back.

use std::time::Duration;

use larder_cache::{Affected, Loaded, SetOptions, TypedCache};
use larder_cache_core::{Backend, Error, ErrorKind, Invalidation, L1, Namespace, Tags};
use larder_testkit::{Fault, Method};

use crate::fleet::{Fleet, Process, epoch_of, epoch_of_users};
use crate::watched::Telling;
use crate::world::{CALL, Database, DbError, TTL, World, settle};

async fn set(users: &TypedCache<String>, key: &str, tags: &[&str]) {
    let options = SetOptions::new().tags(tags.iter().copied());
    users.set_with(key, key.to_owned(), options).await.unwrap();
}

async fn get(users: &TypedCache<String>, key: &str) -> Option<String> {
    users.get(key).await.unwrap().map(|value| value.to_string())
}

/// Loads "7" where it is not known, with a loader that names these tags.
async fn load(users: &TypedCache<String>, value: &str, tags: &[&'static str]) -> String {
    let loaded = Loaded::value(value.to_owned()).tags(tags.iter().copied());
    let loader = Database::new().answers::<Loaded<String>>(Ok(loaded));
    let loaded = users.load("7").with(loader).await;
    loaded.unwrap().unwrap().to_string()
}

/// Caches with and without L1, over a backend of their own and over a server.
fn caches() -> [(&'static str, TypedCache<String>); 4] {
    let told = Fleet::new().watching();
    told.tell_until_now();
    [
        ("with L1", World::new().users()),
        ("without L1", World::with(|b| b.l1_bytes(0)).users()),
        ("watching", told.users()),
        ("at a server", Fleet::new().plain().users()),
    ]
}

/// Where tags come from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Set,
    SetMany,
    SetIfAbsent,
    Call,
    Namespace,
}

impl Origin {
    async fn store(self, users: &TypedCache<String>) {
        let tagged = || SetOptions::new().tags(["t"]);
        let value = || "old".to_owned();
        match self {
            Self::Set => users.set_with("7", value(), tagged()).await.unwrap(),
            Self::SetMany => {
                let many = users.set_many_with([("7", value())], tagged());
                many.await.unwrap();
            }
            Self::SetIfAbsent => {
                let set = users.set_if_absent_with("7", value(), tagged());
                assert!(set.await.unwrap());
            }
            Self::Call => {
                let loader = Database::new().finds::<String>("old");
                let loaded = users.load("7").tags(["t"]).with(loader).await;
                assert_eq!(*loaded.unwrap().unwrap(), "old");
            }
            Self::Namespace => {
                assert_eq!(load(users, "old", &[]).await, "old");
            }
        }
    }
}

#[tokio::test]
async fn wherever_a_tag_comes_from_its_entries_go() {
    for origin in [
        Origin::Set,
        Origin::SetMany,
        Origin::SetIfAbsent,
        Origin::Call,
        Origin::Namespace,
    ] {
        for (cache, users) in caches() {
            let case = format!("{origin:?}, {cache}");
            let mut users = users;
            if matches!(origin, Origin::Namespace) {
                let world = World::new();
                let tagged = |n: Namespace| n.tags(["t"]);
                world.cache.update_namespace("users", tagged).unwrap();
                users = world.users();
            }
            origin.store(&users).await;
            assert_eq!(get(&users, "7").await.as_deref(), Some("old"), "{case}");
            users.invalidate_tags(Tags::any(["other"])).await.unwrap();
            assert_eq!(get(&users, "7").await.as_deref(), Some("old"), "{case}");
            let affected = users.invalidate_tags(Tags::any(["t"])).await.unwrap();
            assert_eq!(affected, Affected::Unknown, "{case}");
            assert_eq!(get(&users, "7").await, None, "{case}");
            assert!(!users.exists("7").await.unwrap(), "{case}");
            assert_eq!(load(&users, "new", &[]).await, "new", "{case}");
            assert_eq!(get(&users, "7").await.as_deref(), Some("new"), "{case}");
            let stats = users.stats();
            assert!(
                stats.miss_reasons.contains(&("invalidated", 2)),
                "{case}: {stats:?}"
            );
        }
    }
}

/// Of entries with no tag, with "a", with "b" and with both, these stay.
#[tokio::test]
async fn tags_mean_any_or_all() {
    let all = ["none", "a", "b", "both"];
    for (tags, stay) in [
        (Tags::any(["a"]), &["none", "b"][..]),
        (Tags::any(["b"]), &["none", "a"]),
        (Tags::any(["a", "b"]), &["none"]),
        (Tags::any(["c", "a"]), &["none", "b"]),
        (Tags::all(["a"]), &["none", "b"]),
        (Tags::all(["a", "b"]), &["none", "a", "b"]),
        (Tags::all(["b", "a", "b"]), &["none", "a", "b"]),
        (Tags::all(["a", "b", "c"]), &all),
        (Tags::all(["c"]), &all),
    ] {
        for (cache, users) in caches() {
            for (key, of_key) in all.into_iter().zip([&[][..], &["a"], &["b"], &["a", "b"]]) {
                set(&users, key, of_key).await;
            }
            users.invalidate_tags(tags.clone()).await.unwrap();
            let mut left = Vec::new();
            for key in all {
                left.extend(get(&users, key).await);
            }
            assert_eq!(left, stay, "{tags:?}, {cache}");
        }
    }
}

#[tokio::test]
async fn no_tags_are_no_change() {
    let world = World::new();
    for tags in [Tags::any::<&str>([]), Tags::all::<&str>([])] {
        let affected = world.users().invalidate_tags(tags).await.unwrap();
        assert_eq!(affected, Affected::Exact(0));
    }
    let refused = world.users().invalidate_tags(Tags::any([""])).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidTag);
    assert_eq!(world.chaos.all_calls(), 0);
}

/// The changes that make stale, of a tag and of the namespace.
#[tokio::test(start_paused = true)]
async fn what_is_invalidated_softly_is_served_until_a_load_ends() {
    for of_tag in [true, false] {
        for (cache, users) in caches() {
            let case = format!("of a tag: {of_tag}, {cache}");
            set(&users, "7", &["t"]).await;
            if of_tag {
                let soft = users.invalidate_tags_with(Tags::any(["t"]), Invalidation::Soft);
                soft.await.unwrap();
            } else {
                users.clear_with(Invalidation::Soft).await.unwrap();
            }
            assert_eq!(get(&users, "7").await, None, "{case}");
            assert!(!users.exists("7").await.unwrap(), "{case}");
            assert_eq!(load(&users, "new", &[]).await, "7", "{case}: it is served");
            crate::world::eventually("the refresh", || users.stats().loads == 1).await;
            settle().await;
            assert_eq!(get(&users, "7").await.as_deref(), Some("new"), "{case}");
            users.clear().await.unwrap();
            let failed = users.get_or_load("7", Database::new().fails("down")).await;
            assert!(failed.is_err(), "{case}: hard means gone");
        }
    }
}

#[tokio::test]
async fn many_entries_go_with_one_call() {
    let world = World::new();
    let users = world.users();
    let keys: Vec<String> = (0..1000).map(|key| key.to_string()).collect();
    for key in &keys {
        set(&users, key, &["t"]).await;
    }
    let before = world.chaos.all_calls();
    users.invalidate_tags(Tags::any(["t", "u"])).await.unwrap();
    assert_eq!(world.chaos.calls(Method::Renew), 1);
    users.clear().await.unwrap();
    assert_eq!(world.chaos.calls(Method::Renew), 2);
    assert_eq!(world.chaos.all_calls(), before + 2);
    assert!(users.get_many(&keys).await.unwrap().is_empty());
}

#[tokio::test]
async fn tags_are_shared_by_namespaces_and_clearing_is_not() {
    let world = World::new();
    let (users, remote) = (world.users(), world.typed::<String>("remote"));
    for cache in [&users, &remote] {
        set(cache, "tagged", &["t"]).await;
        set(cache, "plain", &[]).await;
    }
    users.invalidate_tags(Tags::any(["t"])).await.unwrap();
    assert_eq!(get(&remote, "tagged").await, None);
    assert_eq!(get(&remote, "plain").await.as_deref(), Some("plain"));
    users.clear().await.unwrap();
    assert_eq!(get(&users, "plain").await, None);
    assert_eq!(get(&remote, "plain").await.as_deref(), Some("plain"));
}

/// A tag that only the loader names, before and after the tag is invalidated while the loader
/// runs.
#[tokio::test(start_paused = true)]
async fn tags_that_only_the_loader_names() {
    for is_invalidated in [false, true] {
        for l1_bytes in [0, 1 << 20] {
            let case = format!("invalidated: {is_invalidated}, L1: {l1_bytes}");
            let (world, database) = (World::with(|b| b.l1_bytes(l1_bytes)), Database::shut());
            let users = world.users();
            let loaded = Loaded::value("loaded".to_owned()).tags(["late"]);
            let loader = database.answers::<Loaded<String>>(Ok(loaded));
            let loading = tokio::spawn({
                let users = users.clone();
                async move { users.load("7").with(loader).await.unwrap().unwrap() }
            });
            database.asked(1).await;
            if is_invalidated {
                users.invalidate_tags(Tags::any(["late"])).await.unwrap();
            }
            database.open();
            assert_eq!(*loading.await.unwrap(), "loaded", "{case}");
            let found = get(&users, "7").await;
            assert_eq!(found.is_none(), is_invalidated, "{case}");
            let refused = world.events.count("refused UnknownEpoch 7");
            assert_eq!(refused, usize::from(is_invalidated), "{case}");
            users.invalidate_tags(Tags::any(["late"])).await.unwrap();
            assert_eq!(get(&users, "7").await, None, "{case}");
            assert_eq!(load(&users, "new", &["late"]).await, "new", "{case}");
            assert_eq!(get(&users, "7").await.as_deref(), Some("new"), "{case}");
        }
    }
}

/// The same while the invalidation is on its way, or on its way back.
#[tokio::test(start_paused = true)]
async fn a_loaders_tag_while_its_invalidation_is_under_way() {
    for is_made in [false, true] {
        let (world, database) = (World::with(|b| b.l1_bytes(0)), Database::shut());
        let users = world.users();
        let loaded = Loaded::value("outdated".to_owned()).tags(["late"]);
        let loader = database.answers::<Loaded<String>>(Ok(loaded));
        let loading = tokio::spawn({
            let users = users.clone();
            async move { users.load("7").with(loader).await.unwrap().unwrap() }
        });
        database.asked(1).await;
        let mut gate = match is_made {
            false => world.chaos.gate(Method::Renew),
            true => world.chaos.gate_reply(Method::Renew),
        };
        let invalidating = tokio::spawn({
            let users = users.clone();
            async move { users.invalidate_tags(Tags::any(["late"])).await }
        });
        gate.arrived().await;
        database.open();
        assert_eq!(*loading.await.unwrap(), "outdated");
        gate.release();
        invalidating.await.unwrap().unwrap();
        assert_eq!(get(&users, "7").await, None, "made: {is_made}");
    }
}

/// A server may answer what is asked in the moment of a change before it tells of the
/// change: an epoch that is read after a load counts once a second question is answered.
#[tokio::test(start_paused = true)]
async fn at_a_server_a_loaders_tag_is_asked_for_twice() {
    for change_is_told in [true, false] {
        let (fleet, database) = (Fleet::new(), Database::shut());
        let (a, b) = (fleet.watching(), fleet.plain());
        a.tell_until_now();
        load(&a.users(), "other", &[]).await;
        a.users().delete("7").await.unwrap();
        let loaded = Loaded::value("loaded".to_owned()).tags(["late"]);
        let loader = database.answers::<Loaded<String>>(Ok(loaded));
        let users = a.users();
        let loading =
            tokio::spawn(async move { users.load("7").with(loader).await.unwrap().unwrap() });
        database.asked(1).await;
        if change_is_told {
            let tags = Tags::any(["late"]);
            b.users().invalidate_tags(tags).await.unwrap();
        }
        let mut first = a.chaos.gate(Method::Get);
        database.open();
        first.arrived().await;
        let mut second = a.chaos.gate(Method::Get);
        first.release();
        second.arrived().await;
        if change_is_told {
            a.tell_tag("late");
        }
        second.release();
        assert_eq!(*loading.await.unwrap(), "loaded");
        let refused = a.events.count("refused UnknownEpoch 7");
        assert_eq!(refused, usize::from(change_is_told));
        let expected = (!change_is_told).then(|| "loaded".to_owned());
        assert_eq!(a.get("7").await, expected);
    }
}

/// An epoch that was lost is made anew: what stood on it is gone, and so is what stood on
/// its predecessors.
#[tokio::test]
async fn lost_epochs_bring_nothing_back() {
    for l1 in [L1::Default, L1::Off] {
        for of_tag in [true, false] {
            let case = format!("{l1:?}, of a tag: {of_tag}");
            let fleet = Fleet::new();
            let [a, b] = [(); 2].map(|()| fleet.process(Telling::Nothing, |b| b));
            for process in [&a, &b] {
                process.update(|users| users.l1(l1));
            }
            for key in ["7", "8"] {
                set(&a.users(), key, &["t"]).await;
            }
            let invalidate = async || {
                if of_tag {
                    a.users().invalidate_tags(Tags::any(["t"])).await.unwrap();
                } else {
                    a.users().clear().await.unwrap();
                }
            };
            invalidate().await;
            for lost in 0..3 {
                fleet.evict_epochs().await;
                for process in [&a, &b] {
                    for key in ["7", "8"] {
                        assert_eq!(process.get(key).await, None, "{case}, lost: {lost}");
                    }
                }
                set(&a.users(), "7", &["t"]).await;
                assert_eq!(a.get("7").await.as_deref(), Some("7"), "{case}");
                fleet.evict_epochs().await;
                invalidate().await;
            }
        }
    }
}

/// The cache of a process of its own, where epochs are not asked for again.
#[tokio::test]
async fn lost_epochs_of_an_embedded_cache_bring_nothing_back() {
    for l1_bytes in [0, 1 << 20] {
        let world = World::with(|builder| builder.l1_bytes(l1_bytes));
        let users = world.users();
        set(&users, "7", &["t"]).await;
        users.invalidate_tags(Tags::any(["t"])).await.unwrap();
        let epochs = [epoch_of("t"), epoch_of_users()];
        world.backend.delete(&epochs, CALL).await.unwrap();
        assert_eq!(get(&users, "7").await, None);
        assert_eq!(load(&users, "new", &[]).await, "new");
        users.clear().await.unwrap();
        assert_eq!(get(&users, "7").await, None);
    }
}

/// A process whose changes of epochs don't reach the server.
async fn cut_off(fleet: &Fleet) -> Process {
    let configure = |b: larder_cache::CacheBuilder| b.budget(Duration::from_millis(100));
    let process = fleet.process(Telling::Nothing, configure);
    set(&process.users(), "7", &["t"]).await;
    assert_eq!(process.get("7").await.as_deref(), Some("7"));
    process.chaos.on(Method::Renew).always(Fault::refused());
    process
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_that_failed_is_made_up_for() {
    for of_tag in [true, false] {
        let fleet = Fleet::new();
        let (a, b) = (cut_off(&fleet).await, fleet.plain());
        let users = a.users();
        let failed = match of_tag {
            true => users.invalidate_tags(Tags::any(["t"])).await,
            false => users.clear().await,
        };
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Connection);
        assert_eq!(a.cache.health().await.pending_changes, 1);
        assert_eq!(a.get("7").await, None, "of a tag: {of_tag}");
        assert!(!users.exists("7").await.unwrap());
        assert_eq!(load(&users, "new", &["t"]).await, "new");
        assert_eq!(users.stats().miss_reasons, [("pending", 2)]);
        assert_eq!(b.get("7").await.as_deref(), Some("7"), "others don't know");
        a.chaos.heal();
        a.idle().await;
        assert_eq!(a.cache.health().await.pending_changes, 0);
        for process in [&a, &b] {
            assert_eq!(process.get("7").await, None, "of a tag: {of_tag}");
        }
    }
}

/// A lesser change that is made does not make up for one that failed.
#[tokio::test(start_paused = true)]
async fn a_lesser_invalidation_settles_nothing() {
    for (tags, effect) in [
        (Tags::any(["t"]), Invalidation::Soft),
        (Tags::all(["t", "u"]), Invalidation::Hard),
    ] {
        let case = format!("{tags:?}, {effect:?}");
        let fleet = Fleet::new();
        let (a, b) = (cut_off(&fleet).await, fleet.plain());
        a.chaos.heal();
        a.chaos.on(Method::Renew).next(1, Fault::refused());
        let users = a.users();
        users.invalidate_tags(Tags::any(["t"])).await.unwrap_err();
        users.invalidate_tags_with(tags, effect).await.unwrap();
        a.idle().await;
        for process in [&a, &b] {
            let failing = Database::new().fails::<String>("down");
            let served = process.users().get_or_load("7", failing).await;
            assert!(served.is_err(), "{case}: {served:?}");
        }
    }
}

/// Nobody joins a load from before, also where the invalidation may not have been made.
#[tokio::test(start_paused = true)]
async fn an_invalidation_of_unknown_outcome_ends_earlier_loads() {
    for of_tag in [true, false] {
        let (world, slow) = (World::new(), Database::shut());
        let users = world.users();
        let lost = Error::new(ErrorKind::Connection, "as the test wants");
        world
            .chaos
            .on(Method::Renew)
            .next(1, Fault::LostReply(lost));
        let outdated = tokio::spawn({
            let (users, loader) = (users.clone(), slow.finds::<String>("outdated"));
            async move { users.load("7").tags(["t"]).with(loader).await }
        });
        slow.asked(1).await;
        match of_tag {
            true => users.invalidate_tags(Tags::any(["t"])).await.unwrap_err(),
            false => users.clear().await.unwrap_err(),
        };
        let later = tokio::spawn({
            let users = users.clone();
            async move { load(&users, "later", &[]).await }
        });
        settle().await;
        slow.open();
        outdated.await.unwrap().unwrap();
        assert_eq!(later.await.unwrap(), "later", "of a tag: {of_tag}");
    }
}

#[tokio::test]
async fn junk_in_the_place_of_an_epoch_is_replaced() {
    for epoch in [epoch_of("t"), epoch_of_users()] {
        for junk in [&b""[..], b"junk", &[0xFF; 17], &[0; 16]] {
            let fleet = Fleet::new();
            let process = fleet.plain();
            let users = process.users();
            set(&users, "7", &["t"]).await;
            fleet.put(&epoch, junk).await;
            assert_eq!(process.get("7").await, None, "{epoch}: {junk:?}");
            set(&users, "7", &["t"]).await;
            assert_eq!(
                process.get("7").await.as_deref(),
                Some("7"),
                "{epoch}: {junk:?}"
            );
        }
    }
}

/// The same in a process that remembers epochs: what is none is not remembered.
#[tokio::test]
async fn junk_is_not_remembered() {
    for junk in [&b"junk"[..], &[0; 16]] {
        let fleet = Fleet::new();
        let process = fleet.watching();
        process.tell_until_now();
        process.update(|users| users.l1(L1::Off));
        fleet.put(&epoch_of("t"), junk).await;
        for round in 0..2 {
            set(&process.users(), "7", &["t"]).await;
            let found = process.get("7").await;
            assert_eq!(
                found.is_some(),
                round > 0,
                "{junk:?}: the first finds it out"
            );
        }
        set(&process.users(), "8", &["t"]).await;
        assert_eq!(process.get("8").await.as_deref(), Some("8"), "{junk:?}");
    }
}

/// Each of an entry's tags counts, in L1 and behind it, however many there are.
#[tokio::test]
async fn every_one_of_many_tags_counts() {
    let names: Vec<String> = (0..9).map(|tag| format!("t{tag}")).collect();
    for count in [1, 4, 5, 9] {
        for of in &names[..count] {
            for (cache, users) in caches() {
                let options = SetOptions::new().tags(names[..count].iter().cloned());
                users
                    .set_with("7", "Ada".to_owned(), options)
                    .await
                    .unwrap();
                assert!(get(&users, "7").await.is_some());
                users
                    .invalidate_tags(Tags::any([of.as_str()]))
                    .await
                    .unwrap();
                assert_eq!(get(&users, "7").await, None, "{of} of {count}, {cache}");
            }
        }
    }
}

/// What is stored after an invalidation lasts, and is not invalidated by the next one of
/// another tag.
#[tokio::test]
async fn what_comes_after_is_valid() {
    for (cache, users) in caches() {
        for round in 0..3 {
            users.invalidate_tags(Tags::any(["t"])).await.unwrap();
            users.clear().await.unwrap();
            set(&users, "7", &["t"]).await;
            let remaining = users.ttl("7").await.unwrap().unwrap();
            assert_eq!(remaining.duration(), Some(TTL), "{cache}, round {round}");
            assert_eq!(get(&users, "7").await.as_deref(), Some("7"), "{cache}");
        }
    }
}

/// The loader's error is the caller's, also where an invalidation came between.
#[tokio::test]
async fn a_gone_value_is_no_fallback() {
    let world = World::new();
    let users = world.users();
    set(&users, "7", &["t"]).await;
    users.invalidate_tags(Tags::any(["t"])).await.unwrap();
    let failed = users.get_or_load("7", Database::new().fails("down")).await;
    assert_eq!(failed.unwrap_err().loader(), Some(&DbError("down")));
}
