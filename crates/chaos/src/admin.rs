//! Orders to a server, past the cache and any proxy.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Failure;

const PATIENCE: Duration = Duration::from_secs(20);

/// An open connection to a server on this host.
#[derive(Debug)]
pub(crate) struct Admin {
    stream: BufReader<TcpStream>,
}

impl Admin {
    pub(crate) async fn open(port: u16) -> Result<Self, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends a command, its words separated by spaces, and returns the text of the answer.
    ///
    /// # Errors
    /// When there is no answer, or it is a refusal.
    pub(crate) async fn ask(&mut self, command: &str) -> Result<String, Failure> {
        self.send(command).await?;
        timeout(PATIENCE, self.answer()).await?
    }

    /// Sends a command whose answer nobody waits for.
    pub(crate) async fn send(&mut self, command: &str) -> Result<(), Failure> {
        let words: Vec<&str> = command.split(' ').collect();
        let mut bytes = format!("*{}\r\n", words.len());
        for word in words {
            bytes.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(bytes.as_bytes()).await?;
        Ok(())
    }

    async fn answer(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        let line = line.trim_end();
        if let Some(refusal) = line.strip_prefix('-') {
            return Err(refusal.into());
        }
        let Some(length) = line.strip_prefix('$') else {
            return Ok(line.get(1..).unwrap_or_default().to_owned());
        };
        let length: usize = length.parse().unwrap_or(0);
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes).await?;
        bytes.truncate(length);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Sends one command over a connection of its own.
pub(crate) async fn ask(port: u16, command: &str) -> Result<String, Failure> {
    Admin::open(port).await?.ask(command).await
}

/// How many clients are connected: programs, not other servers, and not this one.
pub(crate) async fn clients(port: u16) -> Result<usize, Failure> {
    let list = ask(port, "CLIENT LIST TYPE normal").await?;
    let clients = list.lines().filter(|client| is_program(client)).count();
    Ok(clients.saturating_sub(1))
}

/// Sentinels give their connections a name; a node that moves keys to another keeps its
/// connection for a while.
fn is_program(client: &str) -> bool {
    !client.contains(" name=sentinel-") && !client.contains(" cmd=restore")
}

/// A number among the facts that the server tells of itself.
pub(crate) async fn info(port: u16, section: &str, name: &str) -> Result<Option<u64>, Failure> {
    let info = ask(port, &format!("INFO {section}")).await?;
    Ok(field(&info, name).and_then(|value| value.parse().ok()))
}

/// How often the server was asked for a command, refusals included.
pub(crate) async fn calls(port: u16, command: &str) -> Result<u64, Failure> {
    let info = ask(port, "INFO commandstats").await?;
    let statistics = field(&info, &format!("cmdstat_{command}")).unwrap_or_default();
    let count = |name: &str| {
        let mut parts = statistics.split(',');
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    };
    Ok(count("calls").unwrap_or(0) + count("rejected_calls").unwrap_or(0))
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_no_programs() {
        assert!(is_program(
            "id=3 addr=127.0.0.1:1 name= cmd=get user=default"
        ));
        assert!(!is_program("id=4 name=sentinel-0a1b-cmd cmd=ping"));
        assert!(!is_program("id=5 name= cmd=restore-asking user=default"));
    }

    #[test]
    fn facts_are_found_by_their_whole_name() {
        let info = "# Stats\r\nloading:1\r\nloading_start:7\r\n";
        assert_eq!(field(info, "loading"), Some("1"));
        assert_eq!(field(info, "load"), None);
    }
}
