//! A cache under load, before, during and after a fault.

mod connections;
mod item;
mod load;
mod measured;
mod recorder;
mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder::{Builder, Cache, L1, Namespace};
use tokio::runtime::Handle;
use tokio::time::sleep;

use load::Load;

use crate::Failure;
use crate::measure::{LagProbe, Window};
use crate::progress::Progress;
use crate::scenario::Stage;

pub(crate) use connections::ConnectionCount;
pub(crate) use item::{Item, Source};
pub(crate) use load::LoadSize;
pub(crate) use measured::{Measured, Standing};
pub(crate) use recorder::Recorder;
pub(crate) use watch::Watch;

/// The longest that the backend may take for one call: the default of the cache.
pub(crate) const DEADLINE: Duration = Duration::from_millis(250);

/// What comes on top for the machinery: what the criteria allow.
pub(crate) const SLACK: Duration = Duration::from_millis(50);

/// The namespace that is kept in process memory too, and the one that is not.
pub(crate) const NEAR: &str = "near";
pub(crate) const FAR: &str = "far";

/// How long all is well before the fault.
const CALM: Duration = Duration::from_millis(500);

/// How long a machine may take to come to rest.
const MOST_UNREST: Duration = Duration::from_secs(10);

/// Until connections and tasks that are about to end have ended.
const SETTLING: Duration = Duration::from_secs(2);

/// A cache under load, with all that is measured of it.
#[derive(Debug)]
pub(crate) struct Trial {
    cache: Cache,
    recorder: Arc<Recorder>,
    lag: LagProbe,
    load: Load,
    connections: ConnectionCount,
    at_rest: Standing,
    tasks_without: usize,
    began: Instant,
    calm: Duration,
    fault: Option<Duration>,
    healed: Option<Duration>,
    progress: Progress,
}

impl Trial {
    /// Builds the cache, notes how it stands at rest, and loads it for a while.
    pub(crate) async fn begin(
        stage: &Stage,
        builder: Builder,
        connections: ConnectionCount,
    ) -> Result<Self, Failure> {
        Self::begin_with(stage, builder, connections, LoadSize::default()).await
    }

    pub(crate) async fn begin_with(
        stage: &Stage,
        builder: Builder,
        connections: ConnectionCount,
        size: LoadSize,
    ) -> Result<Self, Failure> {
        let began = Instant::now();
        let recorder = Arc::new(Recorder::new(began));
        let lag = LagProbe::start(began);
        let tasks_without = alive_tasks();
        let cache = builder
            .namespace(Namespace::new(NEAR).jitter(0.0))
            .namespace(Namespace::new(FAR).jitter(0.0).l1(L1::Off))
            .observer(Arc::clone(&recorder) as _)
            .budget(DEADLINE)
            .build()
            .await?;
        // Whatever else the start needs has been done once the first call is answered.
        let far = cache.namespace(FAR)?;
        far.exists("warm-up").await?;
        let at_rest = Standing {
            connections: connections.count().await?,
            tasks: alive_tasks(),
        };
        let load = Load::start(&cache, stage.rng(1), size)?;
        let mut trial = Self {
            cache,
            recorder,
            lag,
            load,
            connections,
            at_rest,
            tasks_without,
            began,
            calm: Duration::ZERO,
            fault: None,
            healed: None,
            progress: stage.progress.clone(),
        };
        // The fault comes at a moment of the seed's choosing.
        let moment = Duration::from_millis(stage.rng(2).u64(..200));
        trial.wait_for_calm(CALM + moment).await;
        Ok(trial)
    }

    /// Waits until no call has failed for so long, for as long as that may take: a busy machine
    /// can stop for longer than a deadline.
    pub(crate) async fn wait_for_calm(&mut self, length: Duration) {
        let until = self.began.elapsed() + MOST_UNREST;
        loop {
            self.calm = self.began.elapsed();
            sleep(length).await;
            let (from, to) = (self.calm, self.began.elapsed());
            let failures = self.recorder.samples().failures(Window { from, to });
            if failures == 0 || to > until {
                return;
            }
        }
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        self.load.source()
    }

    /// Begins to write one key over and over.
    pub(crate) fn watch(&self, key: &str) -> Result<Watch, Failure> {
        let values = self.cache.namespace(FAR)?.typed();
        Ok(Watch::start(self.began, values, key.to_owned()))
    }

    /// Notes that the fault begins now.
    pub(crate) fn fault_begins(&mut self, what: &str) {
        self.fault.get_or_insert(self.began.elapsed());
        self.progress.say(what);
    }

    /// Notes that the fault has ended now.
    pub(crate) fn heals(&mut self) {
        self.healed = Some(self.began.elapsed());
        self.progress.say("healed");
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Goes on under load, so that recovery can be seen, and ends.
    pub(crate) async fn end(self, after: Duration) -> Result<Measured, Failure> {
        sleep(after).await;
        let observed = self.began.elapsed();
        let (tally, hung) = self.load.stop().await;
        let samples = self.recorder.samples();
        let afterwards = settled(&self.connections, self.at_rest).await?;
        let report = self.cache.shutdown(Duration::from_secs(1)).await;
        drop(self.cache);
        let nothing = Standing {
            connections: 0,
            tasks: self.tasks_without,
        };
        let left = settled(&self.connections, nothing).await?;
        let lag = self.lag.end();
        let end = Window {
            from: Duration::ZERO,
            to: observed,
        };
        let from = self.fault.unwrap_or(end.to);
        let healed = self.healed.unwrap_or(end.to);
        Ok(Measured {
            tally: tally.counts(),
            samples,
            last_failure: self.recorder.last_failure(),
            lag,
            calm: Window {
                from: self.calm,
                to: from,
            },
            fault: Window { from, to: healed },
            all: end,
            reconnects: self.recorder.connected().saturating_sub(1),
            at_rest: self.at_rest,
            afterwards,
            allowance: self.connections.allowance(),
            left: Standing {
                tasks: left.tasks.saturating_sub(self.tasks_without),
                ..left
            },
            hung,
            aborted: report.aborted,
        })
    }
}

/// Waits until no more stands than did at rest, or for as long as that may take.
async fn settled(connections: &ConnectionCount, at_rest: Standing) -> Result<Standing, Failure> {
    let began = Instant::now();
    loop {
        let now = Standing {
            connections: connections.count().await?,
            tasks: alive_tasks(),
        };
        if now == at_rest || began.elapsed() > SETTLING {
            return Ok(now);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn alive_tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}
