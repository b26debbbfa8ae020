//! Programs that write behind are killed again and again, and Redis with them.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use larder_testkit::RedisServer;

use super::super::seconds;
use crate::behind::{Books, Crew, HELD_BACK, Moment, Place, Plan, Sink, Task};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::scratch::Scratch;
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

/// What is killed, and what keeps the writes meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Killed {
    number: Option<u8>,
    name: &'static str,
    criterion: &'static str,
    /// `appendfsync` of Redis; `None`: the journal is a file.
    log: Option<&'static str>,
    members: u32,
    updates: u64,
    kills: usize,
    server_kills: usize,
    moment: Moment,
    takes: Duration,
}

const KEYS: u32 = 500;
const TASKS: u32 = 250;
const DEADLINE: Duration = seconds(60);

impl Killed {
    pub(crate) const WORKER: Self = Self {
        number: Some(32),
        name: "write-behind-worker",
        criterion: "100 kills: 0 acknowledged lost, 0 twice, 0 out of order",
        log: None,
        members: 1,
        updates: 10_000,
        kills: 100,
        server_kills: 0,
        moment: Moment::Any,
        takes: seconds(30),
    };

    pub(crate) const REDIS: Self = Self {
        number: Some(33),
        name: "write-behind-redis",
        criterion: "everysec, 5 kills of Redis: 0 acknowledged lost",
        log: Some("everysec"),
        members: 1,
        updates: 10_000,
        kills: 0,
        server_kills: 5,
        moment: Moment::BetweenSyncs,
        takes: seconds(15),
    };

    pub(crate) const FILE: Self = Self {
        number: None,
        name: "write-behind-file",
        criterion: "100,000 updates, 25 kills: 0 acknowledged lost, 0 out of order",
        log: None,
        members: 1,
        updates: 100_000,
        kills: 25,
        server_kills: 0,
        moment: Moment::Any,
        takes: seconds(60),
    };

    pub(crate) const STREAM_ALWAYS: Self = Self {
        number: None,
        name: "write-behind-stream-always",
        criterion: "100,000 updates, 24 kills, 6 of Redis: 0 acknowledged lost, 0 out of order",
        log: Some("always"),
        members: 2,
        updates: 100_000,
        kills: 12,
        server_kills: 6,
        moment: Moment::Any,
        takes: seconds(90),
    };

    pub(crate) const STREAM_EVERYSEC: Self = Self {
        name: "write-behind-stream-everysec",
        criterion: "30,000 updates, 16 kills, 8 of Redis: lost <= 2 s before those",
        updates: 30_000,
        kills: 8,
        server_kills: 8,
        takes: seconds(30),
        log: Some("everysec"),
        ..Self::STREAM_ALWAYS
    };

    fn plan(&self, scratch: &Path, server: Option<&RedisServer>) -> Plan {
        let place = match server {
            Some(server) => Place::Stream(server.url()),
            None => Place::File(scratch.join("journal")),
        };
        let task = |member| Task {
            place: place.clone(),
            database: scratch.join("database"),
            member,
            life: 0,
            keys: KEYS,
            updates: self.updates / u64::from(self.members),
            tasks: TASKS,
            max_batch: 500,
            database_takes: Duration::ZERO,
            deadline: DEADLINE,
        };
        Plan {
            members: (0..self.members).map(task).collect(),
            kills: self.kills,
            server_kills: self.server_kills,
            moment: self.moment,
        }
    }

    /// What Redis may have held back from its log, if it kept it as this scenario has it.
    fn excused(&self, books: &Books, sink: &Sink) -> Result<u64, Failure> {
        if self.log != Some("everysec") || self.moment != Moment::Any {
            return Ok(0);
        }
        Ok(books.lost_with_redis(&sink.versions()?))
    }
}

#[async_trait]
impl Scenario for Killed {
    fn facts(&self) -> Facts {
        let mut facts = Facts::standalone(0, self.name, self.criterion);
        facts.number = self.number;
        facts.fault = Span::always(self.takes);
        facts.besides = seconds(1);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let scratch = Scratch::create("chaos")?;
        let log = self
            .log
            .map(|policy| ["--appendonly", "yes", "--appendfsync", policy]);
        let mut server = log.map(|log| rig::server(&log)).transpose()?;
        let plan = self.plan(scratch.path(), server.as_ref());
        let crew = Crew::new(stage.progress.clone());
        let books = crew.run(plan, server.as_mut(), stage.rng(1)).await?;
        let sink = Sink::open(&scratch.path().join("database"))?;
        let excused = self.excused(&books, &sink)?;
        let (verdict, found) = books.judge(&sink, excused)?;
        stage.progress.say(&format!(
            "{} acknowledged, {} rows written, {} updates came again, not acknowledged: {:?}",
            books.total(),
            found.applied,
            found.again,
            books.refused
        ));
        if self.log == Some("everysec") {
            stage.progress.say(&format!(
                "{excused} lost of what was acknowledged in the {HELD_BACK:?} before {} kills",
                books.server_kills.len()
            ));
        }
        let acknowledged = books.total();
        Ok(verdict.with(Check::at_least("acknowledged", acknowledged, self.updates)))
    }
}
