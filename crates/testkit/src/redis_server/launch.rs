use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::log::Log;
use super::process::Process;
use super::reply::{self, Identity};
use super::{RedisServerError, port};

const START_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);
const PORTS_TO_TRY: usize = 20;

/// What a `redis-server` is started as.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Role {
    #[default]
    Server,
    /// Its whole configuration is in `sentinel.conf` in its directory, which it rewrites.
    Sentinel,
}

/// What it takes to start a server, the first time and again.
#[derive(Debug)]
pub(super) struct Launch {
    binary: PathBuf,
    role: Role,
    args: Vec<OsString>,
    port: u16,
}

impl Launch {
    pub(super) fn new(binary: PathBuf, role: Role, args: Vec<OsString>) -> Self {
        Self {
            binary,
            role,
            args,
            port: 0,
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn on_free_port(&mut self, dir: &Path) -> Result<Process, RedisServerError> {
        let mut tries = 0;
        loop {
            self.port = port::free().map_err(|error| RedisServerError::io("no port", error))?;
            tries += 1;
            match self.start(dir) {
                Err(error) if error.is_port_taken() && tries < PORTS_TO_TRY => {}
                result => return result,
            }
        }
    }

    /// Tries once: whoever chose the port has told it to others.
    pub(super) fn on_port(&mut self, port: u16, dir: &Path) -> Result<Process, RedisServerError> {
        self.port = port;
        self.start(dir)
    }

    pub(super) fn on_same_port(&self, dir: &Path) -> Result<Process, RedisServerError> {
        let started = Instant::now();
        loop {
            match self.start(dir) {
                Err(error) if error.is_port_taken() && started.elapsed() < START_LIMIT => {
                    sleep(POLL);
                }
                result => return result,
            }
        }
    }

    fn start(&self, dir: &Path) -> Result<Process, RedisServerError> {
        let failed =
            |error| RedisServerError::io(format!("could not run {}", self.binary.display()), error);
        let log = Log::open(dir).map_err(failed)?;
        let mut command = self.command(dir);
        command
            .stdout(log.writer().map_err(failed)?)
            .stderr(log.writer().map_err(failed)?);
        let mut process = Process::spawn(command, dir).map_err(failed)?;
        self.wait_until_up(&mut process, &log)?;
        Ok(process)
    }

    fn command(&self, dir: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(dir);
        match self.role {
            Role::Server => self.add_server_arguments(&mut command, dir),
            Role::Sentinel => command.arg(dir.join("sentinel.conf")).arg("--sentinel"),
        };
        command
    }

    fn add_server_arguments<'a>(&self, command: &'a mut Command, dir: &Path) -> &'a mut Command {
        command
            .args(["--port", &self.port.to_string()])
            .args(["--bind", "127.0.0.1", "--pidfile", "redis.pid", "--dir"])
            .arg(dir)
            .args(["--save", "", "--appendonly", "no", "--protected-mode", "no"])
            .args(["--enable-debug-command", "yes"])
            .args(&self.args)
    }

    fn wait_until_up(&self, process: &mut Process, log: &Log) -> Result<(), RedisServerError> {
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            let ended = process.exit_status();
            if let Some(status) = ended.map_err(|e| RedisServerError::io("lost redis-server", e))? {
                return Err(self.explain_exit(status, log));
            }
            if reply::is_up(self.port) {
                return self.confirm(process, log);
            }
            sleep(POLL);
        }
        Err(RedisServerError::silent(self.port, START_LIMIT, log.tail()))
    }

    fn explain_exit(&self, status: ExitStatus, log: &Log) -> RedisServerError {
        if log.text().contains("Address already in use") {
            RedisServerError::port_taken(self.port, log.tail())
        } else {
            RedisServerError::exited(status, log.tail())
        }
    }

    /// Another server may have taken the port in between, and it would answer just as well.
    fn confirm(&self, process: &Process, log: &Log) -> Result<(), RedisServerError> {
        match reply::identity(self.port) {
            Ok(Identity::Known { pid, .. }) if pid != process.pid() => {
                Err(RedisServerError::port_taken(self.port, log.tail()))
            }
            _ => Ok(()),
        }
    }
}
