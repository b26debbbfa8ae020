//! The network: what lies between a process and the server.
//!
//! A process has one connection at a time. Requests of one connection arrive in order, and
//! so do its replies and the messages about changes, which travel among the replies. A
//! connection that breaks loses what is on its way to the process; requests under way may
//! still arrive.

mod connection;
mod link;
mod pumps;
mod weather;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larder_cache_core::Key;
use tokio::sync::oneshot;

pub(crate) use self::connection::Connection;
use self::link::{Incarnation, Link, Message, Sent};
pub(crate) use self::weather::Weather;
use crate::dice::Dice;
use crate::rule::Rule;
use crate::server::{Answer, Asking, Command, Fills, Server};
use crate::timeline::Timeline;

/// The network with the server at its end.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) without: Option<Rule>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    server: Server,
    weather: Weather,
    dice: Dice,
    /// By process.
    links: BTreeMap<u32, Link>,
    /// By number; those that are closed and empty are gone.
    incarnations: BTreeMap<u64, Incarnation>,
    opened: u64,
    /// Counts what was sent and what was changed.
    moments: u64,
}

impl Network {
    pub(crate) fn new(
        timeline: Arc<Timeline>,
        server: Server,
        weather: Weather,
        dice: Dice,
        without: Option<Rule>,
    ) -> Arc<Self> {
        Arc::new(Self {
            timeline,
            without,
            state: Mutex::new(State {
                server,
                weather,
                dice,
                links: BTreeMap::new(),
                incarnations: BTreeMap::new(),
                opened: 0,
                moments: 0,
            }),
        })
    }

    pub(crate) fn fills(&self) -> Fills {
        self.lock().server.fills
    }

    /// No fault is left: messages are fast from now on.
    pub(crate) fn calm(&self) {
        let mut state = self.lock();
        state.weather = Weather::calm();
        state.server.paused_until = 0;
        let incarnations = state.incarnations.values_mut();
        incarnations.for_each(|incarnation| incarnation.stalled_until = 0);
    }

    /// Breaks the connection of a process.
    pub(crate) fn disconnect(&self, process: u32) {
        self.lock().disconnect(process);
    }

    /// Ends a process: it neither hears nor says anything more. Requests under way may
    /// still arrive.
    pub(crate) fn kill(&self, process: u32) {
        let mut state = self.lock();
        state.disconnect(process);
        if let Some(link) = state.links.remove(&process) {
            link.closed.notify_one();
        }
    }

    /// Nothing arrives on the connection of a process for so long.
    pub(crate) fn stall(&self, process: u32, millis: u64) {
        let until = self.timeline.millis() + millis;
        let mut state = self.lock();
        let current = state.links.get(&process).and_then(|link| link.opened);
        if let Some(incarnation) = current.and_then(|id| state.incarnations.get_mut(&id)) {
            incarnation.stalled_until = until;
        }
    }

    /// The server answers nobody for so long.
    pub(crate) fn pause(&self, millis: u64) {
        let until = self.timeline.millis() + millis;
        self.lock().server.paused_until = until;
    }

    /// The server loses a key to make room, and tells of it as of any change.
    pub(crate) fn evict(&self) -> Option<Key> {
        let mut state = self.lock();
        let choice = state.dice.next();
        let key = state.server.evict(choice)?;
        state.tell_of(std::slice::from_ref(&key), self.timeline.millis());
        Some(key)
    }

    /// Another server takes over, which lacks the changes of the last milliseconds.
    pub(crate) fn fail_over(&self, lost_millis: u64) {
        let mut state = self.lock();
        state.server.fail_over(lost_millis);
        state.server.paused_until = 0;
        let processes: Vec<u32> = state.links.keys().copied().collect();
        for process in processes {
            state.disconnect(process);
        }
        // What was under way went to the old server.
        for incarnation in state.incarnations.values_mut() {
            incarnation.to_server.clear();
            incarnation.arrivals.notify_one();
        }
    }

    /// Sends a request on the present connection; `None` where there is none.
    fn send(&self, process: u32, command: Command) -> Option<oneshot::Receiver<Answer>> {
        let mut state = self.lock();
        let current = state.links.get(&process)?.current?;
        state.send_on(current, command, self.timeline.millis())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn send_on(
        &mut self,
        incarnation: u64,
        command: Command,
        now: u64,
    ) -> Option<oneshot::Receiver<Answer>> {
        let delay = self.weather.delay(&mut self.dice);
        let incarnation = self.incarnations.get_mut(&incarnation)?;
        let (reply, answer) = oneshot::channel();
        self.moments += 1;
        let due = incarnation.last_arrival.max(now + delay);
        incarnation.last_arrival = due;
        incarnation.to_server.push_back(Sent {
            moment: self.moments,
            due,
            sent: now,
            command,
            reply: Some(reply),
        });
        incarnation.arrivals.notify_one();
        Some(answer)
    }

    fn disconnect(&mut self, process: u32) {
        let Some(link) = self.links.get_mut(&process) else {
            return;
        };
        link.current = None;
        let Some(incarnation) = link
            .opened
            .take()
            .and_then(|id| self.incarnations.get_mut(&id))
        else {
            return;
        };
        incarnation.open = false;
        incarnation.tells = false;
        incarnation.to_client.clear();
        let arriving = incarnation.to_server.len() as u64;
        let arriving = usize::try_from(self.dice.between(0, arriving)).unwrap_or(0);
        incarnation.to_server.truncate(arriving);
        for sent in &mut incarnation.to_server {
            sent.reply = None;
        }
        incarnation.arrivals.notify_one();
        incarnation.deliveries.notify_one();
        link.closed.notify_one();
    }

    /// Applies the next request that has arrived.
    fn arrive(&mut self, id: u64, now: u64, timeline: &Timeline) {
        let Some(incarnation) = self.incarnations.get_mut(&id) else {
            return;
        };
        let Some(sent) = incarnation.to_server.pop_front() else {
            return;
        };
        let process = incarnation.process;
        let asking = Asking {
            process,
            connection: id,
        };
        if matches!(sent.command, Command::Hello) {
            incarnation.tells = true;
        }
        if matches!(sent.command, Command::Ping) || sent.moment > incarnation.untold_since {
            // What was sent after a change is answered after the change was told.
            self.flush(id, now);
        }
        let (answer, changed) = self.server.apply(asking, &sent.command);
        if !matches!(sent.command, Command::Ping) {
            timeline.tell("server", || {
                let (asked, said) = (sent.command.describe(), answer.describe());
                let late = if sent.reply.is_none() { " (late)" } else { "" };
                format!("p{process}/{id} {asked}{late}: {said}")
            });
        }
        // The server tells of changes before or behind the reply to their maker.
        if self.dice.percent(50) {
            self.tell_of(&changed, now);
            self.answer(id, sent, &answer, now);
        } else {
            self.answer(id, sent, &answer, now);
            self.tell_of(&changed, now);
        }
    }

    fn answer(&mut self, id: u64, sent: Sent, answer: &Answer, now: u64) {
        let message = match (sent.command, sent.reply) {
            (_, None) => return,
            (Command::Ping, Some(_)) => Message::Beat(sent.sent),
            (_, Some(reply)) => Message::Reply(reply, answer.clone()),
        };
        self.deliver(id, message, now);
    }

    /// Tells everybody who listens, sometimes twice, sometimes together with what comes.
    fn tell_of(&mut self, changed: &[Key], now: u64) {
        if changed.is_empty() {
            return;
        }
        self.moments += 1;
        let listening = self.incarnations.values().filter(|i| i.tells);
        let listening: Vec<u64> = listening.map(|incarnation| incarnation.id).collect();
        for id in listening {
            let Some(incarnation) = self.incarnations.get_mut(&id) else {
                continue;
            };
            if incarnation.untold.is_empty() {
                incarnation.untold_since = self.moments;
            }
            for key in changed {
                if !incarnation.untold.contains(key) {
                    incarnation.untold.push(key.clone());
                }
            }
            // What is kept back goes with the next change, or before the next answer to what
            // is sent from now on.
            if self.dice.percent(85) {
                self.flush(id, now);
            }
            if self.dice.percent(3) {
                self.deliver(id, Message::Changed(changed.to_vec()), now);
            }
        }
    }

    fn flush(&mut self, id: u64, now: u64) {
        let Some(incarnation) = self.incarnations.get_mut(&id) else {
            return;
        };
        if incarnation.untold.is_empty() {
            return;
        }
        let untold = std::mem::take(&mut incarnation.untold);
        self.deliver(id, Message::Changed(untold), now);
    }

    fn deliver(&mut self, id: u64, message: Message, now: u64) {
        let delay = self.weather.delay(&mut self.dice);
        let Some(incarnation) = self.incarnations.get_mut(&id).filter(|i| i.open) else {
            return;
        };
        let due = incarnation.last_delivery.max(now + delay);
        incarnation.last_delivery = due;
        incarnation.to_client.push_back((due, message));
        incarnation.deliveries.notify_one();
    }
}
