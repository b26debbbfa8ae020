//! `cargo xtask redis` with real servers.

#![cfg(test)]

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// A place of its own for state and servers' files, emptied of servers at the end.
struct Desk {
    path: PathBuf,
}

impl Desk {
    fn new(name: &str) -> Self {
        let name = format!("larder-desk-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a directory");
        Self { path }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .arg("redis")
            .args(args)
            .env("CARGO_TARGET_DIR", &self.path)
            .env("TMPDIR", &self.path);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("xtask")
    }

    /// What a successful command prints to standard output.
    fn succeed(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn server_directories(&self) -> Vec<PathBuf> {
        self.entries("larder-redis-", |path| path.is_dir())
    }

    fn state_files(&self) -> Vec<PathBuf> {
        self.entries("larder-redis-", Path::is_file)
    }

    fn entries(&self, prefix: &str, wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.path).expect("a directory");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let is_ours = |path: &PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.starts_with(prefix) && wanted(path)
        };
        paths.filter(is_ours).collect()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.run(&["down"]);
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// `127.0.0.1:PORT` of everything in a setting.
fn addresses(export: &str) -> Vec<String> {
    let value = export.split_once('=').expect("a setting").1;
    let value = value.split_once("://").map_or(value, |(_, rest)| rest);
    let value = value.split_once('/').map_or(value, |(hosts, _)| hosts);
    value.split(',').map(str::to_owned).collect()
}

fn answers(address: &String) -> bool {
    TcpStream::connect(address).is_ok()
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "waited 20 s for {what}");
        sleep(Duration::from_millis(10));
    }
}

fn check_up_and_down(topology: &str, starts_with: &str, addresses_shown: usize, servers: usize) {
    let desk = Desk::new(topology);
    let export = desk.succeed(&["up", topology]);
    assert!(export.starts_with(starts_with), "{export}");
    let addresses = addresses(&export);
    assert_eq!(addresses.len(), addresses_shown);
    assert!(addresses.iter().all(answers), "they outlive the command");
    assert_eq!(desk.succeed(&["up", topology]), export, "up is up");
    assert_eq!(desk.succeed(&["status"]), export);
    assert_eq!(desk.server_directories().len(), servers);
    desk.succeed(&["down"]);
    assert!(!addresses.iter().any(answers));
    assert_eq!(desk.server_directories(), [] as [PathBuf; 0]);
    assert_eq!(desk.state_files(), [] as [PathBuf; 0]);
    assert!(!desk.run(&["status"]).status.success());
    desk.succeed(&["down"]);
}

#[test]
fn a_server_goes_up_and_down() {
    check_up_and_down("standalone", "REDIS_URL=redis://127.0.0.1:", 1, 1);
}

#[test]
fn every_kind_may_be_up_at_once() {
    let desk = Desk::new("all");
    let first = desk.succeed(&["up"]);
    let second = desk.succeed(&["up", "sentinel"]);
    assert_eq!(desk.succeed(&["status"]), format!("{first}\n{second}"));
    desk.succeed(&["down"]);
    assert_eq!(desk.server_directories(), [] as [PathBuf; 0]);
}

#[test]
fn a_server_of_another_is_left_alone() {
    let desk = Desk::new("another");
    let export = desk.succeed(&["up"]);
    let file = desk.state_files().remove(0);
    let state = fs::read_to_string(&file).expect("a state");
    let run_id = state.split("\"run_id\": \"").nth(1).expect("an id");
    let changed = state.replace(&run_id[..40], &"0".repeat(40));
    fs::write(&file, changed).expect("written");
    let output = desk.run(&["down"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains("left alone"), "{text}");
    assert!(addresses(&export).iter().all(answers));
    fs::write(&file, state).expect("written");
}

#[test]
fn a_failed_start_leaves_nothing() {
    let desk = Desk::new("failed");
    for topology in ["standalone", "cluster", "sentinel"] {
        let mut command = desk.command(&["up", topology]);
        let output = command.env("LARDER_REDIS_SERVER", "/bin/false").output();
        assert!(!output.expect("xtask").status.success(), "{topology}");
        assert_eq!(desk.server_directories(), [] as [PathBuf; 0], "{topology}");
        assert_eq!(desk.state_files(), [] as [PathBuf; 0], "{topology}");
    }
}

mod cluster {
    use super::*;

    #[test]
    fn it_goes_up_and_down() {
        let start = "REDIS_CLUSTER_NODES=127.0.0.1:";
        check_up_and_down("cluster", start, 6, 6);
    }

    /// While the nodes run already and are not yet a cluster.
    #[test]
    fn an_interrupt_while_it_starts_leaves_nothing() {
        let desk = Desk::new("interrupt");
        let mut command = desk.command(&["up", "cluster"]);
        let mut up = command.stderr(Stdio::null()).spawn().expect("xtask");
        eventually("six servers", || {
            let directories = desk.server_directories();
            let run = directories
                .iter()
                .filter(|dir| dir.join("redis.pid").exists());
            run.count() == 6
        });
        let status = Command::new("sh")
            .args(["-c", &format!("kill -INT {}", up.id())])
            .status();
        assert!(status.expect("sh").success());
        assert!(!up.wait().expect("ended").success(), "it was interrupted");
        eventually("the servers to go", || desk.server_directories().is_empty());
        assert_eq!(desk.state_files(), [] as [PathBuf; 0]);
    }
}

mod sentinel {
    use super::*;

    #[test]
    fn it_goes_up_and_down() {
        check_up_and_down("sentinel", "REDIS_URL=redis+sentinel://127.0.0.1:", 3, 6);
    }
}
