use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::RedisServerError;

/// Reads the server's process id and waits for the end of its input, which comes when the process
/// at the other end of the pipe has ended for whatever reason, and then ends the server. Where
/// that process ended before it could tell the id, the server itself soon writes it down.
const WATCHDOG: &str = r#"
trap "" INT TERM HUP
read -r pid
read -r _
[ -n "$pid" ] || { sleep 1; read -r pid < "$1/redis.pid"; }
[ -n "$pid" ] && kill -KILL "$pid"
rm -rf -- "$1"
"#;

/// A running server and the watchdog that ends it when this process dies. Dropping ends both.
#[derive(Debug)]
pub(super) struct Process {
    server: Child,
    watchdog: Child,
    is_released: bool,
}

impl Process {
    /// Both get process groups of their own: a Ctrl-C goes to the tests, and the server ends after
    /// them instead of failing them first.
    pub(super) fn spawn(mut command: Command, dir: &Path) -> io::Result<Self> {
        // The watchdog first: from the start there is no server without one.
        let mut watchdog = watch(dir)?;
        let server = match command.stdin(Stdio::null()).process_group(0).spawn() {
            Ok(server) => server,
            Err(error) => {
                end(&mut watchdog);
                return Err(error);
            }
        };
        let mut process = Self {
            server,
            watchdog,
            is_released: false,
        };
        process.tell_the_watchdog()?;
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

    fn tell_the_watchdog(&mut self) -> io::Result<()> {
        let id = self.pid();
        match &mut self.watchdog.stdin {
            Some(input) => writeln!(input, "{id}"),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Lets the server live on without this process.
    pub(super) fn release(mut self) {
        self.is_released = true;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The watchdog first: once the server is reaped, its process id may belong to another.
        end(&mut self.watchdog);
        if !self.is_released {
            end(&mut self.server);
        }
    }
}

fn watch(dir: &Path) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", WATCHDOG, "larder-watchdog"])
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::redis_server::directory::Directory;

    /// Starts a process that the watchdog of a directory ends, told of it in that way.
    fn check(tell: impl Fn(&mut Child, u32, &Path)) {
        let directory = Directory::create().expect("a directory").keep();
        let mut watchdog = watch(&directory).expect("a watchdog");
        let mut server = Command::new("sleep").arg("60").spawn().expect("a process");
        tell(&mut watchdog, server.id(), &directory);
        assert!(server.try_wait().expect("a state").is_none(), "too early");
        drop(watchdog.stdin.take());
        let started = Instant::now();
        while server.try_wait().expect("a state").is_none() {
            assert!(started.elapsed() < Duration::from_secs(10), "it lives on");
            std::thread::sleep(Duration::from_millis(5));
        }
        watchdog.wait().expect("ended");
        assert!(!directory.exists());
    }

    #[test]
    fn a_watchdog_ends_the_server_that_it_was_told_of() {
        check(|watchdog, id, _| {
            let input = watchdog.stdin.as_mut().expect("a pipe");
            writeln!(input, "{id}").expect("told");
        });
    }

    #[test]
    fn a_watchdog_that_was_told_nothing_finds_the_server() {
        check(|_, id, directory| {
            fs::write(directory.join("redis.pid"), format!("{id}\n")).expect("written");
        });
    }
}
