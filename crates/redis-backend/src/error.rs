//! What the server and the client library report, in the words of the workspace.

use std::io;
use std::time::Duration;

use larder_cache_core::{Error, ErrorKind};
use redis::{RedisError, ServerError};

/// A command that the server answered with an error.
pub(crate) fn refused(answer: &ServerError) -> Error {
    refusal(answer.code(), answer.details().unwrap_or_default())
}

/// Anything that the client library reports.
///
/// Its own text is printed for input and output alone: that of others may quote bytes of a
/// value or of a password.
pub(crate) fn reported(error: &RedisError) -> Error {
    if let Some(code) = error.code() {
        return refusal(code, error.detail().unwrap_or_default());
    }
    match error.kind() {
        redis::ErrorKind::Io => {
            Error::new(ErrorKind::Connection, "the connection broke").with("reason", error)
        }
        redis::ErrorKind::Parse => Error::new(
            ErrorKind::Connection,
            "the server answers in another protocol than Redis's: check host and port, \
             and whether it wants TLS",
        ),
        redis::ErrorKind::AuthenticationFailed => {
            Error::new(ErrorKind::Auth, WRONG_LOGIN).replay_safe()
        }
        redis::ErrorKind::RESP3NotSupported => Error::new(ErrorKind::Config, TOO_OLD),
        _ => Error::new(ErrorKind::Server, "the client library reports an error")
            .with("reason", error.category()),
    }
}

/// The other end closed the connection.
pub(crate) fn hung_up() -> Error {
    let message = "the connection ended: the server or something in between closed it";
    Error::new(ErrorKind::Connection, message)
}

/// The connection can't be used any more.
pub(crate) fn broke(reason: &io::Error) -> Error {
    Error::new(ErrorKind::Connection, "the connection broke").with("reason", reason)
}

/// A reply came that nobody had asked for, so that none can be trusted any more.
pub(crate) fn unasked() -> Error {
    Error::new(
        ErrorKind::Connection,
        "the server answered what was not asked: is there a proxy in between?",
    )
}

/// So many requests wait for the server that no more are taken.
pub(crate) fn too_many_waiting() -> Error {
    Error::new(
        ErrorKind::Backpressure,
        "too many requests wait for Redis already; this one was not sent",
    )
}

/// The circuit breaker keeps the call away from the server.
pub(crate) fn circuit_open() -> Error {
    Error::new(
        ErrorKind::CircuitOpen,
        "Redis failed several calls in a row and is given time to recover; nothing was sent",
    )
}

/// The connection ended before the request was sent.
pub(crate) fn never_sent(why: &Error) -> Error {
    let message = "the connection ended; nothing was sent";
    Error::new(ErrorKind::Connection, message)
        .with("reason", why)
        .replay_safe()
}

/// The reply is of another type than the command's: those behind it can't be trusted
/// either, and the connection is given up.
pub(crate) fn unexpected_reply(expected: &'static str) -> Error {
    Error::new(
        ErrorKind::Connection,
        "the server answered with another type than the command has: is it Redis 6.2 or later, \
         or a proxy in between?",
    )
    .with("expected", expected)
}

/// The budget ended while the command was under way.
pub(crate) fn no_answer(budget: Duration) -> Error {
    Error::new(
        ErrorKind::Timeout,
        "no answer from Redis within the call's budget; a write may have been applied",
    )
    .with("budget", format!("{budget:?}"))
}

/// The budget ended before there was a connection to send the command on.
pub(crate) fn no_connection(budget: Duration) -> Error {
    Error::new(
        ErrorKind::Timeout,
        "no connection to Redis within the call's budget; nothing was sent",
    )
    .with("budget", format!("{budget:?}"))
    .replay_safe()
}

/// The budget ended while the request waited for its turn on a connection.
pub(crate) fn not_sent(budget: Duration) -> Error {
    Error::new(
        ErrorKind::Timeout,
        "Redis takes no more requests within the call's budget; nothing was sent",
    )
    .with("budget", format!("{budget:?}"))
    .replay_safe()
}

/// The budget ended while a large value was under way.
pub(crate) fn large_value_late() -> Error {
    Error::new(
        ErrorKind::Timeout,
        "a large value was not read or stored within the call's budget: raise the budget, or \
         cache smaller parts; a write may have been applied",
    )
}

/// The connection was given up while the command was under way.
pub(crate) fn given_up(why: &Error) -> Error {
    let message = "the connection was given up; a write may have been applied";
    Error::new(ErrorKind::Connection, message).with("reason", why)
}

/// The backend is closed.
pub(crate) fn closed() -> Error {
    Error::new(
        ErrorKind::Closed,
        "the Redis backend was closed, or the runtime it was made in has ended",
    )
}

/// Part of a batch was refused, so that the batch as a whole had an effect.
pub(crate) fn in_part(error: &Error) -> Error {
    let message = format!("a part of the batch failed: {error}");
    let partial = Error::new(error.kind(), message);
    if error.is_transient() {
        partial.transient()
    } else {
        partial
    }
}

const WRONG_LOGIN: &str = "the server refuses the user or the password: check both, and the \
                           server's requirepass or ACL";
const TOO_OLD: &str = "the server lacks a command: Redis 6.2 or later, or Valkey, is needed";

/// Whether an error passes without anybody's doing.
enum Nature {
    Passing,
    Lasting,
}

/// The errors of which it is known that the command had no effect.
#[rustfmt::skip]
const REFUSALS: &[(&str, ErrorKind, Nature, &str)] = &[
    ("OOM", ErrorKind::Server, Nature::Lasting,
     "Redis is out of memory and takes no writes: raise maxmemory or, where it holds caches alone, set an eviction policy such as allkeys-lfu"),
    ("READONLY", ErrorKind::Server, Nature::Passing,
     "the server is a replica now and takes no writes: waiting for its master, else correct the URL"),
    ("MASTERDOWN", ErrorKind::Server, Nature::Passing,
     "the server is a replica without its master and serves no data"),
    ("MISCONF", ErrorKind::Server, Nature::Lasting,
     "Redis can't save to disk and takes no writes: look at its log and disk"),
    ("NOREPLICAS", ErrorKind::Server, Nature::Passing,
     "Redis takes no writes while it has fewer replicas than min-replicas-to-write"),
    ("BUSY", ErrorKind::Server, Nature::Passing,
     "Redis is busy with a slow script: SCRIPT KILL ends it"),
    ("LOADING", ErrorKind::Server, Nature::Passing,
     "Redis is loading its data from disk"),
    ("CLUSTERDOWN", ErrorKind::Server, Nature::Passing,
     "the cluster is down"),
    ("TRYAGAIN", ErrorKind::Server, Nature::Passing,
     "the cluster is moving these keys"),
    ("MOVED", ErrorKind::Config, Nature::Lasting,
     "the server is part of a cluster: configure the cluster's nodes, not one server"),
    ("ASK", ErrorKind::Config, Nature::Lasting,
     "the server is part of a cluster: configure the cluster's nodes, not one server"),
    ("NOAUTH", ErrorKind::Auth, Nature::Lasting,
     "the server wants a password: put it into the URL or into the password setting"),
    ("WRONGPASS", ErrorKind::Auth, Nature::Lasting, WRONG_LOGIN),
    ("NOPERM", ErrorKind::Auth, Nature::Lasting,
     "the user may not do this: grant it with ACL SETUSER"),
    ("WRONGTYPE", ErrorKind::WrongType, Nature::Lasting,
     "the key holds something that is not a plain string: delete it or use another key"),
];

fn refusal(code: &str, detail: &str) -> Error {
    let (code, detail) = of_script(detail).unwrap_or((code, detail));
    let known = REFUSALS.iter().find(|(known, ..)| *known == code);
    let error = match known {
        Some((_, kind, Nature::Passing, message)) => {
            Error::new(*kind, *message).transient().replay_safe()
        }
        Some((_, kind, Nature::Lasting, message)) => Error::new(*kind, *message).replay_safe(),
        None if detail.starts_with("unknown command") => {
            Error::new(ErrorKind::Config, TOO_OLD).replay_safe()
        }
        None if detail.starts_with("DB index is out of range") => Error::new(
            ErrorKind::Config,
            "the server has no database of this number",
        )
        .replay_safe(),
        None => Error::new(ErrorKind::Server, "Redis answered with an error"),
    };
    error.with("answer", format!("{code} {}", harmless(detail)).trim_end())
}

/// What ended a script. Redis before 7.0 says it behind where that was:
/// `ERR Error running script (call to f_7b): @user_script:6: WRONGTYPE Operation against...`
fn of_script(detail: &str) -> Option<(&str, &str)> {
    let told = detail.strip_prefix("Error running script")?;
    told.match_indices(": ").find_map(|(at, _)| {
        let cause = told[at + 2..].trim_start_matches('-');
        let (code, detail) = cause.split_once(' ').unwrap_or((cause, ""));
        let is_known = REFUSALS.iter().any(|(known, ..)| *known == code);
        is_known.then_some((code, detail))
    })
}

/// The server's words without what it may quote of a command: values and passwords.
fn harmless(detail: &str) -> &str {
    const LONGEST: usize = 200;
    let end = detail
        .find(", with args beginning with")
        .unwrap_or(detail.len());
    &detail[..detail.floor_char_boundary(end.min(LONGEST))]
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;

    fn answer(line: &str) -> Error {
        let reply = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        match reply {
            Value::ServerError(answer) => refused(&answer),
            other => panic!("{other:?}"),
        }
    }

    fn check(line: &str, kind: ErrorKind, transient: bool, replay_safe: bool, expected: &str) {
        let error = answer(line);
        assert_eq!(error.kind(), kind, "{line}");
        assert_eq!(error.is_transient(), transient, "{line}");
        assert_eq!(error.is_replay_safe(), replay_safe, "{line}");
        assert!(error.to_string().contains(expected), "{line}: {error}");
    }

    #[test]
    fn answers_become_errors_by_their_code() {
        use ErrorKind::{Auth, Config, Server, WrongType};
        #[rustfmt::skip]
        let table = [
            ("OOM command not allowed when used memory > 'maxmemory'.", Server, false, true, "maxmemory"),
            ("READONLY You can't write against a read only replica.", Server, true, true, "replica"),
            ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", Server, true, true, "without its master"),
            ("MISCONF Redis is configured to save RDB snapshots", Server, false, true, "disk"),
            ("NOREPLICAS Not enough good replicas to write.", Server, true, true, "min-replicas-to-write"),
            ("BUSY Redis is busy running a script.", Server, true, true, "SCRIPT KILL"),
            ("LOADING Redis is loading the dataset in memory", Server, true, true, "loading"),
            ("NOAUTH Authentication required.", Auth, false, true, "wants a password"),
            ("WRONGPASS invalid username-password pair or user is disabled.", Auth, false, true, "refuses the user"),
            ("NOPERM User bob has no permissions to run the 'get' command", Auth, false, true, "'get' command"),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", WrongType, false, true, "not a plain string"),
            ("MOVED 3999 127.0.0.1:6381", Config, false, true, "part of a cluster"),
            ("ASK 3999 127.0.0.1:6381", Config, false, true, "part of a cluster"),
            ("ERR Error running script (call to f_2c): @user_script:6: WRONGTYPE Operation against a key", WrongType, false, true, "not a plain string"),
            ("ERR Error running script (call to f_2c): @user_script:8: @user_script: 8: -OOM command not allowed", Server, false, true, "maxmemory"),
            ("ERR Error running script (call to f_2c): @user_script:1: a number: none", Server, false, false, "a number"),
            ("ERR value is not an integer or out of range", Server, false, false, "out of range"),
            ("WHATEVER", Server, false, false, "answer: WHATEVER"),
        ];
        for (line, kind, transient, replay_safe, expected) in table {
            check(line, kind, transient, replay_safe, expected);
        }
    }

    #[test]
    fn quoted_arguments_are_never_printed() {
        let error = answer("ERR unknown command 'HELLO', with args beginning with: '3' 's3cret'");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        let long = answer(&format!("ERR {}é", "x".repeat(199)));
        assert!(long.to_string().len() < 260, "{long}");
    }

    #[test]
    fn a_broken_connection_is_no_refusal() {
        let broken = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let error = reported(&RedisError::from(broken));
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert!(error.is_transient() && !error.is_replay_safe());
        let garbage = redis::parse_redis_value(b"HTTP/1.1 400 Bad Request\r\n").unwrap_err();
        let error = reported(&garbage);
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert!(error.to_string().contains("another protocol"), "{error}");
        assert!(!format!("{error:?}").contains("HTTP"), "{error:?}");
    }

    #[test]
    fn part_of_a_batch_is_not_safe_to_replay() {
        let refused = answer("LOADING Redis is loading the dataset in memory");
        let partial = in_part(&refused);
        assert_eq!(partial.kind(), refused.kind());
        assert!(partial.is_transient() && !partial.is_replay_safe());
        assert!(partial.to_string().contains("loading"), "{partial}");
    }
}
