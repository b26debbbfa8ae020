//! What moves messages: two tasks for each connection, and one that keeps a process
//! connected.

use std::sync::{Arc, Weak};
use std::time::Duration;

use larder_cache_core::Watcher;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep_until, timeout};

use super::link::{Incarnation, Message};
use super::{Network, State};
use crate::dice::Dice;
use crate::server::{Answer, Command};
use crate::timeline::VirtualClock;

const BEAT: Duration = Duration::from_millis(100);

/// What a pump does next.
enum Next {
    /// Something is due at this time.
    At(u64),
    /// Nothing is under way.
    Wait,
    /// Nothing will ever be.
    End,
}

impl Network {
    /// Keeps a process connected for as long as it lives.
    pub(super) async fn keep_connected(self: Arc<Self>, process: u32, mut dice: Dice) {
        let mut pause = 0;
        loop {
            sleep_until(self.timeline.at(self.timeline.millis() + pause)).await;
            let Some((hello, closed)) = self.open(process) else {
                return;
            };
            if let Ok(Answer::Hello(life)) = hello.await {
                self.greet(process, life, &mut dice);
                self.beat_until(process, &closed).await;
            }
            let lasts = self.lock().weather;
            pause = 1 + lasts.delay(&mut dice) + dice.pick(&[0, 0, 5, 20, 100, 400]);
        }
    }

    /// Opens a connection: its greeting, and what tells that it broke.
    fn open(self: &Arc<Self>, process: u32) -> Option<(oneshot::Receiver<Answer>, Arc<Notify>)> {
        let mut state = self.lock();
        state.opened += 1;
        let id = state.opened;
        let link = state.links.get_mut(&process)?;
        link.opened = Some(id);
        let closed = Arc::default();
        link.closed = Arc::clone(&closed);
        let incarnation = Incarnation::new(id, process);
        let (arrivals, deliveries) = (
            Arc::clone(&incarnation.arrivals),
            Arc::clone(&incarnation.deliveries),
        );
        state.incarnations.insert(id, incarnation);
        let hello = state.send_on(id, Command::Hello, self.timeline.millis());
        drop(state);
        tokio::spawn(pump_requests(Arc::clone(self), id, arrivals));
        tokio::spawn(pump_answers(Arc::clone(self), id, process, deliveries));
        Some((hello?, closed))
    }

    /// The connection is there: what was known may be outdated.
    fn greet(&self, process: u32, life: u64, dice: &mut Dice) {
        let Some((watcher, is_new_life)) = self.watcher_of(process, life) else {
            return;
        };
        let forgets = is_new_life || dice.percent(15);
        self.timeline.tell(format_args!("p{process}"), || {
            format!(
                "connected{}",
                if forgets { ", may have forgotten" } else { "" }
            )
        });
        if let Some(watcher) = watcher {
            if forgets {
                watcher.may_have_forgotten();
            }
            watcher.changed_all();
        }
        let mut state = self.lock();
        if let Some(link) = state.links.get_mut(&process) {
            link.current = link.opened;
            link.ready.notify_waiters();
        }
    }

    /// The watcher, and whether the server is not the one that answered before.
    fn watcher_of(&self, process: u32, life: u64) -> Option<(Option<Arc<dyn Watcher>>, bool)> {
        let mut state = self.lock();
        let link = state.links.get_mut(&process)?;
        link.opened?;
        let is_new = link.life != 0 && link.life != life;
        link.life = life;
        let watcher = link
            .watch
            .as_ref()
            .and_then(|watch| watch.watcher.upgrade());
        Some((watcher, is_new))
    }

    async fn beat_until(&self, process: u32, closed: &Notify) {
        loop {
            if self.send(process, Command::Ping).is_none() {
                return;
            }
            if timeout(BEAT, closed.notified()).await.is_ok() {
                return;
            }
        }
    }
}

async fn pump_requests(network: Arc<Network>, id: u64, arrivals: Arc<Notify>) {
    loop {
        let next = network.lock().next_request(id);
        match next {
            Next::End => return,
            Next::Wait => arrivals.notified().await,
            Next::At(due) if due > network.timeline.millis() => {
                sleep_until(network.timeline.at(due)).await;
            }
            Next::At(_) => network.apply_next(id),
        }
    }
}

async fn pump_answers(network: Arc<Network>, id: u64, process: u32, deliveries: Arc<Notify>) {
    loop {
        let next = network.lock().next_message(id);
        match next {
            Next::End => return,
            Next::Wait => deliveries.notified().await,
            Next::At(due) if due > network.timeline.millis() => {
                sleep_until(network.timeline.at(due)).await;
            }
            Next::At(_) => network.hand_over(id, process),
        }
    }
}

impl Network {
    fn apply_next(&self, id: u64) {
        let now = self.timeline.millis();
        let mut state = self.lock();
        state.arrive(id, now, &self.timeline);
    }

    /// Hands the process what has arrived, as from one read of a socket.
    fn hand_over(&self, id: u64, process: u32) {
        let now = self.timeline.millis();
        let (messages, watcher) = {
            let mut state = self.lock();
            let watch = state
                .links
                .get(&process)
                .and_then(|link| link.watch.clone());
            (
                state.take_due(id, now),
                watch.map(|watch| (watch.watcher, watch.prefixes)),
            )
        };
        for message in messages {
            match message {
                // Its caller may have gone.
                Message::Reply(reply, answer) => drop(reply.send(answer)),
                Message::Changed(keys) => {
                    let Some((watcher, prefixes)) = &watcher else {
                        continue;
                    };
                    let Some(watcher) = Weak::upgrade(watcher) else {
                        continue;
                    };
                    let told = keys.iter().filter(|key| {
                        let mut prefixes = prefixes.iter();
                        prefixes.any(|prefix| key.as_str().starts_with(prefix.as_str()))
                    });
                    for key in told {
                        self.timeline
                            .tell(format_args!("p{process}"), || format!("is told {key}"));
                        watcher.changed(key.as_bytes());
                    }
                }
                Message::Beat(sent) => {
                    let watcher = watcher.as_ref().and_then(|(watcher, _)| watcher.upgrade());
                    if let Some(watcher) = watcher {
                        watcher.told_until(VirtualClock::moment(sent));
                    }
                }
            }
        }
    }
}

impl State {
    fn next_request(&mut self, id: u64) -> Next {
        let paused = self.server.paused_until;
        let Some(incarnation) = self.incarnations.get(&id) else {
            return Next::End;
        };
        match incarnation.to_server.front() {
            Some(sent) => Next::At(sent.due.max(incarnation.stalled_until).max(paused)),
            None if incarnation.open => Next::Wait,
            None => {
                self.incarnations.remove(&id);
                Next::End
            }
        }
    }

    fn next_message(&self, id: u64) -> Next {
        let Some(incarnation) = self.incarnations.get(&id).filter(|i| i.open) else {
            return Next::End;
        };
        match incarnation.to_client.front() {
            Some((due, _)) => Next::At((*due).max(incarnation.stalled_until)),
            None => Next::Wait,
        }
    }

    fn take_due(&mut self, id: u64, now: u64) -> Vec<Message> {
        let Some(incarnation) = self.incarnations.get_mut(&id) else {
            return Vec::new();
        };
        let mut messages = Vec::new();
        let due = |(due, _): &mut (u64, Message)| *due <= now;
        while let Some((_, message)) = incarnation.to_client.pop_front_if(due) {
            messages.push(message);
        }
        messages
    }
}
