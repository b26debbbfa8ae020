use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);
const LONGEST_LINE_BYTES: u64 = 64 * 1024;
const LONGEST_BULK_BYTES: u64 = 64 << 20;
const LONGEST_ARRAY: usize = 1 << 20;
const DEEPEST: usize = 16;

/// What a server says to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Status(String),
    Error(String),
    Integer(i64),
    Bulk(Option<Vec<u8>>),
    Array(Vec<Reply>),
}

impl Reply {
    /// A status or a bulk string as text; nothing for all else.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Status(text) => Some(text.clone()),
            Self::Bulk(Some(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }

    /// The elements of an array; none for all else.
    pub(crate) fn elements(&self) -> &[Reply] {
        match self {
            Self::Array(elements) => elements,
            _ => &[],
        }
    }

    /// How many bulk or status strings in it, however deep, are `wanted`.
    pub(crate) fn count(&self, wanted: &str) -> usize {
        let own = usize::from(self.text().is_some_and(|text| text == wanted));
        let deeper: usize = self
            .elements()
            .iter()
            .map(|reply| reply.count(wanted))
            .sum();
        own + deeper
    }
}

/// A RESP2 connection, for the few commands that a test's own topology needs.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Each later call waits 2 seconds at most for each part of an answer.
    pub(crate) fn open(port: u16, password: Option<&str>) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut connection = Self {
            stream: BufReader::new(stream),
        };
        if let Some(password) = password {
            connection.authenticate(password)?;
        }
        Ok(connection)
    }

    pub(crate) fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> io::Result<Reply> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            let word = word.as_ref();
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&request)?;
        read(&mut self.stream, DEEPEST)
    }

    fn authenticate(&mut self, password: &str) -> io::Result<()> {
        match self.call(&["AUTH", password])? {
            Reply::Error(refusal) => Err(io::Error::new(io::ErrorKind::PermissionDenied, refusal)),
            _ => Ok(()),
        }
    }
}

fn read(from: &mut impl BufRead, depth: usize) -> io::Result<Reply> {
    let line = read_line(from)?;
    let rest = line.get(1..).unwrap_or_default();
    match line.as_bytes().first() {
        Some(b'+') => Ok(Reply::Status(rest.to_owned())),
        Some(b'-') => Ok(Reply::Error(rest.to_owned())),
        Some(b':') => Ok(Reply::Integer(number(rest)?)),
        Some(b'$') => read_bulk(from, number(rest)?),
        Some(b'*') if depth > 0 => read_array(from, number(rest)?, depth - 1),
        _ => Err(malformed(&line)),
    }
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    from.take(LONGEST_LINE_BYTES).read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn read_bulk(from: &mut impl BufRead, length: i64) -> io::Result<Reply> {
    let Ok(length) = u64::try_from(length) else {
        return Ok(Reply::Bulk(None));
    };
    if length > LONGEST_BULK_BYTES {
        return Err(malformed(&format!("a bulk string of {length} bytes")));
    }
    let mut bytes = Vec::new();
    from.take(length + 2).read_to_end(&mut bytes)?;
    if !bytes.ends_with(b"\r\n") || bytes.len() as u64 != length + 2 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(bytes.len() - 2);
    Ok(Reply::Bulk(Some(bytes)))
}

fn read_array(from: &mut impl BufRead, length: i64, depth: usize) -> io::Result<Reply> {
    let length = usize::try_from(length).unwrap_or(0);
    if length > LONGEST_ARRAY {
        return Err(malformed(&format!("an array of {length} elements")));
    }
    let elements: io::Result<_> = (0..length).map(|_| read(from, depth)).collect();
    Ok(Reply::Array(elements?))
}

fn number(text: &str) -> io::Result<i64> {
    text.parse().map_err(|_| malformed(text))
}

fn malformed(what: &str) -> io::Error {
    let message = format!("expected a RESP2 reply, found `{what}`");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(Some(text.into()))
    }

    #[test]
    fn replies_are_read() {
        let check = |bytes: &str, expected: Reply| {
            let reply = read(&mut bytes.as_bytes(), DEEPEST).expect(bytes);
            assert_eq!(reply, expected, "{bytes:?}");
        };
        check("+OK\r\n", Reply::Status("OK".into()));
        check("-ERR no\r\n", Reply::Error("ERR no".into()));
        check(":-7\r\n", Reply::Integer(-7));
        check("$4\r\na\r\nb\r\n", bulk("a\r\nb"));
        check("$-1\r\n", Reply::Bulk(None));
        check("*-1\r\n", Reply::Array(vec![]));
        check(
            "*2\r\n*1\r\n$1\r\na\r\n:1\r\n",
            Reply::Array(vec![Reply::Array(vec![bulk("a")]), Reply::Integer(1)]),
        );
    }

    #[test]
    fn what_is_no_whole_reply_is_an_error() {
        for bytes in [
            "",
            "+OK",
            "HTTP/1.1 400\r\n",
            "$5\r\nab\r\n",
            "$2\r\nabcd",
            "$x\r\n",
            "*2\r\n:1\r\n",
            "*99999999999\r\n",
        ] {
            assert!(read(&mut bytes.as_bytes(), DEEPEST).is_err(), "{bytes:?}");
        }
        let deep = "*1\r\n".repeat(DEEPEST + 1);
        assert!(read(&mut deep.as_bytes(), DEEPEST).is_err());
    }

    #[test]
    fn strings_are_counted_at_any_depth() {
        let reply = Reply::Array(vec![bulk("online"), Reply::Array(vec![bulk("online")])]);
        assert_eq!(reply.count("online"), 2);
        assert_eq!(reply.count("on"), 0);
    }
}
