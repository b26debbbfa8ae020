//! SIGTERM in the middle of writing, with a database that keeps up and with one that does not.

use async_trait::async_trait;
use tokio::time::{Duration, Instant};

use super::super::{millis, seconds};
use crate::Failure;
use crate::behind::{Crew, Place, Sink, Task};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::scratch::Scratch;
use crate::verdict::{Check, Verdict};

pub(crate) struct Terminate;

/// Told so many updates, each of another key, it is told to end.
const UPDATES: u64 = 2_000;
const KEYS: u32 = 1_000_000;
const SLACK: Duration = seconds(1);

#[derive(Clone, Copy, Debug)]
struct Case {
    what: &'static str,
    max_batch: usize,
    database_takes: Duration,
    deadline: Duration,
    keeps_up: bool,
}

const CASES: [Case; 2] = [
    Case {
        what: "a quick database",
        max_batch: 500,
        database_takes: Duration::ZERO,
        deadline: seconds(10),
        keeps_up: true,
    },
    Case {
        what: "a slow database",
        max_batch: 20,
        database_takes: millis(300),
        deadline: seconds(2),
        keeps_up: false,
    },
];

#[async_trait]
impl Scenario for Terminate {
    fn facts(&self) -> Facts {
        let criterion = "all written or told of <= deadline + 1 s";
        let mut facts = Facts::standalone(36, "write-behind-terminate", criterion);
        facts.fault = Span::always(seconds(4));
        facts.besides = seconds(4);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let mut verdict = Verdict::default();
        for case in CASES {
            case.run(stage, &mut verdict).await?;
        }
        Ok(verdict)
    }
}

impl Case {
    async fn run(self, stage: &Stage, verdict: &mut Verdict) -> Result<(), Failure> {
        let scratch = Scratch::create("chaos")?;
        let place = Place::File(scratch.path().join("journal"));
        let crew = Crew::new(stage.progress.clone());
        let member = crew.start(self.task(&place, &scratch)).await?;
        crew.until("acknowledged", &member, |books| books.total() >= UPDATES)
            .await?;
        let told = Instant::now();
        member.process.terminate()?;
        crew.end(member).await?;
        let took = told.elapsed();
        let books = crew.books().clone();
        let [drained] = books.drained[..] else {
            return Err(format!("told to end, it said {:?}", books.drained).into());
        };
        let said = drained.left.ok_or("it does not know what is left")?;
        let sink = Sink::open(&scratch.path().join("database"))?;
        let (written, journal) = (sink.versions()?, place.open().await?);
        let depth = journal.depth().await?;
        let mut lost = 0;
        for (key, version) in books.keys() {
            let is_kept =
                written.get(key) == Some(&version) || journal.latest(key).await?.is_some();
            lost += u64::from(!is_kept);
        }
        journal.close().await;
        stage.progress.say(&format!(
            "{}: {} acknowledged, {} written, {said} left, after {took:?}",
            self.what,
            books.total(),
            written.len(),
        ));
        verdict.operations += books.total();
        verdict.check(Check::within(self.what, took, self.deadline + SLACK));
        verdict.check(Check::within(
            "by its report",
            drained.elapsed,
            self.deadline + SLACK,
        ));
        verdict.check(Check::equal("neither written nor left", lost, 0));
        // A batch that was under way at the deadline may leave the journal after it was counted.
        verdict.check(Check::at_most(
            "left, after it said how many",
            depth.records,
            said,
        ));
        let accounted = written.len() as u64 + said;
        verdict.check(Check::at_least(
            "written and left",
            accounted,
            books.total(),
        ));
        match self.keeps_up {
            true => verdict.check(Check::equal("left", said, 0)),
            false => verdict.check(Check::at_least("left", said, 1)),
        }
        Ok(())
    }

    fn task(self, place: &Place, scratch: &Scratch) -> Task {
        Task {
            place: place.clone(),
            database: scratch.path().join("database"),
            member: 0,
            life: 0,
            keys: KEYS,
            updates: u64::from(KEYS),
            tasks: 64,
            max_batch: self.max_batch,
            database_takes: self.database_takes,
            deadline: self.deadline,
        }
    }
}
