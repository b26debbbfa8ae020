//! A real `redis-server` process that belongs to one test.

pub(crate) mod binary;
mod builder;
mod detached;
pub(crate) mod directory;
mod error;
pub(crate) mod launch;
mod log;
pub(crate) mod port;
mod process;
mod reply;
pub(crate) mod wire;

use std::path::PathBuf;

pub use builder::RedisServerBuilder;
pub use detached::DetachedRedisServer;
pub use error::RedisServerError;

use directory::Directory;
use launch::Launch;
use process::Process;

/// A `redis-server` on a loopback port of its own, in a fresh temporary directory, without
/// persistence unless an argument asks for it.
///
/// The server ends with this value. It also ends when the test process dies without dropping it
/// (an abort, a kill, a `static`), because a watchdog process notices.
#[derive(Debug)]
pub struct RedisServer {
    // Before `directory`: the process ends before its files go.
    process: Option<Process>,
    launch: Launch,
    directory: Directory,
}

impl RedisServer {
    /// Starts a server with the default arguments and waits until it answers.
    ///
    /// # Errors
    ///
    /// When there is no `redis-server`, or it does not come up within 10 seconds; the message
    /// has the end of the server's log.
    pub fn start() -> Result<Self, RedisServerError> {
        Self::builder().start()
    }

    /// A server with arguments of your own.
    pub fn builder() -> RedisServerBuilder {
        RedisServerBuilder::default()
    }

    /// The `redis-server` that would be started: `LARDER_REDIS_SERVER`, else the first on `PATH`.
    ///
    /// # Errors
    ///
    /// When there is none; the message says how to get it.
    pub fn find_binary() -> Result<PathBuf, RedisServerError> {
        binary::find()
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// The port, the same before and after a restart.
    pub fn port(&self) -> u16 {
        self.launch.port()
    }

    /// Ends the server at once, as a crash would (SIGKILL). The port and the files stay reserved
    /// for [`restart`](Self::restart); killing a dead server does nothing.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Freezes the server (SIGSTOP): its connections stay open and nothing answers.
    ///
    /// # Errors
    ///
    /// When the server is not running.
    pub fn pause(&self) -> Result<(), RedisServerError> {
        self.signal("STOP")
    }

    /// Lets a paused server go on (SIGCONT).
    ///
    /// # Errors
    ///
    /// When the server is not running.
    pub fn resume(&self) -> Result<(), RedisServerError> {
        self.signal("CONT")
    }

    /// Kills the server if it still runs and starts it again on the same port, with the same
    /// arguments and files. Without `--appendonly yes` or `--save` it comes back empty.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> Result<(), RedisServerError> {
        self.kill();
        self.process = Some(self.launch.on_same_port(self.directory.path())?);
        Ok(())
    }

    /// What has to be remembered of this server to find it again once it is
    /// [detached](Self::detach). Kept before that, it is never lost.
    ///
    /// # Errors
    ///
    /// When the server does not tell its run id: it is not running, or wants a password.
    pub fn remember(&self) -> Result<DetachedRedisServer, RedisServerError> {
        DetachedRedisServer::of(self.port(), self.directory.path())
    }

    /// Lets the server outlive this value and this process.
    pub fn detach(self) {
        if let Some(process) = self.process {
            process.release();
            self.directory.keep();
        }
    }

    fn signal(&self, name: &str) -> Result<(), RedisServerError> {
        match &self.process {
            Some(process) => process.signal(name),
            None => Err(RedisServerError::not_running(self.port())),
        }
    }
}
