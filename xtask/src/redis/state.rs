use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use larder_testkit::{DetachedRedisServer, RedisServerError};
use serde_json::{Value, json};

use super::topology::Topology;
use crate::failure::Failure;

/// What is known of the servers of one topology that were left running, in a file of its own.
#[derive(Debug)]
pub(super) struct State {
    file: PathBuf,
    content: Content,
}

#[derive(Debug, PartialEq, Eq)]
struct Content {
    export: String,
    /// In the order in which to stop them.
    servers: Vec<DetachedRedisServer>,
}

impl State {
    pub(super) fn recall(topology: Topology, folder: &Path) -> Result<Option<Self>, Failure> {
        let file = file_of(topology, folder);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&file, error)),
        };
        match Content::parse(&text) {
            Some(content) => Ok(Some(Self { file, content })),
            None => Err(unreadable(
                &file,
                "expected an object with export and servers",
            )),
        }
    }

    pub(super) fn remember(
        topology: Topology,
        folder: &Path,
        export: String,
        servers: Vec<DetachedRedisServer>,
    ) -> Result<Self, Failure> {
        let state = Self {
            file: file_of(topology, folder),
            content: Content { export, servers },
        };
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&state.file, state.content.render()))
            .map_err(|error| {
                Failure::new(&format!("could not write {}", state.file.display()), error)
            })?;
        Ok(state)
    }

    /// The setting that makes a program use them.
    pub(super) fn export(&self) -> &str {
        &self.content.export
    }

    pub(super) fn servers(&self) -> usize {
        self.content.servers.len()
    }

    pub(super) fn log_folders(&self) -> Vec<String> {
        let folder = |server: &DetachedRedisServer| server.directory().display().to_string();
        self.content.servers.iter().map(folder).collect()
    }

    /// How many of them run.
    pub(super) fn running(&self) -> Result<usize, Failure> {
        let mut running = 0;
        for server in &self.content.servers {
            running += usize::from(server.is_running().map_err(|error| self.explain(&error))?);
        }
        Ok(running)
    }

    /// Stops them all and tells how many ran. Where one can't be stopped the others are all the
    /// same, and the file stays.
    pub(super) fn forget(self) -> Result<usize, Failure> {
        let mut stopped = 0;
        let mut result = Ok(());
        for server in self.content.servers.clone() {
            let stop = || {
                let was_running = server.is_running()?;
                server.stop()?;
                Ok(usize::from(was_running))
            };
            match stop() {
                Ok(count) => stopped += count,
                Err(error) => result = result.and(Err(self.explain(&error))),
            }
        }
        result?;
        fs::remove_file(&self.file).map_err(|error| {
            Failure::new(&format!("could not remove {}", self.file.display()), error)
        })?;
        Ok(stopped)
    }

    fn explain(&self, error: &RedisServerError) -> Failure {
        let file = self.file.display();
        Failure::Failed(format!("{error}\nTo forget these servers, delete {file}."))
    }
}

impl Content {
    fn render(&self) -> String {
        let servers: Vec<Value> = self
            .servers
            .iter()
            .map(|server| {
                json!({
                    "port": server.port(),
                    "run_id": server.run_id(),
                    "directory": server.directory(),
                })
            })
            .collect();
        format!("{:#}\n", json!({"export": self.export, "servers": servers}))
    }

    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let servers = value["servers"].as_array()?.iter().map(parse_server);
        Some(Self {
            export: value["export"].as_str()?.to_owned(),
            servers: servers.collect::<Option<_>>()?,
        })
    }
}

fn parse_server(value: &Value) -> Option<DetachedRedisServer> {
    let port = u16::try_from(value["port"].as_u64()?).ok()?;
    let run_id = value["run_id"].as_str()?.to_owned();
    let directory = value["directory"].as_str()?.into();
    Some(DetachedRedisServer::remembered(port, run_id, directory))
}

fn file_of(topology: Topology, folder: &Path) -> PathBuf {
    folder.join(format!("larder-redis-{}.json", topology.name()))
}

fn unreadable(file: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!(
        "could not read {}: {why}; delete it to start afresh",
        file.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_recalled() {
        let server = |port| {
            let directory = format!("/tmp/larder-redis-1-{port}").into();
            DetachedRedisServer::remembered(port, format!("id of {port}"), directory)
        };
        let content = Content {
            export: "REDIS_CLUSTER_NODES=a,b".into(),
            servers: vec![server(11111), server(11112)],
        };
        assert_eq!(Content::parse(&content.render()), Some(content));
    }

    #[test]
    fn a_broken_state_file_is_no_state() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"export": "a", "servers": [{"port": 99999, "run_id": "a", "directory": "/a"}]}"#,
            r#"{"export": "a", "servers": [{"port": 1, "directory": "/a"}]}"#,
        ] {
            assert_eq!(Content::parse(text), None, "{text:?}");
        }
    }
}
