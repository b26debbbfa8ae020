use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(1);
const LONGEST_BULK_BYTES: usize = 1 << 20;

/// Who answers on a port.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// A server that tells its process id and its run id (random for each start).
    Known { pid: u32, run_id: String },
    /// A server that is up but does not say who it is, with its reason (`-NOAUTH ...`).
    Hidden(String),
}

/// Whether a server answers `PING`. One that wants a password or still loads its data is up.
pub(super) fn is_up(port: u16) -> bool {
    ask(port, "PING").is_ok_and(|reply| means_up(&reply))
}

/// Asks the server on `port` who it is.
pub(super) fn identity(port: u16) -> io::Result<Identity> {
    let info = ask(port, "INFO server")?;
    let pid = field(&info, "process_id").and_then(|value| value.parse().ok());
    Ok(match (pid, field(&info, "run_id")) {
        (Some(pid), Some(run_id)) => Identity::Known {
            pid,
            run_id: run_id.to_owned(),
        },
        _ => Identity::Hidden(info.lines().next().unwrap_or_default().to_owned()),
    })
}

/// Sends one inline command over a connection of its own: a status or error line as it came, or
/// the text of a bulk string.
pub(super) fn ask(port: u16, command: &str) -> io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    read_reply(&mut BufReader::new(stream))
}

fn means_up(reply: &str) -> bool {
    ["+PONG", "-NOAUTH", "-LOADING"]
        .iter()
        .any(|start| reply.starts_with(start))
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

fn read_reply(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.take(512).read_line(&mut line)?;
    let line = line.trim_end();
    let Some(length) = line
        .strip_prefix('$')
        .and_then(|text| text.parse::<usize>().ok())
    else {
        return Ok(line.to_owned());
    };
    let mut text = String::new();
    reader
        .take(length.min(LONGEST_BULK_BYTES) as u64)
        .read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read() {
        let check = |bytes: &str, expected: &str| {
            assert_eq!(
                read_reply(&mut bytes.as_bytes()).expect("a reply"),
                expected,
                "{bytes:?}"
            );
        };
        check("+PONG\r\n", "+PONG");
        check(
            "-NOAUTH Authentication required.\r\n",
            "-NOAUTH Authentication required.",
        );
        check("$5\r\na:1\r\n\r\n", "a:1\r\n");
        check("$99999999999\r\nshort", "short");
        check("", "");
    }

    #[test]
    fn a_server_that_answers_at_all_is_up() {
        let check =
            |reply: &str, expected: bool| assert_eq!(means_up(reply), expected, "{reply:?}");
        check("+PONG", true);
        check("-NOAUTH Authentication required.", true);
        check("-LOADING Redis is loading the dataset in memory", true);
        check("-ERR unknown command", false);
        check("HTTP/1.1 400 Bad Request", false);
        check("", false);
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let info = "# Server\r\nprocess_id:42\r\nrun_id:abc\r\n";
        assert_eq!(field(info, "process_id"), Some("42"));
        assert_eq!(field(info, "run_id"), Some("abc"));
        assert_eq!(field(info, "run"), None);
    }
}
