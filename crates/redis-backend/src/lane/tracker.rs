//! Has a server tell what changes, and asks how far it has told.

use std::convert::Infallible;
use std::time::Duration;

use larder_cache_core::{Error, ErrorKind, Result, Watch};
use redis::{Cmd, Pipeline, Value};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::dial::Refusal;
use super::link::Link;
use super::supervisor::Supervisor;
use crate::error;
use crate::tracking::Registered;

/// How often a server is asked, by what it answers, how far it has told.
const BEAT: Duration = Duration::from_millis(100);

/// What a server was asked to tell, and whether it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tracker {
    number: u64,
    is_accepted: bool,
}

impl Supervisor {
    /// Has the server at the other end of a new link tell what changes, and the watcher know
    /// that it may have changed: before anybody gets an answer from there.
    pub(super) async fn introduce(&self, link: &Link) -> Result<Option<Tracker>, Refusal> {
        let Some(registered) = self.tracking.registered() else {
            return Ok(None);
        };
        let asked = timeout(self.dialer.timeout, track(link, &registered.watch));
        let accepted = match asked.await {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(error)) => return Err(Refusal::Passing(error)),
            Err(_) => return Err(Refusal::Passing(self.silent(link))),
        };
        if link.incarnation() > 1 {
            self.tracking.may_have_forgotten();
        }
        self.tracking.changed_all();
        Ok(Some(self.tracker(link, &registered, &accepted)))
    }

    /// Tells the watcher how far the server has told, for as long as this runs. A link that
    /// was there before the watch gets its tracker here.
    pub(super) async fn tell(&self, link: &Link, mut tracker: Option<Tracker>) -> Infallible {
        let mut registrations = self.tracking.registrations();
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let registered = registrations.borrow_and_update().clone();
            let is_known = |tracker: &Tracker| {
                let number = registered.as_ref().map(|registered| registered.number);
                number == Some(tracker.number)
            };
            if let Some(registered) = &registered
                && !tracker.as_ref().is_some_and(is_known)
            {
                tracker = self.catch_up(link, registered).await;
            }
            let tells = tracker.is_some_and(|tracker| tracker.is_accepted);
            if tells && self.tracking.memory.is_due() {
                warn_of_memory(link).await;
            }
            let is_due = tells || (registered.is_some() && tracker.is_none());
            tokio::select! {
                // The sender lives as long as `self`.
                _ = registrations.changed() => {}
                _ = beat.tick(), if is_due => if let (true, Some(registered)) = (tells, &registered) {
                    self.beat(link, registered).await;
                }
            }
        }
    }

    /// `None` where the server has not answered.
    async fn catch_up(&self, link: &Link, registered: &Registered) -> Option<Tracker> {
        let accepted = track(link, &registered.watch).await.ok()?;
        self.tracking.changed_all();
        Some(self.tracker(link, registered, &accepted))
    }

    fn tracker(&self, link: &Link, registered: &Registered, accepted: &Result<()>) -> Tracker {
        if let Err(error) = accepted
            && self.tracking.refusal.is_due()
        {
            tracing::warn!(
                node = %link.node(), %error,
                "Redis does not tell what changes, so that nothing can be kept in this process: \
                 grant it with ACL SETUSER <user> +client|tracking"
            );
        }
        Tracker {
            number: registered.number,
            is_accepted: accepted.is_ok(),
        }
    }

    /// What was changed before this was sent is told before it is answered, by a server that
    /// takes the writes. Whether it does is known as far as the user may ask.
    async fn beat(&self, link: &Link, registered: &Registered) {
        let sent = self.shared.clock.now();
        let mut questions = Pipeline::with_capacity(2);
        questions.cmd("ROLE");
        if link.is_of_cluster() {
            questions.cmd("CLUSTER").arg("INFO");
        }
        // The supervisor sees to a connection that has ended.
        let Ok(answers) = link.send_all(&questions).await else {
            return;
        };
        let mut answers = answers.into_iter();
        if answers.next().is_some_and(|role| is_replica(&role)) {
            let message = "the server is no master any more";
            let why = Error::new(ErrorKind::Connection, message);
            link.dismiss(&why.with("node", link.node()));
            return;
        }
        if answers.next().is_some_and(is_cut_off) {
            return;
        }
        self.shared.tell(registered, sent);
        self.tracking.tell();
    }
}

/// Asks the server to tell what changes: an outer error where it has not answered, an inner
/// one where it does not want to.
async fn track(link: &Link, watch: &Watch) -> Result<Result<()>> {
    let mut tracking = Cmd::new();
    tracking
        .arg("CLIENT")
        .arg("TRACKING")
        .arg("ON")
        .arg("BCAST");
    for prefix in &watch.prefixes {
        tracking.arg("PREFIX").arg(prefix);
    }
    let mut commands = Pipeline::with_capacity(2);
    // Nothing is added to what an earlier watch has asked for.
    commands.cmd("CLIENT").arg("TRACKING").arg("OFF");
    commands.add_command(tracking);
    let mut answers = link.send_all(&commands).await?.into_iter();
    match answers.next_back() {
        Some(Value::Okay) => Ok(Ok(())),
        Some(Value::ServerError(refused)) => Ok(Err(error::refused(&refused))),
        _ => Err(error::unexpected_reply("OK")),
    }
}

/// A connection that is not read fast enough is remembered what it has to be told.
async fn warn_of_memory(link: &Link) {
    let mut questions = Pipeline::with_capacity(3);
    let settings = [
        "maxmemory",
        "maxmemory-clients",
        "client-output-buffer-limit",
    ];
    for setting in settings {
        questions.cmd("CONFIG").arg("GET").arg(setting);
    }
    let Ok(answers) = link.send_all(&questions).await else {
        return;
    };
    let values: Vec<_> = answers.into_iter().map(setting).collect();
    let [Some(maxmemory), clients, Some(buffers)] = &values[..] else {
        return;
    };
    let has_limit = clients.as_ref().is_some_and(|clients| clients != "0");
    if maxmemory != "0" && !has_limit && buffers.starts_with("normal 0 0 0") {
        tracing::warn!(
            node = %link.node(),
            "maxmemory is set, but nothing limits what Redis keeps for a connection that is not \
             read: one process that hangs can make it evict everything. Set maxmemory-clients, \
             such as CONFIG SET maxmemory-clients 5%, or a normal client-output-buffer-limit"
        );
    }
}

/// The value in the answer to `CONFIG GET`; `None` where there is none, or nobody may ask.
fn setting(answer: Value) -> Option<String> {
    let Value::Map(settings) = answer else {
        return None;
    };
    let (_, value) = settings.into_iter().next()?;
    redis::from_redis_value(value).ok()
}

/// What a node of a cluster says that is cut off from most others: a replica may have taken
/// over.
fn is_cut_off(info: Value) -> bool {
    redis::from_redis_value::<String>(info).is_ok_and(|info| info.contains("cluster_state:fail"))
}

fn is_replica(role: &Value) -> bool {
    matches!(role, Value::Array(_)) && !is_master(role)
}

pub(crate) fn is_master(role: &Value) -> bool {
    match role {
        Value::Array(parts) => match parts.first() {
            Some(Value::BulkString(name)) => name == b"master",
            Some(Value::SimpleString(name)) => name == "master",
            _ => false,
        },
        _ => false,
    }
}
