//! What a server refuses, and what it never answers: told as it is, and sent once.

use std::time::Duration;

use async_trait::async_trait;
use larder::{Backend, Error, ErrorKind, RedisBackend, RedisConfig};
use larder_cache_core::{Call, Condition, Key};
use larder_testkit::{NetworkFault, RedisServer};
use tokio::time::{Instant, sleep};

use super::{millis, seconds};
use crate::admin::{self, Admin};
use crate::measure::Recovery;
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::DEADLINE;
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) fn all() -> Vec<Box<dyn Scenario>> {
    let refusals = REFUSALS
        .iter()
        .map(|refusal| Box::new(refusal) as Box<dyn Scenario>);
    refusals
        .chain([Box::new(LostReplies) as Box<dyn Scenario>])
        .collect()
}

/// An error of the server, and how to get it.
struct Refusal {
    name: &'static str,
    code: &'static str,
    args: &'static [&'static str],
    provoke: &'static [&'static str],
    undo: &'static [&'static str],
    call: Kind,
    passes: bool,
    expected: ErrorKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    /// Only where the key does not exist: another try would have another answer.
    Write,
}

const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "readonly",
        code: "READONLY",
        provoke: &["REPLICAOF 127.0.0.1 1"],
        undo: &["REPLICAOF NO ONE"],
        passes: true,
        ..PLAIN
    },
    Refusal {
        name: "masterdown",
        code: "MASTERDOWN",
        provoke: &[
            "CONFIG SET replica-serve-stale-data no",
            "REPLICAOF 127.0.0.1 1",
        ],
        undo: &["REPLICAOF NO ONE"],
        call: Kind::Read,
        passes: true,
        ..PLAIN
    },
    Refusal {
        name: "noreplicas",
        code: "NOREPLICAS",
        provoke: &["CONFIG SET min-replicas-to-write 1"],
        undo: &["CONFIG SET min-replicas-to-write 0"],
        passes: true,
        ..PLAIN
    },
    Refusal {
        name: "misconf",
        code: "MISCONF",
        args: &["--save", "3600 1"],
        provoke: &["BGSAVE"],
        undo: &["CONFIG SET stop-writes-on-bgsave-error no"],
        ..PLAIN
    },
    Refusal {
        name: "busy",
        code: "BUSY",
        args: &["--lua-time-limit", "100"],
        provoke: &["EVAL repeat(type)(1)until(false) 0"],
        undo: &["SCRIPT KILL"],
        passes: true,
        ..PLAIN
    },
    Refusal {
        name: "noperm",
        code: "NOPERM",
        provoke: &["ACL SETUSER default -set"],
        undo: &["ACL SETUSER default +set"],
        expected: ErrorKind::Auth,
        ..PLAIN
    },
];

const PLAIN: Refusal = Refusal {
    name: "",
    code: "",
    args: &[],
    provoke: &[],
    undo: &[],
    call: Kind::Write,
    passes: false,
    expected: ErrorKind::Server,
};

const CALLS: usize = 20;
const RECOVERY: Duration = seconds(2);

/// Until the server is in trouble: it saves in another process, and is patient with scripts.
const TROUBLE: Duration = millis(400);

#[async_trait]
impl Scenario for &'static Refusal {
    fn facts(&self) -> Facts {
        let criterion = "classified; sent once; recovery <= 2 s";
        facts(self.name, criterion)
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(self.args)?;
        let backend = rig::backend(RedisConfig::new(server.url())).await?;
        let key = rig::key("refused")?;
        call(&backend, &key, self.call).await?;
        stage.progress.say(self.code);
        let before = seen(&server, self.call).await?;
        self.begin(&server).await?;
        let errors = self.errors(&backend, &key).await;
        self.end(&server).await?;
        let seen = seen(&server, self.call).await? - before;
        let recovery = recovery(&backend, &key, self.call).await;
        let by_server = |error: &&Error| {
            error
                .to_string()
                .contains(&format!("answer: {}", self.code))
        };
        let answered = errors.iter().filter(by_server).count();
        backend.close().await;
        let first = errors.first();
        let verdict = Verdict {
            operations: CALLS as u64,
            recovery: Some(recovery),
            ..Verdict::default()
        };
        Ok(verdict
            .with(Check::equal("failed calls", errors.len(), CALLS))
            .with(Check::that(
                "the first error is of the code",
                first.is_some_and(|error| by_server(&error)),
                first.map_or("no error".to_owned(), ToString::to_string),
            ))
            .with(Check::that(
                "its kind is right",
                first.is_some_and(|error| error.kind() == self.expected),
                format!("{:?}", first.map(Error::kind)),
            ))
            .with(Check::that(
                "whether it passes is right",
                first.is_some_and(|error| error.is_transient() == self.passes),
                !self.passes,
            ))
            .with(Check::that(
                "it is known to have had no effect",
                first.is_some_and(Error::is_replay_safe),
                "not known",
            ))
            .with(Check::at_least("calls refused by the server", answered, 1))
            .with(sent_once(seen, answered))
            .with(Check::recovery(recovery, RECOVERY)))
    }
}

impl Refusal {
    async fn begin(&self, server: &RedisServer) -> Result<(), Failure> {
        if self.code == "MISCONF" {
            // A directory where the file is to be: the save fails.
            let directory = server.remember()?.directory().join("dump.rdb");
            std::fs::create_dir(directory)?;
        }
        let mut admin = Admin::open(server.port()).await?;
        for order in self.provoke {
            if self.code == "BUSY" {
                admin.send(order).await?;
            } else {
                admin.ask(order).await?;
            }
        }
        sleep(TROUBLE).await;
        Ok(())
    }

    async fn end(&self, server: &RedisServer) -> Result<(), Failure> {
        for order in self.undo {
            admin::ask(server.port(), order).await?;
        }
        // A script that was killed ends some time later.
        let began = Instant::now();
        while let Err(refusal) = admin::ask(server.port(), "PING").await {
            if began.elapsed() > RECOVERY {
                return Err(refusal);
            }
            sleep(millis(5)).await;
        }
        Ok(())
    }

    async fn errors(&self, backend: &RedisBackend, key: &Key) -> Vec<Error> {
        let mut errors = Vec::new();
        for _ in 0..CALLS {
            errors.extend(call(backend, key, self.call).await.err());
            sleep(millis(5)).await;
        }
        errors
    }
}

/// Requests that arrive, and whose replies do not.
struct LostReplies;

#[async_trait]
impl Scenario for LostReplies {
    fn facts(&self) -> Facts {
        facts("lost-replies", "timed out; sent once; recovery <= 2 s")
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let proxy = rig::proxy(&server).await?;
        let backend = rig::backend(RedisConfig::new(proxy.url())).await?;
        let key = rig::key("lost")?;
        admin::ask(server.port(), "CONFIG RESETSTAT").await?;
        stage.progress.say("replies are lost");
        proxy.set(NetworkFault::HalfOpen);
        let mut errors = Vec::new();
        for _ in 0..CALLS {
            errors.extend(call(&backend, &key, Kind::Write).await.err());
            sleep(millis(5)).await;
        }
        proxy.set(NetworkFault::None);
        let seen = seen(&server, Kind::Write).await?;
        let recovery = recovery(&backend, &key, Kind::Write).await;
        backend.close().await;
        let unsure = errors
            .iter()
            .filter(|error| !error.is_replay_safe())
            .count();
        let verdict = Verdict {
            operations: CALLS as u64,
            recovery: Some(recovery),
            ..Verdict::default()
        };
        Ok(verdict
            .with(Check::equal("failed calls", errors.len(), CALLS))
            .with(Check::at_least("calls of unknown outcome", unsure, 1))
            .with(sent_once(seen, unsure))
            .with(Check::recovery(recovery, RECOVERY)))
    }
}

fn facts(name: &'static str, criterion: &'static str) -> Facts {
    let mut facts = Facts::standalone(14, name, criterion);
    facts.fault = Span::always(seconds(1));
    facts.besides = seconds(1);
    facts
}

fn sent_once(seen: usize, answered: usize) -> Check {
    Check::equal("calls seen by the server", seen, answered)
}

async fn call(backend: &RedisBackend, key: &Key, kind: Kind) -> larder::Result<()> {
    let call = Call::within(DEADLINE);
    match kind {
        Kind::Read => backend.get(std::slice::from_ref(key), call).await.map(drop),
        Kind::Write => {
            let mut write = rig::write(key.clone(), "x");
            write.condition = Condition::IfAbsent;
            backend.set(&[write], call).await.map(drop)
        }
    }
}

async fn seen(server: &RedisServer, kind: Kind) -> Result<usize, Failure> {
    let command = match kind {
        Kind::Read => "get",
        Kind::Write => "set",
    };
    let calls = admin::calls(server.port(), command).await?;
    Ok(usize::try_from(calls)?)
}

async fn recovery(backend: &RedisBackend, key: &Key, kind: Kind) -> Recovery {
    let began = Instant::now();
    while began.elapsed() < 2 * RECOVERY {
        if call(backend, key, kind).await.is_ok() {
            return Recovery::After(began.elapsed());
        }
        sleep(millis(10)).await;
    }
    Recovery::Never
}
