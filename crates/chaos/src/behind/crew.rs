//! The parent of programs that write behind: starts them, kills them, and keeps the books.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use futures_util::future::try_join_all;
use larder_testkit::RedisServer;
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::{Duration, Instant, sleep, timeout};

use super::books::Books;
use super::messages::Task;
use crate::Failure;
use crate::admin::{self, Admin};
use crate::fleet::{Answer, Answers, Order, Process, Signal};
use crate::progress::Progress;

/// What is killed, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Each of them writes its updates; the first life.
    pub(crate) members: Vec<Task>,
    /// How often each of them is killed.
    pub(crate) kills: usize,
    pub(crate) server_kills: usize,
    pub(crate) moment: Moment,
}

/// When Redis is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// At any time.
    Any,
    /// Right after it has synced its log. While it does so, it answers and writes nothing to the
    /// log, for two seconds at most.
    BetweenSyncs,
}

/// The programs of a run.
#[derive(Debug)]
pub(crate) struct Crew {
    books: Arc<Mutex<Books>>,
    /// Whoever kills: one at a time.
    turn: tokio::sync::Mutex<()>,
    progress: Progress,
}

/// A program, and who listens to it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) process: Process,
    listener: JoinHandle<()>,
}

/// A program that acknowledges nothing for so long does not go on.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(2);

/// Redis syncs every second.
const SYNC_SEEN_WITHIN: Duration = Duration::from_secs(5);
const SHORT_SYNC: Duration = Duration::from_millis(500);

/// A kill comes so long after the acknowledgement that it waited for, at most.
const LATEST_KILL: Duration = Duration::from_millis(30);

impl Crew {
    pub(crate) fn new(progress: Progress) -> Self {
        Self {
            books: Arc::default(),
            turn: tokio::sync::Mutex::default(),
            progress,
        }
    }

    /// Carries a plan out, and says what was told until all had ended in order.
    pub(crate) async fn run(
        self,
        plan: Plan,
        server: Option<&mut RedisServer>,
        mut rng: Rng,
    ) -> Result<Books, Failure> {
        let updates = plan.members.iter().map(|task| task.updates).sum();
        let lives = plan.members.iter().map(|task| {
            let rng = rng.fork();
            self.live(task.clone(), plan.kills, rng)
        });
        let lives = try_join_all(lives.collect::<Vec<_>>());
        let servers = self.kill_server(server, &plan, updates, rng.fork());
        let (members, ()) = tokio::try_join!(lives, servers)?;
        for (task, member) in plan.members.iter().zip(&members) {
            self.until("written", member, |books| {
                books.written.contains(&task.member)
            })
            .await?;
        }
        for member in members {
            self.stop(member).await?;
        }
        Ok(self.books().clone())
    }

    /// Starts a program, and returns when it writes.
    pub(crate) async fn start(&self, task: Task) -> Result<Member, Failure> {
        let member = task.member;
        let (process, mut answers) = Process::spawn(&Order::Behind(task)).await?;
        match answers.expect(PATIENCE).await? {
            Answer::Ready => {}
            other => return Err(format!("a program said {other:?}").into()),
        }
        let books = Arc::clone(&self.books);
        let listener = tokio::spawn(async move {
            if let Err(failure) = listen(answers, member, &books).await {
                lock(&books).failures.push(failure.to_string());
            }
        });
        Ok(Member { process, listener })
    }

    /// Has a program end in order.
    pub(crate) async fn stop(&self, mut member: Member) -> Result<(), Failure> {
        member.process.signal(Signal::Stop).await?;
        self.end(member).await
    }

    /// Waits until a program that was told to end has ended.
    pub(crate) async fn end(&self, member: Member) -> Result<(), Failure> {
        timeout(PATIENCE, member.listener)
            .await
            .map_err(|_| "a program does not end")??;
        member.process.end().await
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// Waits for something that the books are to say.
    pub(crate) async fn until(
        &self,
        what: &str,
        member: &Member,
        is_so: impl Fn(&Books) -> bool,
    ) -> Result<(), Failure> {
        let (mut began, mut total) = (Instant::now(), 0);
        while !is_so(&self.books()) {
            let now = self.books().total();
            if now != total {
                (began, total) = (Instant::now(), now);
            }
            if member.listener.is_finished() || began.elapsed() > PATIENCE {
                let failures = self.books().failures.join("; ");
                return Err(format!("waited for `{what}` in vain: {failures}").into());
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// The lives of a program: each but the last ends with a kill, when it has had so many
    /// updates acknowledged, and at least one in this life.
    async fn live(&self, task: Task, kills: usize, mut rng: Rng) -> Result<Member, Failure> {
        let (number, updates) = (task.member, task.updates);
        let mut member = self.start(task.clone()).await?;
        for (kill, moment) in moments(updates, kills, &mut rng).into_iter().enumerate() {
            let moment = moment.max(self.books().count(number) + 1);
            self.until("acknowledged", &member, |books| {
                books.count(number) >= moment
            })
            .await?;
            let _turn = self.turn.lock().await;
            sleep(LATEST_KILL.mul_f64(rng.f64())).await;
            member.process.kill().await?;
            member.listener.await?;
            let told = self.books().count(number);
            if kill.is_multiple_of(10) {
                let words = format!("program {number} killed after {told} of {updates} updates");
                self.progress.say(&words);
            }
            let mut next = task.clone();
            next.life = u32::try_from(kill)? + 1;
            next.updates = updates.saturating_sub(told).max(1);
            // An earlier life may have had nothing left to do when it was killed.
            self.books().written.retain(|member| *member != number);
            member = self.start(next).await?;
        }
        Ok(member)
    }

    async fn kill_server(
        &self,
        server: Option<&mut RedisServer>,
        plan: &Plan,
        updates: u64,
        mut rng: Rng,
    ) -> Result<(), Failure> {
        let Some(server) = server else {
            return Ok(());
        };
        for moment in moments(updates, plan.server_kills, &mut rng) {
            let moment = moment.max(self.books().total() + 1);
            let began = Instant::now();
            while self.books().total() < moment {
                if began.elapsed() > PATIENCE * 2 {
                    return Err("nothing was acknowledged before a kill of Redis".into());
                }
                sleep(LOOK).await;
            }
            let _turn = self.turn.lock().await;
            sleep(LATEST_KILL.mul_f64(rng.f64())).await;
            if plan.moment == Moment::BetweenSyncs {
                after_a_sync(server.port()).await?;
            }
            self.books().server_kills.push(Instant::now());
            self.progress.say("SIGKILL for Redis");
            server.kill();
            restart(server).await?;
        }
        Ok(())
    }
}

/// Starts a server that was killed, and waits until it has read its log.
pub(crate) async fn restart(server: &mut RedisServer) -> Result<(), Failure> {
    block_in_place(|| server.restart())?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let info = admin::ask(server.port(), "INFO persistence").await?;
        if info.contains("\nloading:0") {
            return Ok(());
        }
        sleep(LOOK).await;
    }
    Err("Redis is loading for ever".into())
}

/// Waits for the end of a sync of the log; the next one begins a second after the beginning of
/// this. One that nobody has seen for so long is too short to be met.
async fn after_a_sync(port: u16) -> Result<(), Failure> {
    let mut admin = Admin::open(port).await?;
    let (asked, mut began) = (Instant::now(), None);
    while asked.elapsed() < SYNC_SEEN_WITHIN {
        let info = admin.ask("INFO persistence").await?;
        let is_syncing = info.contains("aof_pending_bio_fsync:1");
        match began {
            None if is_syncing => began = Some(Instant::now()),
            Some(since) if !is_syncing => {
                let since: Instant = since;
                if since.elapsed() < SHORT_SYNC {
                    return Ok(());
                }
                began = None;
            }
            _ => {}
        }
    }
    Ok(())
}

/// In between the first and the last updates, in order.
fn moments(updates: u64, kills: usize, rng: &mut Rng) -> Vec<u64> {
    let mut moments: Vec<u64> = (0..kills).map(|_| rng.u64(1..updates.max(2))).collect();
    moments.sort_unstable();
    for moment in &mut moments {
        *moment = *moment * 9 / 10;
    }
    moments
}

async fn listen(mut answers: Answers, member: u32, books: &Mutex<Books>) -> Result<(), Failure> {
    while let Some(answer) = answers.next().await? {
        match answer {
            Answer::Behind(report) => lock(books).enter(member, report),
            other => return Err(format!("program {member} said {other:?}").into()),
        }
    }
    Ok(())
}

fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}
