//! Loaders that panic, hang, or are left by who asked.

use std::future::pending;
use std::panic::resume_unwind;
use std::time::Instant;

use async_trait::async_trait;
use larder::{Cache, LoadError, TypedCache};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};

use super::super::{millis, seconds};
use super::{LEASE, end, process};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::FAR;
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

/// What a loader does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loader {
    Panics,
    Hangs,
    /// Its first caller goes away.
    IsLeft,
}

const WAITERS: u32 = 50;
const LOAD_TIMEOUT: Duration = millis(800);

/// What a busy machine adds.
const NOISE: Duration = millis(200);

type Answer = Result<u64, LoadError<std::io::Error>>;

#[async_trait]
impl Scenario for Loader {
    fn facts(&self) -> Facts {
        let name = match self {
            Self::Panics => "loader-panics",
            Self::Hangs => "loader-hangs",
            Self::IsLeft => "loader-left",
        };
        let criterion = "waiters released <= deadline; 0 keys stay locked";
        let mut facts = Facts::standalone(30, name, criterion);
        facts.fault = Span::always(LOAD_TIMEOUT);
        facts.besides = seconds(1);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let builder = || rig::cache(server.url()).load_timeout(LOAD_TIMEOUT);
        let caches = [process(builder()).await?, process(builder()).await?];
        let [ours, theirs] = [items(&caches[0])?, items(&caches[1])?];
        for cache in [&ours, &theirs] {
            cache.exists("warm-up").await?;
        }
        stage.progress.say("a load begins");
        let began = Instant::now();
        let (begins, begun) = oneshot::channel();
        let first = tokio::spawn(self.load(ours.clone(), begins));
        begun.await?;
        let mut waiters = JoinSet::new();
        for _ in 0..WAITERS {
            waiters.spawn(read(ours.clone()));
        }
        if *self == Self::IsLeft {
            first.abort();
        }
        let mut fitting = 0;
        while let Some(answer) = waiters.join_next().await {
            fitting += u32::from(self.fits(&answer?));
        }
        let released = began.elapsed();
        let unlocked = Instant::now();
        let another = timeout(seconds(5), read(theirs.clone())).await;
        let unlocked = unlocked.elapsed();
        let stored = sees(&theirs).await?;
        drop((ours, theirs));
        end(caches).await;
        Ok(Verdict {
            operations: u64::from(WAITERS) + 2,
            ..Verdict::default()
        }
        .with(Check::equal(
            "waiters that got what they should",
            fitting,
            WAITERS,
        ))
        .with(Check::within(
            "waiters released",
            released,
            LOAD_TIMEOUT + NOISE,
        ))
        .with(Check::that(
            "another process gets a value",
            matches!(another, Ok(Ok(_))),
            format!("{another:?}"),
        ))
        .with(Check::within("it waited", unlocked, LEASE + NOISE))
        .with(Check::that("its value is stored", stored, "nothing")))
    }
}

impl Loader {
    async fn load(self, items: TypedCache<u64>, begins: oneshot::Sender<()>) -> Answer {
        let loader = move || async move {
            let _nobody_waits = begins.send(());
            // Long enough for all to wait for it.
            sleep(millis(200)).await;
            match self {
                // As a panic, without its message among the results.
                Self::Panics => resume_unwind(Box::new("as this scenario wants it")),
                Self::Hangs => pending().await,
                Self::IsLeft => Ok(1),
            }
        };
        items.get_or_load("key", loader).await.map(|value| *value)
    }

    /// Whether a waiter was answered as it should be. After a panic the next one may load.
    fn fits(self, answer: &Answer) -> bool {
        match self {
            Self::Panics => matches!(answer, Ok(2) | Err(LoadError::Panicked)),
            Self::Hangs => matches!(answer, Ok(2) | Err(LoadError::Deadline)),
            Self::IsLeft => matches!(answer, Ok(1)),
        }
    }
}

async fn read(items: TypedCache<u64>) -> Answer {
    let loader = || async { Ok::<u64, std::io::Error>(2) };
    items.get_or_load("key", loader).await.map(|value| *value)
}

/// Whether a value comes to be stored, which may take the caller's answer a moment longer.
async fn sees(items: &TypedCache<u64>) -> Result<bool, Failure> {
    let until = Instant::now() + seconds(1);
    while Instant::now() < until {
        if items.get("key").await?.is_some() {
            return Ok(true);
        }
        sleep(millis(5)).await;
    }
    Ok(false)
}

fn items(cache: &Cache) -> Result<TypedCache<u64>, Failure> {
    Ok(cache.namespace(FAR)?.typed())
}
