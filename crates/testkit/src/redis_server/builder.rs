use std::ffi::OsString;
use std::path::PathBuf;

use super::directory::Directory;
use super::launch::{Launch, Role};
use super::{DetachedRedisServer, RedisServer, RedisServerError, binary};

/// Arguments for a [`RedisServer`].
///
/// # Example
///
/// ```no_run
/// # fn main() -> Result<(), larder_testkit::RedisServerError> {
/// let server = larder_testkit::RedisServer::builder().arg("--requirepass").arg("x").start()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct RedisServerBuilder {
    binary: Option<PathBuf>,
    role: Role,
    args: Vec<OsString>,
}

impl RedisServerBuilder {
    /// One more argument for `redis-server`; it comes after the defaults and so overrides them.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// The `redis-server` (or `valkey-server`) to start. Default: what
    /// [`RedisServer::find_binary`] finds.
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    ///
    /// As [`RedisServer::start`].
    pub fn start(self) -> Result<RedisServer, RedisServerError> {
        let directory = Directory::create()?;
        let mut launch = self.into_launch()?;
        let process = launch.on_free_port(directory.path())?;
        Ok(RedisServer {
            process: Some(process),
            launch,
            directory,
        })
    }

    /// Starts a server that outlives this process, for work by hand. Somebody has to
    /// [`stop`](DetachedRedisServer::stop) it.
    ///
    /// # Errors
    ///
    /// As [`RedisServer::start`].
    pub fn start_detached(self) -> Result<DetachedRedisServer, RedisServerError> {
        let directory = Directory::create()?;
        let mut launch = self.into_launch()?;
        let process = launch.on_free_port(directory.path())?;
        DetachedRedisServer::leave(process, launch.port(), directory)
    }

    pub(crate) fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Starts the server on this port, with the files that are in the directory already. It tries
    /// once: [`RedisServerError::is_port_taken`] tells whether another port may help.
    pub(crate) fn start_in(
        self,
        directory: Directory,
        port: u16,
    ) -> Result<RedisServer, RedisServerError> {
        let mut launch = self.into_launch()?;
        let process = launch.on_port(port, directory.path())?;
        Ok(RedisServer {
            process: Some(process),
            launch,
            directory,
        })
    }

    fn into_launch(self) -> Result<Launch, RedisServerError> {
        let binary = self.binary.map_or_else(binary::find, Ok)?;
        Ok(Launch::new(binary, self.role, self.args))
    }
}
