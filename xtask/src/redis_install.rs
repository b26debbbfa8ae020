use std::path::{Path, PathBuf};
use std::process::Command;

use larder_testkit::RedisServer;

use crate::cargo;
use crate::failure::Failure;

/// A `redis-server` to test with; on a machine of root's with `apt-get` it is installed where it
/// is absent.
pub(crate) fn ensure() -> Result<PathBuf, Failure> {
    match RedisServer::find_binary() {
        Ok(binary) => Ok(binary),
        Err(absent) if is_chosen_by_hand() || !can_install() => Err(absent.into()),
        Err(_) => {
            install()?;
            Ok(RedisServer::find_binary()?)
        }
    }
}

fn is_chosen_by_hand() -> bool {
    std::env::var_os("LARDER_REDIS_SERVER").is_some_and(|value| !value.is_empty())
}

fn can_install() -> bool {
    output_of("id", "-u").is_some_and(|user| user.trim() == "0")
        && output_of("apt-get", "--version").is_some()
}

fn output_of(program: &str, arg: &str) -> Option<String> {
    let output = Command::new(program).arg(arg).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn install() -> Result<(), Failure> {
    println!("No redis-server here: installing it.");
    cargo::run(&mut apt_get(&["update"]))?;
    cargo::run(&mut apt_get(&["install", "-y", "redis-server"]))?;
    stop_the_service()
}

fn apt_get(args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    // In runlevel 1 the package does not start its service, which nobody here asked for.
    command
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1");
    command
}

/// Only called where we installed it: systemd knows no `RUNLEVEL` variable and has started it.
fn stop_the_service() -> Result<(), Failure> {
    if !Path::new("/run/systemd/system").exists() {
        return Ok(());
    }
    println!("The tests start their own servers: the service of the package is not needed.");
    cargo::run(Command::new("systemctl").args(["disable", "--now", "redis-server"]))
}
