use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use larder_testkit::{DetachedRedisServer, RedisServer};
use serde_json::{Value, json};

use crate::cargo::Workspace;
use crate::failure::Failure;
use crate::redis_install;

/// `cargo xtask redis up|down|status`
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let command: fn(&Path) -> Result<(), Failure> = match args[..] {
        ["up"] => up,
        ["down"] => down,
        ["status"] => status,
        [] => {
            return Err(Failure::Usage(
                "`cargo xtask redis` needs up, down or status".into(),
            ));
        }
        ["up" | "down" | "status", extra, ..] | [extra, ..] => {
            return Err(Failure::unknown_argument("redis", extra));
        }
    };
    command(&state_file()?)
}

fn up(state: &Path) -> Result<(), Failure> {
    if let Some(server) = recall(state)? {
        if is_running(&server, state)? {
            eprintln!("Already up; end it with `cargo xtask redis down`.");
            println!("REDIS_URL={}", server.url());
            return Ok(());
        }
        forget(server, state)?;
    }
    let binary = redis_install::ensure()?;
    let server = RedisServer::builder().binary(binary).start_detached()?;
    if let Err(failure) = remember(&server, state) {
        server.stop()?;
        return Err(failure);
    }
    eprintln!(
        "Up until `cargo xtask redis down`; its log is in {}.",
        server.directory().display()
    );
    println!("REDIS_URL={}", server.url());
    Ok(())
}

fn down(state: &Path) -> Result<(), Failure> {
    let Some(server) = recall(state)? else {
        eprintln!("Not up.");
        return Ok(());
    };
    let was_running = is_running(&server, state)?;
    let url = server.url();
    forget(server, state)?;
    if was_running {
        eprintln!("Stopped {url}.");
    } else {
        eprintln!("Not up: {url} had ended before.");
    }
    Ok(())
}

fn status(state: &Path) -> Result<(), Failure> {
    match recall(state)? {
        Some(server) if is_running(&server, state)? => {
            println!("REDIS_URL={}", server.url());
            return Ok(());
        }
        Some(server) => eprintln!("Not up: {} has ended.", server.url()),
        None => eprintln!("Not up; start it with `cargo xtask redis up`."),
    }
    Err(Failure::Reported)
}

fn is_running(server: &DetachedRedisServer, state: &Path) -> Result<bool, Failure> {
    server.is_running().map_err(|error| {
        Failure::Failed(format!(
            "{error}\nTo forget that server, delete {}.",
            state.display()
        ))
    })
}

fn state_file() -> Result<PathBuf, Failure> {
    Ok(Workspace::load()?.target_dir.join("larder-redis.json"))
}

fn recall(state: &Path) -> Result<Option<DetachedRedisServer>, Failure> {
    let text = match fs::read_to_string(state) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(state, error)),
    };
    match parse(&text) {
        Some(server) => Ok(Some(server)),
        None => Err(unreadable(
            state,
            "expected an object with port, run_id and directory",
        )),
    }
}

fn parse(text: &str) -> Option<DetachedRedisServer> {
    let value: Value = serde_json::from_str(text).ok()?;
    let port = u16::try_from(value["port"].as_u64()?).ok()?;
    let run_id = value["run_id"].as_str()?.to_owned();
    let directory = value["directory"].as_str()?.into();
    Some(DetachedRedisServer::remembered(port, run_id, directory))
}

fn unreadable(state: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!(
        "could not read {}: {why}; delete it to start afresh",
        state.display()
    ))
}

fn remember(server: &DetachedRedisServer, state: &Path) -> Result<(), Failure> {
    let value = json!({
        "port": server.port(),
        "run_id": server.run_id(),
        "directory": server.directory(),
    });
    let folder = state.parent().unwrap_or(state);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(state, format!("{value:#}\n")))
        .map_err(|error| Failure::new(&format!("could not write {}", state.display()), error))
}

fn forget(server: DetachedRedisServer, state: &Path) -> Result<(), Failure> {
    server.stop()?;
    fs::remove_file(state)
        .map_err(|error| Failure::new(&format!("could not remove {}", state.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_recalled() {
        let text = r#"{"port": 11111, "run_id": "abc", "directory": "/tmp/larder-redis-1-0"}"#;
        let expected =
            DetachedRedisServer::remembered(11111, "abc".into(), "/tmp/larder-redis-1-0".into());
        assert_eq!(parse(text), Some(expected));
    }

    #[test]
    fn a_broken_state_file_is_no_server() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"port": 99999, "run_id": "a", "directory": "/a"}"#,
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
