//! The driver against a server whose every byte is written by the test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_cache_core::{Key, KeyPrefix, Moment, Watch, Watcher};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep, timeout};

use super::queue::STRAIGHT_THROUGH;
use super::request::{Answer, Frames, Unanswered};
use super::{Asker, Ending, connection, word, words};
use crate::tracking::Tracking;

struct Scene {
    asker: Asker,
    server: DuplexStream,
    driver: JoinHandle<Ending>,
}

fn scene(joins_gets: bool) -> Scene {
    let (ours, server) = duplex(1 << 20);
    let (asker, driver) = connection(ours, Arc::default());
    asker.join_gets(joins_gets);
    let driver = tokio::spawn(driver);
    Scene {
        asker,
        server,
        driver,
    }
}

type Caller = JoinHandle<Answer>;

impl Scene {
    /// A caller who has asked, in this moment.
    async fn get(&self, name: &str) -> Caller {
        self.get_by(name, None).await
    }

    async fn get_by(&self, name: &str, deadline: Option<Instant>) -> Caller {
        let (asker, key) = (self.asker.clone(), key(name));
        let caller = tokio::spawn(async move { asker.get(&key, deadline).await });
        yield_now().await;
        caller
    }

    async fn command(&self, text: &str) -> Caller {
        let (asker, bytes) = (self.asker.clone(), command(text));
        let caller =
            tokio::spawn(async move { asker.commands(|out| out.extend(bytes), 1, None).await });
        yield_now().await;
        caller
    }

    /// So many callers under way, whose requests the server has read and not answered.
    async fn under_way(&mut self, count: usize) -> Vec<Caller> {
        let mut callers = Vec::new();
        for number in 0..count {
            let name = number.to_string();
            callers.push(self.get(&name).await);
            self.receives(&[&format!("GET {}", key(&name).as_str())])
                .await;
        }
        callers
    }

    /// Exactly these commands arrive, and in this order.
    async fn receives(&mut self, commands: &[&str]) {
        let expected: Vec<u8> = commands.iter().flat_map(|text| command(text)).collect();
        let mut received = vec![0; expected.len()];
        let read = self.server.read_exact(&mut received);
        timeout(Duration::from_secs(5), read)
            .await
            .expect("too little was sent")
            .unwrap();
        assert_eq!(
            received.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }

    async fn receives_nothing(&mut self) {
        let mut byte = [0];
        let read = timeout(Duration::from_millis(30), self.server.read(&mut byte)).await;
        assert!(read.is_err(), "something was sent: {byte:?}");
    }

    async fn answers(&mut self, bytes: &str) {
        self.server.write_all(bytes.as_bytes()).await.unwrap();
    }
}

fn key(name: &str) -> Key {
    KeyPrefix::new("t").unwrap().value("n", name).unwrap()
}

fn command(text: &str) -> Vec<u8> {
    let all: Vec<&str> = text.split(' ').collect();
    let mut bytes = Vec::new();
    words(&mut bytes, all.len());
    all.iter()
        .for_each(|text| word(&mut bytes, text.as_bytes()));
    bytes
}

async fn answer(caller: Caller) -> Answer {
    let told = timeout(Duration::from_secs(5), caller).await;
    told.expect("the caller hangs").unwrap()
}

async fn text(caller: Caller) -> String {
    match answer(caller).await.unwrap() {
        Frames::One(frame) => String::from_utf8(frame.string().unwrap().unwrap().to_vec()).unwrap(),
        Frames::Several(_) => panic!("several replies"),
    }
}

#[tokio::test]
async fn while_few_are_under_way_nobody_waits() {
    let mut scene = scene(true);
    let callers = scene.under_way(STRAIGHT_THROUGH).await;
    for (number, caller) in callers.into_iter().enumerate() {
        scene.answers(&format!("$2\r\n{number:02}\r\n")).await;
        assert_eq!(text(caller).await, format!("{number:02}"));
    }
}

#[tokio::test]
async fn above_that_requests_wait_for_as_many_as_are_under_way() {
    let mut scene = scene(true);
    let _under_way = scene.under_way(STRAIGHT_THROUGH).await;
    let mut waiting = Vec::new();
    for number in 1..STRAIGHT_THROUGH {
        waiting.push(scene.get(&format!("w{number}")).await);
    }
    scene.receives_nothing().await;
    waiting.push(scene.get("last").await);
    let mut joined = "MGET".to_owned();
    for number in 1..STRAIGHT_THROUGH {
        joined.push_str(&format!(" t:n:w{number}"));
    }
    joined.push_str(" t:n:last");
    scene.receives(&[&joined]).await;
}

#[tokio::test]
async fn what_waits_leaves_when_replies_come() {
    let mut scene = scene(true);
    let _under_way = scene.under_way(STRAIGHT_THROUGH).await;
    let waiting = [
        scene.get("a").await,
        scene.get("b").await,
        scene.get("c").await,
    ];
    scene.receives_nothing().await;
    scene.answers(&"_\r\n".repeat(STRAIGHT_THROUGH)).await;
    scene.receives(&["MGET t:n:a t:n:b t:n:c"]).await;
    scene
        .answers("*3\r\n$1\r\nA\r\n$1\r\nB\r\n$1\r\nC\r\n")
        .await;
    let mut texts = Vec::new();
    for caller in waiting {
        texts.push(text(caller).await);
    }
    assert_eq!(texts, ["A", "B", "C"]);
}

/// A read after a write must not see what was before it, nor a read before it what came
/// after.
#[tokio::test]
async fn reads_are_not_joined_across_a_write() {
    let mut scene = scene(true);
    let _under_way = scene.under_way(STRAIGHT_THROUGH).await;
    for name in ["a", "b", "c"] {
        scene.get(name).await;
    }
    scene.command("UNLINK t:n:a").await;
    for name in ["a", "b"] {
        scene.get(name).await;
    }
    scene.answers("_\r\n").await;
    scene
        .receives(&[
            "MGET t:n:a t:n:b t:n:c",
            "UNLINK t:n:a",
            "GET t:n:a",
            "GET t:n:b",
        ])
        .await;
}

#[tokio::test]
async fn a_cluster_gets_no_joined_reads() {
    let mut scene = scene(false);
    let _under_way = scene.under_way(STRAIGHT_THROUGH).await;
    for name in ["a", "b", "c"] {
        scene.get(name).await;
    }
    scene.answers("_\r\n").await;
    scene
        .receives(&["GET t:n:a", "GET t:n:b", "GET t:n:c"])
        .await;
}

#[tokio::test]
async fn a_request_dropped_in_time_is_not_sent() {
    let mut scene = scene(true);
    let _under_way = scene.under_way(STRAIGHT_THROUGH).await;
    let dropped = scene.command("SET t:n:a 1").await;
    let kept = scene.command("SET t:n:b 2").await;
    dropped.abort();
    yield_now().await;
    scene.answers("_\r\n").await;
    scene.receives(&["SET t:n:b 2"]).await;
    scene.answers(&"_\r\n".repeat(STRAIGHT_THROUGH - 1)).await;
    scene.answers("+OK\r\n").await;
    assert!(matches!(answer(kept).await, Ok(Frames::One(_))));
}

/// The reply to a request that was given up goes to nobody else.
#[tokio::test]
async fn a_late_reply_is_nobody_elses() {
    let mut scene = scene(true);
    let soon = Instant::now() + Duration::from_millis(20);
    let late = scene.get_by("late", Some(soon)).await;
    let gone = scene.get("gone").await;
    let next = scene.get("next").await;
    scene
        .receives(&["GET t:n:late", "GET t:n:gone", "GET t:n:next"])
        .await;
    assert!(matches!(answer(late).await, Err(Unanswered::Late)));
    assert!(Instant::now() < soon + Duration::from_millis(500));
    gone.abort();
    yield_now().await;
    scene.answers("$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n").await;
    assert_eq!(text(next).await, "3");
}

#[tokio::test]
async fn a_request_that_waits_too_long_is_not_sent() {
    let mut scene = scene(true);
    let _under_way = scene.under_way(STRAIGHT_THROUGH).await;
    let soon = Instant::now() + Duration::from_millis(20);
    let late = scene.get_by("late", Some(soon)).await;
    assert!(matches!(answer(late).await, Err(Unanswered::NeverSent)));
    scene.answers("_\r\n").await;
    scene.receives_nothing().await;
}

#[tokio::test]
async fn replies_may_come_in_pieces() {
    let mut scene = scene(true);
    let waiting = [
        scene.get("a").await,
        scene.get("b").await,
        scene.get("c").await,
    ];
    for byte in "$1\r\nA\r\n>1\r\n+push\r\n$1\r\nB\r\n$1\r\nC\r\n".chars() {
        scene.answers(&byte.to_string()).await;
        yield_now().await;
    }
    let mut texts = Vec::new();
    for caller in waiting {
        texts.push(text(caller).await);
    }
    assert_eq!(texts, ["A", "B", "C"]);
}

#[tokio::test]
async fn a_refusal_of_a_joined_read_goes_to_all() {
    let mut scene = scene(true);
    let under_way = scene.under_way(STRAIGHT_THROUGH).await;
    let waiting = [
        scene.get("a").await,
        scene.get("b").await,
        scene.get("c").await,
    ];
    scene.answers(&"_\r\n".repeat(under_way.len())).await;
    scene.receives(&["MGET t:n:a t:n:b t:n:c"]).await;
    scene.answers("-LOADING wait\r\n").await;
    for caller in waiting {
        match answer(caller).await.unwrap() {
            Frames::One(frame) => assert_eq!(frame.refusal().unwrap().code(), "LOADING"),
            Frames::Several(_) => panic!("several replies"),
        }
    }
}

#[tokio::test]
async fn all_are_told_when_the_connection_ends() {
    let mut scene = scene(true);
    let sent = scene.under_way(STRAIGHT_THROUGH).await;
    let waiting = scene.get("waiting").await;
    drop(scene.server);
    for caller in sent {
        assert!(matches!(answer(caller).await, Err(Unanswered::Broken(_))));
    }
    assert!(matches!(
        answer(waiting).await,
        Err(Unanswered::NeverSentOn(_))
    ));
    assert!(matches!(scene.driver.await.unwrap(), Ending::Broken(_)));
    let after = scene.asker.get(&key("after"), None).await;
    assert!(matches!(after, Err(Unanswered::NeverSentOn(Some(_)))));
}

#[tokio::test]
async fn all_are_told_when_the_driver_is_dropped() {
    let mut scene = scene(true);
    let sent = scene.under_way(1).await.remove(0);
    scene.driver.abort();
    assert!(matches!(answer(sent).await, Err(Unanswered::Broken(None))));
    let after = scene.asker.get(&key("after"), None).await;
    assert!(matches!(after, Err(Unanswered::NeverSentOn(None))));
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Watcher for Heard {
    fn changed(&self, key: &[u8]) {
        let key = String::from_utf8(key.into()).unwrap();
        self.0.lock().unwrap().push(key);
    }

    fn changed_all(&self) {
        self.0.lock().unwrap().push("all".into());
    }

    fn told_until(&self, _: Moment) {}

    fn may_have_forgotten(&self) {}
}

/// Whoever has an answer can be sure that all news that came before it has been told.
#[tokio::test]
async fn news_is_told_before_the_answers_behind_it() {
    let (ours, mut server) = duplex(1 << 20);
    let (heard, tracking) = (Arc::new(Heard::default()), Arc::<Tracking>::default());
    let watcher = Arc::downgrade(&heard) as _;
    let prefixes = Vec::new();
    tracking.register(Watch { prefixes, watcher });
    let (asker, driver) = connection(ours, tracking);
    let driver = tokio::spawn(driver);
    for round in 0..3 {
        let (asker, key) = (asker.clone(), key("a"));
        let caller = tokio::spawn(async move { asker.get(&key, None).await });
        let mut asked = vec![0; command("GET t:n:a").len()];
        server.read_exact(&mut asked).await.unwrap();
        let news = ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n>2\r\n+invalidate\r\n_\r\n";
        for byte in format!("{news}$1\r\nA\r\n").bytes() {
            server.write_all(&[byte]).await.unwrap();
            yield_now().await;
        }
        caller.await.unwrap().unwrap();
        assert_eq!(heard.0.lock().unwrap().len(), 2 * (round + 1));
    }
    assert_eq!(heard.0.lock().unwrap()[..2], ["k", "all"]);
    driver.abort();
}

async fn check_ends_the_connection(reply: &str, expected: &str) {
    let mut scene = scene(true);
    let caller = scene.under_way(1).await.remove(0);
    scene.answers("_\r\n").await;
    answer(caller).await.unwrap();
    scene.answers(reply).await;
    match scene.driver.await.unwrap() {
        Ending::Malformed(why) => assert!(why.to_string().contains(expected), "{why}"),
        Ending::Broken(why) => panic!("{why}"),
    }
}

#[tokio::test]
async fn replies_that_make_no_sense_end_the_connection() {
    check_ends_the_connection("+OK\r\n", "what was not asked").await;
    check_ends_the_connection("HTTP/1.1 200 OK\r\n", "begins no reply").await;
    check_ends_the_connection("$-7\r\n", "length").await;
    check_ends_the_connection("*99999999999\r\n", "length").await;
    check_ends_the_connection(">1\r\n+invalidate\r\n", "without keys").await;
}

#[tokio::test]
async fn more_requests_than_the_limit_are_refused() {
    let mut scene = scene(true);
    let _under_way = scene.under_way(STRAIGHT_THROUGH).await;
    let mut refused = 0;
    let large = "x".repeat(1 << 20);
    for _ in 0..60 {
        let caller = scene.command(&format!("SET k {large}")).await;
        sleep(Duration::ZERO).await;
        if caller.is_finished() {
            assert!(matches!(answer(caller).await, Err(Unanswered::Full)));
            refused += 1;
        }
    }
    assert!(refused > 0, "32 MiB may wait, not 60");
}
