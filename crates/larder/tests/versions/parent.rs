//! The test: it starts the two builds, tells them what to do, and holds what they report against
//! what must be.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use larder_testkit::RedisServer;

pub(crate) const BUILD: &str = "LARDER_TEST_BUILD";
pub(crate) const URL: &str = "LARDER_TEST_URL";
pub(crate) const KEYS: u64 = 16;
/// Of a mix: every kind of call for every key, several times.
pub(crate) const ROUNDS: u64 = KEYS * 21;
const MIXES: u64 = 5;

/// Reasons that a change of the type gives no cause for.
const NEVER: &[&str] = &[
    "corrupt",
    "undecodable",
    "foreign",
    "truncated",
    "failed_loads",
];

type Report = BTreeMap<String, u64>;

pub(crate) fn two_builds_share_one_server() {
    let server = RedisServer::start().unwrap();
    let mut old = Build::start("old", &server);
    let mut new = Build::start("new", &server);
    the_new_build_converts(&mut old, &mut new);
    the_old_build_loads(&mut old, &mut new);
    both_at_once(&mut old, &mut new);
    old.end();
    new.end();
}

fn the_new_build_converts(old: &mut Build, new: &mut Build) {
    old.told("write");
    let report = new.told("read");
    assert_eq!(report["converted"], KEYS, "{report:?}");
    assert_eq!(
        report["loads"], 0,
        "no load for a value that can be converted"
    );
    assert_eq!(of(&report, "schema"), 0, "{report:?}");
}

fn the_old_build_loads(old: &mut Build, new: &mut Build) {
    new.told("write");
    let report = old.told("read");
    assert_eq!(report["own"], KEYS, "{report:?}");
    assert_eq!(report["loads"], KEYS, "{report:?}");
    assert!(of(&report, "schema") >= KEYS, "{report:?}");
    let report = old.told("read");
    assert_eq!(report["loads"], 0, "what it loaded is stored: {report:?}");
    assert_eq!(new.told("read")["converted"], KEYS);
}

fn both_at_once(old: &mut Build, new: &mut Build) {
    let (mut olds, mut news) = (Report::new(), Report::new());
    for _ in 0..MIXES {
        old.tell("mix");
        new.tell("mix");
        add(&mut olds, old.report());
        add(&mut news, new.report());
    }
    println!("the old build: {olds:?}\nthe new build: {news:?}");
    assert!(olds["own"] > 0 && of(&olds, "schema") > 0, "{olds:?}");
    assert_eq!(olds["converted"], 0, "{olds:?}");
    assert!(news["own"] > 0 && news["converted"] > 0, "{news:?}");
    assert_eq!(of(&news, "schema"), 0, "{news:?}");
}

/// A process that runs one of the builds.
struct Build {
    name: &'static str,
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Build {
    fn start(name: &'static str, server: &RedisServer) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(BUILD, name)
            .env(URL, server.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.find(|line| line.as_ref().unwrap() == "ready");
        assert!(ready.is_some(), "the {name} build did not start");
        Self {
            name,
            process,
            lines,
        }
    }

    fn told(&mut self, command: &str) -> Report {
        self.tell(command);
        self.report()
    }

    fn tell(&mut self, command: &str) {
        let input = self.process.stdin.as_mut().unwrap();
        writeln!(input, "{command}").unwrap();
    }

    /// Waits until the command is done. A build that met an error has ended before.
    fn report(&mut self) -> Report {
        let mut report = Report::new();
        for line in &mut self.lines {
            let line = line.unwrap();
            if line == "done" {
                let met = NEVER.iter().find(|reason| of(&report, reason) > 0);
                assert_eq!(met, None, "the {} build: {report:?}", self.name);
                return report;
            }
            if let Some((name, count)) = line.split_once(' ') {
                report.insert(name.to_owned(), count.parse().unwrap());
            }
        }
        panic!("the {} build met an error, which stands above", self.name);
    }

    fn end(mut self) {
        drop(self.process.stdin.take());
        let status = self.process.wait().unwrap();
        assert!(status.success(), "the {} build: {status}", self.name);
    }
}

/// Where the test fails, nothing is left running.
impl Drop for Build {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn of(report: &Report, name: &str) -> u64 {
    report.get(name).copied().unwrap_or_default()
}

fn add(sum: &mut Report, report: Report) {
    for (name, count) in report {
        *sum.entry(name).or_default() += count;
    }
}
