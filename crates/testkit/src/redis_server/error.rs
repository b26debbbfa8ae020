use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a `redis-server` could not be found, started, asked, signalled or stopped.
#[derive(Debug)]
pub struct RedisServerError(Message);

#[derive(Debug)]
enum Message {
    NoBinary,
    WrongBinary {
        path: PathBuf,
    },
    Io {
        what: String,
        source: io::Error,
    },
    Exited {
        status: ExitStatus,
        log: String,
    },
    Silent {
        port: u16,
        after: Duration,
        log: String,
    },
    PortTaken {
        port: u16,
        log: String,
    },
    NotRunning {
        port: u16,
    },
    NotOurs {
        port: u16,
        answer: String,
    },
    Refused {
        port: u16,
        command: String,
        answer: String,
    },
    NotReady {
        what: &'static str,
        after: Duration,
        missing: String,
    },
    NoMaster {
        of: String,
        answers: String,
    },
}

impl RedisServerError {
    pub(super) fn no_binary() -> Self {
        Self(Message::NoBinary)
    }

    pub(super) fn wrong_binary(path: PathBuf) -> Self {
        Self(Message::WrongBinary { path })
    }

    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        let what = what.into();
        Self(Message::Io { what, source })
    }

    pub(super) fn exited(status: ExitStatus, log: String) -> Self {
        Self(Message::Exited { status, log })
    }

    pub(super) fn silent(port: u16, after: Duration, log: String) -> Self {
        Self(Message::Silent { port, after, log })
    }

    pub(super) fn port_taken(port: u16, log: String) -> Self {
        Self(Message::PortTaken { port, log })
    }

    pub(crate) fn not_running(port: u16) -> Self {
        Self(Message::NotRunning { port })
    }

    pub(super) fn not_ours(port: u16, answer: String) -> Self {
        Self(Message::NotOurs { port, answer })
    }

    pub(crate) fn refused(port: u16, command: impl Into<String>, answer: impl fmt::Debug) -> Self {
        Self(Message::Refused {
            port,
            command: command.into(),
            answer: format!("{answer:?}"),
        })
    }

    pub(crate) fn not_ready(what: &'static str, after: Duration, missing: String) -> Self {
        Self(Message::NotReady {
            what,
            after,
            missing,
        })
    }

    pub(crate) fn no_master(of: impl Into<String>, answers: String) -> Self {
        let of = of.into();
        Self(Message::NoMaster { of, answers })
    }

    pub(crate) fn is_port_taken(&self) -> bool {
        matches!(self.0, Message::PortTaken { .. })
    }
}

impl fmt::Display for RedisServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Message::NoBinary => f.write_str(
                "no redis-server on PATH: install it (`apt-get install redis-server`), \
                 or set LARDER_REDIS_SERVER to the path of one",
            ),
            Message::WrongBinary { path } => write!(
                f,
                "LARDER_REDIS_SERVER is `{}`, which is not an executable file: set it to the path \
                 of a redis-server, or unset it and run `apt-get install redis-server`",
                path.display()
            ),
            Message::Io { what, source } => write!(f, "{what}: {source}"),
            Message::Exited { status, log } => {
                write!(
                    f,
                    "redis-server ended while starting ({status}); its log ends:\n{log}"
                )
            }
            Message::Silent { port, after, log } => write!(
                f,
                "redis-server did not answer PING on port {port} within {} s; its log ends:\n{log}",
                after.as_secs()
            ),
            Message::PortTaken { port, log } => write!(
                f,
                "another program holds port {port}: free it and start again; \
                 the log of redis-server ends:\n{log}"
            ),
            Message::NotRunning { port } => write!(
                f,
                "the redis-server of port {port} is not running: start or restart it first"
            ),
            Message::NotOurs { port, answer } => write!(
                f,
                "port {port} is answered by something else than the redis-server started here \
                 ({answer}): it was left alone, stop it yourself if it is yours"
            ),
            Message::Refused {
                port,
                command,
                answer,
            } => write!(
                f,
                "the node of port {port} answered {command} with {answer}"
            ),
            Message::NotReady {
                what,
                after,
                missing,
            } => write!(
                f,
                "the {what} was not ready within {} s; what is missing:\n{missing}",
                after.as_secs()
            ),
            Message::NoMaster { of, answers } => write!(
                f,
                "no node is the master of {of} at this moment; ask again. The answers:\n{answers}"
            ),
        }
    }
}

impl std::error::Error for RedisServerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Message::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
