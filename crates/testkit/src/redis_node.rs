//! One server among others: behind a proxy or not, with a password or without.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::fault_proxy::FaultProxy;
use crate::redis_server::wire::{Connection, Reply};
use crate::{DetachedRedisServer, RedisServer, RedisServerError};

/// A member of a cluster or of a Sentinel group.
#[derive(Debug)]
pub(crate) struct Node {
    own_port: u16,
    password: Option<String>,
    proxy: Option<FaultProxy>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    server: RedisServer,
    runs: Runs,
}

/// Whether it makes sense to wait for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    Yes,
    Paused,
    Killed,
}

impl Node {
    pub(crate) fn new(
        server: RedisServer,
        password: Option<String>,
        proxy: Option<FaultProxy>,
    ) -> Self {
        Self {
            own_port: server.port(),
            password,
            proxy,
            state: Mutex::new(State {
                server,
                runs: Runs::Yes,
            }),
        }
    }

    /// The port of the server itself.
    pub(crate) fn own_port(&self) -> u16 {
        self.own_port
    }

    /// The port that clients use and other nodes announce.
    pub(crate) fn port(&self) -> u16 {
        self.proxy.as_ref().map_or(self.own_port, FaultProxy::port)
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    pub(crate) fn proxy(&self) -> Option<&FaultProxy> {
        self.proxy.as_ref()
    }

    pub(crate) fn kill(&self) {
        let mut state = self.lock();
        state.server.kill();
        state.runs = Runs::Killed;
    }

    pub(crate) fn pause(&self) -> Result<(), RedisServerError> {
        let mut state = self.lock();
        state.server.pause()?;
        state.runs = Runs::Paused;
        Ok(())
    }

    pub(crate) fn resume(&self) -> Result<(), RedisServerError> {
        let mut state = self.lock();
        state.server.resume()?;
        state.runs = Runs::Yes;
        Ok(())
    }

    pub(crate) fn restart(&self) -> Result<(), RedisServerError> {
        let mut state = self.lock();
        state.runs = Runs::Killed;
        state.server.restart()?;
        state.runs = Runs::Yes;
        Ok(())
    }

    /// Neither killed nor paused by the test.
    pub(crate) fn is_expected_to_answer(&self) -> bool {
        self.lock().runs == Runs::Yes
    }

    /// A connection to the server itself, past the proxy.
    pub(crate) fn connect(&self) -> Result<Connection, RedisServerError> {
        Connection::open(self.own_port, self.password.as_deref()).map_err(|error| self.io(error))
    }

    /// Asks over a connection of its own.
    pub(crate) fn ask(&self, words: &[&str]) -> Result<Reply, RedisServerError> {
        let reply = self.connect()?.call(words);
        self.checked(reply, words)
    }

    /// Takes an error reply for an error.
    pub(crate) fn checked<W: AsRef<[u8]>>(
        &self,
        reply: std::io::Result<Reply>,
        words: &[W],
    ) -> Result<Reply, RedisServerError> {
        match reply.map_err(|error| self.io(error))? {
            Reply::Error(answer) => {
                let words: Vec<_> = words
                    .iter()
                    .map(|word| String::from_utf8_lossy(word.as_ref()))
                    .collect();
                Err(RedisServerError::refused(
                    self.own_port,
                    words.join(" "),
                    answer,
                ))
            }
            reply => Ok(reply),
        }
    }

    /// As [`ask`](Self::ask), for what answers in text.
    pub(crate) fn ask_text(&self, words: &[&str]) -> Result<String, RedisServerError> {
        let reply = self.ask(words)?;
        reply
            .text()
            .ok_or_else(|| RedisServerError::refused(self.own_port, words.join(" "), reply))
    }

    pub(crate) fn remember(&self) -> Result<DetachedRedisServer, RedisServerError> {
        self.lock().server.remember()
    }

    pub(crate) fn detach(self) {
        let state = self.state.into_inner();
        state
            .unwrap_or_else(PoisonError::into_inner)
            .server
            .detach();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn io(&self, error: std::io::Error) -> RedisServerError {
        RedisServerError::io(format!("no answer of 127.0.0.1:{}", self.own_port), error)
    }
}
