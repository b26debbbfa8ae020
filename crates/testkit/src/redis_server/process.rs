use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::RedisServerError;

/// Waits for the end of its input, which comes when the process at the other end of the pipe has
/// ended for whatever reason, and then ends the server.
const WATCHDOG: &str = r#"trap "" INT TERM HUP; read -r _; kill -KILL "$1"; rm -rf -- "$2""#;

/// A running server and the watchdog that ends it when this process dies. Dropping ends both.
#[derive(Debug)]
pub(super) struct Process {
    server: Child,
    watchdog: Option<Child>,
    is_released: bool,
}

impl Process {
    /// Both get process groups of their own: a Ctrl-C goes to the tests, and the server ends after
    /// them instead of failing them first.
    pub(super) fn spawn(mut command: Command, dir: &Path) -> io::Result<Self> {
        let server = command.stdin(Stdio::null()).process_group(0).spawn()?;
        let mut process = Self {
            server,
            watchdog: None,
            is_released: false,
        };
        process.watchdog = Some(watch(process.server.id(), dir)?);
        Ok(process)
    }

    pub(super) fn pid(&self) -> u32 {
        self.server.id()
    }

    pub(super) fn exit_status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.server.try_wait()
    }

    pub(super) fn signal(&self, name: &str) -> Result<(), RedisServerError> {
        // The shell's own `kill`: a minimal system may have no other.
        let status = Command::new("sh")
            .args([
                "-c",
                r#"kill -"$1" "$2""#,
                "sh",
                name,
                &self.pid().to_string(),
            ])
            .status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(io::Error::other(status.to_string())),
            Err(error) => Err(error),
        }
        .map_err(|error| RedisServerError::io(format!("could not send SIG{name} to Redis"), error))
    }

    /// Lets the server live on without this process.
    pub(super) fn release(mut self) {
        self.is_released = true;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The watchdog first: once the server is reaped, its process id may belong to another.
        if let Some(watchdog) = &mut self.watchdog {
            end(watchdog);
        }
        if !self.is_released {
            end(&mut self.server);
        }
    }
}

fn watch(pid: u32, dir: &Path) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", WATCHDOG, "larder-watchdog", &pid.to_string()])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

fn end(child: &mut Child) {
    // Both fail only for a process that has ended and been reaped, which is what is wanted.
    let _ = child.kill();
    let _ = child.wait();
}
