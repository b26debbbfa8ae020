//! Changes that meet reads and loads under way, at every point where they can meet: whatever
//! the order, both tiers end with what the change said.

use std::time::Duration;

use larder_cache::TypedCache;
use larder_cache_core::{Error, ErrorKind, Result};
use larder_testkit::{Fault, Gate, Method};
use tokio::task::JoinHandle;

use crate::world::{Database, DbError, TTL, World, eventually};

/// The ways to change a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Set,
    SetMany,
    Delete,
    DeleteMany,
    PipelinedSet,
    PipelinedDelete,
    DeleteByPattern,
}

const CHANGES: [Change; 7] = [
    Change::Set,
    Change::SetMany,
    Change::Delete,
    Change::DeleteMany,
    Change::PipelinedSet,
    Change::PipelinedDelete,
    Change::DeleteByPattern,
];

impl Change {
    async fn make(self, users: &TypedCache<String>) -> Result<()> {
        let new = || "new".to_owned();
        match self {
            Self::Set => users.set("7", new()).await,
            Self::SetMany => users.set_many([("7", new()), ("8", new())]).await,
            Self::Delete => users.delete("7").await.map(drop),
            Self::DeleteMany => users.delete_many(["8", "7"]).await.map(drop),
            Self::PipelinedSet => first(users.pipeline().set("7", new()).run().await),
            Self::PipelinedDelete => first(users.pipeline().delete("7").run().await),
            Self::DeleteByPattern => users.delete_by_pattern("7*").await.map(drop),
        }
    }

    fn spawn(self, users: &TypedCache<String>) -> JoinHandle<Result<()>> {
        let users = users.clone();
        tokio::spawn(async move { self.make(&users).await })
    }

    /// What a key holds after it.
    fn leaves(self) -> Option<&'static str> {
        match self {
            Self::Set | Self::SetMany | Self::PipelinedSet => Some("new"),
            _ => None,
        }
    }

    /// The first backend call of it.
    fn first_method(self) -> Method {
        match self {
            Self::DeleteByPattern => Method::Scan,
            other => other.method(),
        }
    }

    /// The backend call that makes it.
    fn method(self) -> Method {
        match self {
            Self::Set | Self::SetMany => Method::Set,
            Self::PipelinedSet | Self::PipelinedDelete => Method::Pipeline,
            Self::Delete | Self::DeleteMany | Self::DeleteByPattern => Method::Delete,
        }
    }
}

fn first<T>(replies: Result<Vec<Result<T>>>) -> Result<()> {
    replies?.remove(0).map(drop)
}

/// The ways to load a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Single,
    Optional,
    Batch,
    Refresh,
}

const LOADS: [Load; 4] = [Load::Single, Load::Optional, Load::Batch, Load::Refresh];

impl Load {
    /// A world in which a load of "7" finds "loaded", and "old" is stored where it is to be
    /// refreshed.
    async fn world(self) -> World {
        let world = World::new();
        if self == Self::Refresh {
            world.users().set("7", "old".to_owned()).await.unwrap();
            world.clock.advance(TTL);
        }
        world
    }

    fn spawn(self, users: &TypedCache<String>, database: &Database) -> JoinHandle<String> {
        let (users, loader) = (users.clone(), database.finds::<String>("loaded"));
        tokio::spawn(async move {
            let loaded = match self {
                Self::Single | Self::Refresh => users.get_or_load("7", loader).await,
                Self::Optional => users.load("7").with(loader).await.map(Option::unwrap),
                Self::Batch => {
                    let loader = |_| async { loader().await.map(|value| [("7", value)]) };
                    let loaded = users.get_or_load_many(["7"], loader).await;
                    loaded.map(|mut values| values.remove("7").unwrap())
                }
            };
            loaded.unwrap().to_string()
        })
    }

    /// What its caller gets.
    fn answer(self) -> &'static str {
        match self {
            Self::Refresh => "old",
            _ => "loaded",
        }
    }
}

/// Both tiers hold this, and a reader of each gets it.
async fn check(world: &World, expected: Option<&str>, case: &str) {
    eventually("the end of all loads", || {
        world.cache.stats().background_tasks == 0
    })
    .await;
    for (tier, users) in [("L1", world.users()), ("L2", world.elsewhere())] {
        let found = users.get("7").await.unwrap();
        let found = found.as_deref().map(String::as_str);
        assert_eq!(found, expected, "{case}, {tier}");
    }
}

async fn same_in_both_tiers(world: &World, case: &str) -> Option<String> {
    let there = world.elsewhere().get("7").await.unwrap();
    let there = there.as_deref().map(String::as_str);
    check(world, there, case).await;
    there.map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn a_change_while_the_loader_runs_wins() {
    for load in LOADS {
        for change in CHANGES {
            let case = format!("{change:?} during {load:?}");
            let (world, database) = (load.world().await, Database::shut());
            let users = world.users();
            let loading = load.spawn(&users, &database);
            database.asked(1).await;
            change.make(&users).await.unwrap();
            database.open();
            assert_eq!(loading.await.unwrap(), load.answer(), "{case}");
            check(&world, change.leaves(), &case).await;
            let events = world.events.take();
            let refused = "refused Superseded 7".to_owned();
            assert!(events.contains(&refused), "{case}: {events:?}");
        }
    }
}

/// Whoever comes after a change gets what was loaded after it.
#[tokio::test(start_paused = true)]
async fn later_callers_do_not_join_earlier_loads() {
    for load in LOADS {
        for change in CHANGES {
            let case = format!("after {change:?} during {load:?}");
            let (world, database) = (load.world().await, Database::shut());
            let (users, later) = (world.users(), Database::new());
            let loading = load.spawn(&users, &database);
            database.asked(1).await;
            change.make(&users).await.unwrap();
            let found = users.get_or_load("7", later.finds("later")).await;
            let expected = change.leaves().unwrap_or("later");
            assert_eq!(*found.unwrap(), expected, "{case}");
            database.open();
            loading.await.unwrap();
            check(&world, Some(expected), &case).await;
        }
    }
}

/// The same where the load still reads the backend.
#[tokio::test(start_paused = true)]
async fn later_callers_do_not_join_earlier_reads() {
    for load in [Load::Single, Load::Optional, Load::Batch] {
        for change in CHANGES {
            let case = format!("after {change:?} during the read of {load:?}");
            let (world, database) = (World::new(), Database::new());
            world.elsewhere().set("7", "old".to_owned()).await.unwrap();
            let users = world.users();
            let mut read = world.chaos.gate_reply(Method::Get);
            let loading = load.spawn(&users, &database);
            read.arrived().await;
            change.make(&users).await.unwrap();
            let found = users.get_or_load("7", database.finds("later")).await;
            let expected = change.leaves().unwrap_or("later");
            assert_eq!(*found.unwrap(), expected, "{case}");
            read.release();
            assert_eq!(loading.await.unwrap(), "old", "{case}: it began before");
            check(&world, Some(expected), &case).await;
        }
    }
}

/// A fill that is on its way when a change is made is void if it comes later, and outdated
/// if it came before.
#[tokio::test(start_paused = true)]
async fn a_change_wins_over_a_fill_under_way() {
    type Hold = fn(&World) -> Gate;
    let holds: [(&str, Hold); 2] = [
        ("before", |world| world.chaos.gate(Method::Fill)),
        ("after", |world| world.chaos.gate_reply(Method::Fill)),
    ];
    for load in LOADS {
        for change in CHANGES {
            for (place, hold) in holds {
                let case = format!("{change:?} during the fill of {load:?}, held {place}");
                let (world, database) = (load.world().await, Database::new());
                let users = world.users();
                let mut fill = hold(&world);
                let loading = load.spawn(&users, &database);
                fill.arrived().await;
                change.make(&users).await.unwrap();
                fill.release();
                assert_eq!(loading.await.unwrap(), load.answer(), "{case}");
                check(&world, change.leaves(), &case).await;
            }
        }
    }
}

/// A fill while a change is on its way: the change comes last.
#[tokio::test(start_paused = true)]
async fn a_fill_while_a_change_is_on_its_way() {
    for load in LOADS {
        for change in CHANGES {
            let case = format!("the fill of {load:?} while {change:?} is on its way");
            let (world, database) = (load.world().await, Database::shut());
            let users = world.users();
            let loading = load.spawn(&users, &database);
            database.asked(1).await;
            let mut sent = world.chaos.gate(change.first_method());
            let changing = change.spawn(&users);
            sent.arrived().await;
            database.open();
            assert_eq!(loading.await.unwrap(), load.answer(), "{case}");
            eventually("the end of the load", || {
                world.cache.stats().background_tasks == 0
            })
            .await;
            sent.release();
            changing.await.unwrap().unwrap();
            check(&world, change.leaves(), &case).await;
        }
    }
}

/// A whole load while a change is on its way: the change comes last.
#[tokio::test(start_paused = true)]
async fn a_load_while_a_change_is_on_its_way() {
    for load in [Load::Single, Load::Optional, Load::Batch] {
        for change in CHANGES {
            let case = format!("{load:?} while {change:?} is on its way");
            let (world, database) = (World::new(), Database::new());
            let users = world.users();
            let mut sent = world.chaos.gate(change.first_method());
            let changing = change.spawn(&users);
            sent.arrived().await;
            let loaded = load.spawn(&users, &database).await.unwrap();
            assert_eq!(loaded, "loaded", "{case}");
            sent.release();
            changing.await.unwrap().unwrap();
            check(&world, change.leaves(), &case).await;
        }
    }
}

/// A whole load between a change and its acknowledgement sees the change.
#[tokio::test(start_paused = true)]
async fn a_load_before_a_change_is_acknowledged() {
    for load in [Load::Single, Load::Optional, Load::Batch] {
        for change in CHANGES {
            let case = format!("{load:?} before the acknowledgement of {change:?}");
            let (world, database) = (World::new(), Database::new());
            world.elsewhere().set("7", "old".to_owned()).await.unwrap();
            let users = world.users();
            let mut made = world.chaos.gate_reply(change.method());
            let changing = change.spawn(&users);
            made.arrived().await;
            let loaded = load.spawn(&users, &database).await.unwrap();
            assert_eq!(loaded, change.leaves().unwrap_or("loaded"), "{case}");
            made.release();
            changing.await.unwrap().unwrap();
            let found = same_in_both_tiers(&world, &case).await;
            assert_eq!(found, Some(loaded), "{case}");
        }
    }
}

/// A reply that was read before a change must not enter L1 after it.
#[tokio::test(start_paused = true)]
async fn a_late_reply_does_not_enter_l1() {
    for change in CHANGES {
        for read in ["get", "get_many", "get_or_load", "pipeline"] {
            let case = format!("{read} answered after {change:?}");
            let world = World::new();
            world.elsewhere().set("7", "old".to_owned()).await.unwrap();
            let users = world.users();
            let method = if read == "pipeline" {
                Method::Pipeline
            } else {
                Method::Get
            };
            let mut reply = world.chaos.gate_reply(method);
            let reading = tokio::spawn({
                let (users, database) = (users.clone(), Database::new());
                async move {
                    match read {
                        "get" => users.get("7").await.unwrap(),
                        "get_many" => users.get_many(["7"]).await.unwrap().remove("7"),
                        "get_or_load" => {
                            let loaded = users.get_or_load("7", database.finds("loaded"));
                            Some(loaded.await.unwrap())
                        }
                        _ => {
                            let replies = users.pipeline().get("7").run().await;
                            replies.unwrap().remove(0).unwrap().into_value()
                        }
                    }
                }
            });
            reply.arrived().await;
            change.make(&users).await.unwrap();
            reply.release();
            let read = reading.await.unwrap();
            assert_eq!(read.as_deref().map(String::as_str), Some("old"), "{case}");
            check(&world, change.leaves(), &case).await;
        }
    }
}

/// Whether a change whose caller went away was made or not, L1 does not contradict L2.
#[tokio::test(start_paused = true)]
async fn a_cancelled_change_leaves_nothing_outdated() {
    for change in CHANGES {
        for made in [false, true] {
            let case = format!("{change:?}, made: {made}");
            let world = World::new();
            let users = world.users();
            users.set("7", "old".to_owned()).await.unwrap();
            let mut gate = if made {
                world.chaos.gate_reply(change.method())
            } else {
                world.chaos.gate(change.method())
            };
            let changing = change.spawn(&users);
            gate.arrived().await;
            changing.abort();
            assert!(changing.await.unwrap_err().is_cancelled());
            gate.release();
            // Nobody knows, so it was made up for.
            check(&world, None, &case).await;
        }
    }
}

/// The same where the call failed.
#[tokio::test(start_paused = true)]
async fn a_failed_change_leaves_nothing_outdated() {
    let broken = || Error::new(ErrorKind::Connection, "the connection broke");
    for change in CHANGES {
        for (made, fault) in [
            (false, Fault::Error(broken())),
            (true, Fault::LostReply(broken())),
        ] {
            let case = format!("{change:?}, made: {made}");
            let world = World::new();
            let users = world.users();
            users.set("7", "old".to_owned()).await.unwrap();
            world.chaos.on(change.method()).next(1, fault);
            let failed = change.make(&users).await.unwrap_err();
            assert_eq!(failed.kind(), ErrorKind::Connection, "{case}");
            check(&world, None, &case).await;
            assert_eq!(users.stats().deleted, 0, "{case}");
        }
    }
}

/// Of two setters the one that reached the backend last wins, in both tiers, whoever is
/// answered last.
#[tokio::test(start_paused = true)]
async fn crossing_sets_end_with_what_the_backend_has() {
    for (held, expected) in [("on its way", "one"), ("on its way back", "two")] {
        let world = World::new();
        let users = world.users();
        let mut gate = match held {
            "on its way" => world.chaos.gate(Method::Set),
            _ => world.chaos.gate_reply(Method::Set),
        };
        let one = tokio::spawn({
            let users = users.clone();
            async move { users.set("7", "one".to_owned()).await }
        });
        gate.arrived().await;
        users.set("7", "two".to_owned()).await.unwrap();
        gate.release();
        one.await.unwrap().unwrap();
        check(&world, Some(expected), held).await;
    }
}

/// Moving the expiry is a change as well: L1 must not keep the old one.
#[tokio::test(start_paused = true)]
async fn expire_outdates_l1() {
    for pipelined in [false, true] {
        let world = World::new();
        let users = world.users();
        users.set("7", "old".to_owned()).await.unwrap();
        let ttl = Duration::from_secs(5);
        if pipelined {
            users.pipeline().expire("7", ttl).run().await.unwrap();
        } else {
            assert!(users.expire("7", ttl).await.unwrap());
        }
        check(&world, Some("old"), "before").await;
        world.clock.advance(ttl);
        check(&world, None, "after").await;
    }
}

/// What happens in one namespace is no reason to refuse the fills of another.
#[tokio::test(start_paused = true)]
async fn namespaces_do_not_refuse_each_others_fills() {
    let (world, database) = (World::new(), Database::shut());
    let (users, remote) = (world.users(), world.typed::<String>("remote"));
    let loading = Load::Single.spawn(&users, &database);
    database.asked(1).await;
    remote.delete_by_pattern("*").await.unwrap();
    world
        .cache
        .update_namespace("remote", |n| n.jitter(0.5))
        .unwrap();
    database.open();
    assert_eq!(loading.await.unwrap(), "loaded");
    check(&world, Some("loaded"), "another namespace's change").await;
}

#[tokio::test(start_paused = true)]
async fn new_settings_refuse_the_fills_of_earlier_loads() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    users.set("8", "old".to_owned()).await.unwrap();
    let loading = Load::Single.spawn(&users, &database);
    database.asked(1).await;
    world
        .cache
        .update_namespace("users", |n| n.prefix("persons"))
        .unwrap();
    database.open();
    assert_eq!(loading.await.unwrap(), "loaded");
    assert_eq!(users.get("7").await.unwrap(), None);
    assert_eq!(
        users.get("8").await.unwrap(),
        None,
        "it stands under the old prefix"
    );
    let events = world.events.take();
    assert!(
        events.contains(&"refused Superseded 7".to_owned()),
        "{events:?}"
    );
}

/// While one caller refreshes, a batch is served the stale value, and does not load it again.
#[tokio::test(start_paused = true)]
async fn a_batch_leaves_a_refresh_to_whoever_does_it() {
    let (world, slow) = (Load::Refresh.world().await, Database::shut());
    let users = world.users();
    let refreshed = Load::Refresh.spawn(&users, &slow).await.unwrap();
    assert_eq!(refreshed, "old");
    slow.asked(1).await;
    let loader = |_: Vec<&'static str>| async { Ok::<_, DbError>([("7", "twice".to_owned())]) };
    let loaded = users.get_or_load_many(["7"], loader).await.unwrap();
    assert_eq!(*loaded["7"], "old");
    slow.open();
    check(&world, Some("loaded"), "the refresh alone").await;
}
