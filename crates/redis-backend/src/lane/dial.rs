//! Makes one connection: socket, login, handshake.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_ok;
use larder_cache_core::{Clock, Error, ErrorKind};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::handshake;
use super::link::Link;
use super::server_time::Sample;
use crate::address::{Address, Endpoint};
use crate::error;

/// A connection with the task that reads and writes it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) link: Arc<Link>,
    pub(super) driver: Driver,
    pub(super) sample: Sample,
}

/// The task behind a connection. It ends when the connection does, and the connection
/// ends with this value.
#[derive(Debug)]
pub(super) struct Driver(JoinHandle<()>);

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Trying again may help.
    Passing(Error),
    /// Trying again won't help until somebody mends something.
    Lasting(Error),
}

/// How to make connections.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) endpoint: Endpoint,
    pub(super) node: Arc<str>,
    pub(super) timeout: Duration,
    pub(super) clock: Arc<dyn Clock>,
}

impl Dialer {
    /// Makes a connection, within the timeout.
    pub(super) async fn dial(&self, incarnation: u64) -> Result<Live, Refusal> {
        let deadline = Instant::now() + self.timeout;
        let connected = match &self.endpoint.address {
            Address::Tcp { host, port } => {
                let stream = self.open(connect_tcp(host, *port, self.timeout), deadline);
                self.log_in(stream.await?, deadline).await?
            }
            #[cfg(feature = "tls")]
            Address::Tls { host, port, tls } => {
                let encrypted = async {
                    let stream = connect_tcp(host, *port, self.timeout).await?;
                    tls.encrypt(host, stream).await
                };
                self.log_in(self.open(encrypted, deadline).await?, deadline)
                    .await?
            }
            Address::Unix(path) => {
                let stream = self.open(UnixStream::connect(path), deadline);
                self.log_in(stream.await?, deadline).await?
            }
        };
        self.shake_hands(connected, incarnation, deadline).await
    }

    async fn open<S>(
        &self,
        stream: impl Future<Output = io::Result<S>>,
        deadline: Instant,
    ) -> Result<S, Refusal> {
        let error = match timeout_at(deadline, stream).await {
            Ok(Ok(stream)) => return Ok(stream),
            #[cfg(feature = "tls")]
            Ok(Err(failed)) if let Some(objection) = crate::tls::objection(&failed) => {
                return Err(Refusal::Lasting(objection.with("node", &self.node)));
            }
            Ok(Err(failed)) => {
                let message = "could not connect to Redis: check that it runs, and host and port";
                Error::new(ErrorKind::Connection, message).with("reason", failed)
            }
            Err(_) => {
                let message = "could not connect to Redis in time: check host, port and firewalls";
                Error::new(ErrorKind::Connection, message).with("timeout", self.timeout())
            }
        };
        Err(Refusal::Passing(error.with("node", &self.node)))
    }

    async fn log_in<S>(
        &self,
        stream: S,
        deadline: Instant,
    ) -> Result<(MultiplexedConnection, Driver), Refusal>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = BufReader::with_capacity(READ_BYTES, stream);
        let login =
            MultiplexedConnection::new_with_config(&self.endpoint.login, stream, settings());
        match timeout_at(deadline, login).await {
            Ok(Ok((connection, driver))) => Ok((connection, Driver(tokio::spawn(driver)))),
            Ok(Err(failed)) => Err(self.refused_login(&failed)),
            Err(_) => Err(self.silent()),
        }
    }

    async fn shake_hands(
        &self,
        (mut connection, driver): (MultiplexedConnection, Driver),
        incarnation: u64,
        deadline: Instant,
    ) -> Result<Live, Refusal> {
        let shaken = handshake::shake(&mut connection, &*self.clock);
        match timeout_at(deadline, shaken).await {
            Ok(Ok(sample)) => Ok(Live {
                link: Arc::new(Link::new(Arc::clone(&self.node), incarnation, connection)),
                driver,
                sample,
            }),
            Ok(Err(error)) => Err(Refusal::of(error.with("node", &self.node))),
            Err(_) => Err(self.silent()),
        }
    }

    fn refused_login(&self, failed: &redis::RedisError) -> Refusal {
        let error = error::reported(failed).with("node", &self.node);
        match failed.kind() {
            redis::ErrorKind::Parse => Refusal::Lasting(error),
            redis::ErrorKind::Io => Refusal::Passing(self.hung_up(failed)),
            _ => Refusal::of(error),
        }
    }

    fn hung_up(&self, reason: &redis::RedisError) -> Error {
        let message = "the server ended the connection during the login: it may want TLS \
                       (rediss://), be about to stop, or be no Redis";
        Error::new(ErrorKind::Connection, message)
            .with("reason", reason)
            .with("node", &self.node)
    }

    fn silent(&self) -> Refusal {
        let message = "the server accepts connections but does not answer as Redis does: \
                       it hangs, or it is no Redis";
        let error = Error::new(ErrorKind::Connection, message)
            .with("timeout", self.timeout())
            .with("node", &self.node);
        Refusal::Passing(error)
    }

    fn timeout(&self) -> String {
        format!("{:?}", self.timeout)
    }
}

impl Driver {
    /// Waits until the connection has ended.
    ///
    /// # Cancel safety
    /// Cancel safe. After it has returned it must not be called again.
    pub(super) async fn ended(&mut self) {
        // A driver that was aborted or panicked has ended as well.
        let _ended = (&mut self.0).await;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Refusal {
    fn of(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Auth | ErrorKind::Config => Self::Lasting(error),
            _ => Self::Passing(error),
        }
    }
}

/// How much is read at once. The client library reads 8 KiB at a time by itself, which
/// costs a fifth of the throughput where many values of a kilobyte arrive together.
const READ_BYTES: usize = 64 << 10;

/// No timeouts: every call has its own, and so has every dial.
fn settings() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
}

/// Tries all addresses of a host at once, so that one that swallows packets doesn't cost
/// the whole timeout.
async fn connect_tcp(host: &str, port: u16, silence: Duration) -> io::Result<TcpStream> {
    let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    if addresses.is_empty() {
        let message = "the host name has no address";
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    let attempts = addresses
        .into_iter()
        .map(|address| Box::pin(TcpStream::connect(address)));
    let (stream, _) = select_ok(attempts).await?;
    stream.set_nodelay(true)?;
    limit_silence(&stream, silence)?;
    Ok(stream)
}

/// Makes the kernel give up a connection whose packets are not acknowledged for so long;
/// it would otherwise repeat them for a quarter of an hour.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn limit_silence(stream: &TcpStream, silence: Duration) -> io::Result<()> {
    redis::io::tcp::socket2::SockRef::from(stream).set_tcp_user_timeout(Some(silence))
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn limit_silence(_: &TcpStream, _: Duration) -> io::Result<()> {
    Ok(())
}
