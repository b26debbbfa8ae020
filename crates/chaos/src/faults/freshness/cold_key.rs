//! Many processes with many tasks each that want one key that nobody has.

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};
use tokio::time::{Duration, sleep};

use super::super::{millis, seconds};
use crate::fleet::{Answer, Answers, ColdKey as Wish, Order, Process, Signal, Upstream};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

/// What becomes of Redis meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColdKey {
    Lives,
    IsKilled,
}

const PROCESSES: usize = 8;
const TASKS: usize = 64;
const LOAD_TAKES: Duration = millis(200);
const PATIENCE: Duration = seconds(20);

#[async_trait]
impl Scenario for ColdKey {
    fn facts(&self) -> Facts {
        let (name, criterion) = match self {
            Self::Lives => ("cold-key", "8 processes x 64 tasks: 1 load"),
            Self::IsKilled => ("cold-key-killed", "8 processes x 64 tasks: <= 1 load each"),
        };
        let mut facts = Facts::standalone(0, name, criterion).alone();
        facts.number = None;
        facts.fault = Span::always(LOAD_TAKES * 2);
        facts.besides = seconds(1);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let mut server = rig::server(&[])?;
        let members = (0..PROCESSES).map(|_| member(server.url()));
        let mut members = try_join_all(members).await?;
        stage.progress.say("all want it now");
        for (process, _) in &mut members {
            process.signal(Signal::Go).await?;
        }
        if *self == Self::IsKilled {
            let moment = LOAD_TAKES.mul_f64(stage.rng(1).f64());
            sleep(moment).await;
            stage.progress.say("SIGKILL");
            server.kill();
        }
        let outcomes = members.iter_mut().map(|(_, answers)| outcome(answers));
        let mut loads = Vec::new();
        let (mut failed, mut longest) = (0, Duration::ZERO);
        for found in join_all(outcomes).await {
            let found = found?;
            loads.push(found.loads);
            failed += found.failed;
            longest = longest.max(found.longest);
        }
        for (process, _) in members {
            process.end().await?;
        }
        stage.progress.say(&format!(
            "loads {loads:?}, the longest call took {longest:?}"
        ));
        let verdict = Verdict {
            operations: (PROCESSES * TASKS) as u64,
            failed_reads: Some(failed),
            ..Verdict::default()
        };
        Ok(verdict
            .with(Check::at_most("failed reads", failed, 0))
            .with(self.few_enough(&loads)))
    }
}

impl ColdKey {
    fn few_enough(self, loads: &[u64]) -> Check {
        let sum: u64 = loads.iter().sum();
        match self {
            Self::Lives => Check::equal("loads", sum, 1),
            Self::IsKilled => {
                let most = loads.iter().copied().max().unwrap_or(u64::MAX);
                let mut check = Check::at_most("loads of a process", most, 1);
                check.is_held &= sum > 0;
                check
            }
        }
    }
}

struct Outcome {
    loads: u64,
    failed: u64,
    longest: Duration,
}

/// A process that is ready to ask.
async fn member(url: String) -> Result<(Process, Answers), Failure> {
    let order = Order::ColdKey(Wish {
        upstream: Upstream::Url(url),
        key: "cold".to_owned(),
        tasks: TASKS,
        load_takes: LOAD_TAKES,
    });
    let (process, mut answers) = Process::spawn(&order).await?;
    match answers.expect(PATIENCE).await? {
        Answer::Ready => Ok((process, answers)),
        other => Err(format!("a process said {other:?}").into()),
    }
}

async fn outcome(answers: &mut Answers) -> Result<Outcome, Failure> {
    match answers.expect(PATIENCE).await? {
        Answer::ColdKey {
            loads,
            failed,
            longest,
        } => Ok(Outcome {
            loads,
            failed,
            longest,
        }),
        other => Err(format!("a process said {other:?}").into()),
    }
}
