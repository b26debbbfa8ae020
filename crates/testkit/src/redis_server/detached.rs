use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::RedisServerError;
use super::directory::Directory;
use super::process::Process;
use super::reply::{self, Identity};

const STOP_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// A server that outlives the process that started it: what has to be remembered to find it again,
/// and to stop that server and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachedRedisServer {
    port: u16,
    run_id: String,
    directory: PathBuf,
}

impl DetachedRedisServer {
    /// A server that was started before, from what was remembered of it.
    pub fn remembered(port: u16, run_id: String, directory: PathBuf) -> Self {
        Self {
            port,
            run_id,
            directory,
        }
    }

    pub(super) fn leave(
        process: Process,
        port: u16,
        directory: Directory,
    ) -> Result<Self, RedisServerError> {
        let server = Self::of(port, directory.path())?;
        process.release();
        directory.keep();
        Ok(server)
    }

    pub(super) fn of(port: u16, directory: &Path) -> Result<Self, RedisServerError> {
        match reply::identity(port) {
            Ok(Identity::Known { run_id, .. }) => {
                Ok(Self::remembered(port, run_id, directory.to_owned()))
            }
            Ok(Identity::Hidden(answer)) => Err(RedisServerError::not_ours(port, answer)),
            Err(error) => Err(RedisServerError::io(
                "redis-server does not tell its id",
                error,
            )),
        }
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The run id that the server gave itself, different at each start.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The directory of the server's files and log.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether this very server still runs: `false` when nothing listens on its port.
    ///
    /// # Errors
    ///
    /// When something else answers there.
    pub fn is_running(&self) -> Result<bool, RedisServerError> {
        match reply::identity(self.port) {
            Ok(Identity::Known { run_id, .. }) if run_id == self.run_id => Ok(true),
            Ok(Identity::Known { run_id, .. }) => Err(RedisServerError::not_ours(
                self.port,
                format!("a Redis with run id {run_id}"),
            )),
            Ok(Identity::Hidden(answer)) => Err(RedisServerError::not_ours(self.port, answer)),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(false),
            Err(error) => Err(RedisServerError::io(
                format!("no answer of {}", self.url()),
                error,
            )),
        }
    }

    /// Ends the server, without saving, and removes its directory.
    ///
    /// # Errors
    ///
    /// When something else answers on its port (which is left alone), or it does not end within
    /// 10 seconds.
    pub fn stop(self) -> Result<(), RedisServerError> {
        if self.is_running()? {
            // It closes the connection without a reply, which reads as an error.
            let _ = reply::ask(self.port, "SHUTDOWN NOSAVE");
            self.wait_until_ended()?;
        }
        drop(Directory::adopt(self.directory));
        Ok(())
    }

    fn wait_until_ended(&self) -> Result<(), RedisServerError> {
        let started = Instant::now();
        while self.is_running().unwrap_or(true) {
            if started.elapsed() > STOP_LIMIT {
                let what = format!("{} did not end after SHUTDOWN", self.url());
                return Err(RedisServerError::io(what, ErrorKind::TimedOut.into()));
            }
            sleep(POLL);
        }
        Ok(())
    }
}
