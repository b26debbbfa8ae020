//! Makes one connection: socket, login, handshake.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_ok;
use larder_cache_core::{Clock, Error, ErrorKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::driver::{self, Ending};
use super::handshake;
use super::link::Link;
use super::server_time::Sample;
use super::target::{Role, Target};
use super::tracker::Tracker;
use crate::address::{Address, Endpoint};
use crate::tracking::Tracking;

/// A connection with the task that reads and writes it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) link: Arc<Link>,
    pub(super) driver: Driver,
    pub(super) sample: Sample,
    pub(super) tracker: Option<Tracker>,
}

/// The task behind a connection. It ends when the connection does, and the connection
/// ends with this value.
#[derive(Debug)]
pub(super) struct Driver(JoinHandle<Ending>);

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
    pub(super) target: Target,
    pub(super) timeout: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tracking: Arc<Tracking>,
}

impl Dialer {
    /// Makes a connection to where the target is now, within the timeout.
    pub(super) async fn dial(&self, incarnation: u64) -> Result<Live, Refusal> {
        let endpoint = self.target.endpoint().await.map_err(Refusal::of)?;
        let attempt = Attempt {
            node: endpoint.address.to_string().into(),
            endpoint: Arc::new(endpoint),
            role: self.target.role,
            timeout: self.timeout,
            clock: Arc::clone(&self.clock),
            tracking: Arc::clone(&self.tracking),
        };
        attempt.dial(incarnation).await
    }
}

/// One attempt to connect to a server.
#[derive(Debug)]
struct Attempt {
    endpoint: Arc<Endpoint>,
    node: Arc<str>,
    role: Role,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    tracking: Arc<Tracking>,
}

impl Attempt {
    async fn dial(&self, incarnation: u64) -> Result<Live, Refusal> {
        let deadline = Instant::now() + self.timeout;
        match &self.endpoint.address {
            Address::Tcp { host, port } => {
                let stream = self.open(connect_tcp(host, *port, self.timeout), deadline);
                self.log_in(stream.await?, incarnation, deadline).await
            }
            #[cfg(feature = "tls")]
            Address::Tls { host, port, tls } => {
                let encrypted = async {
                    let stream = connect_tcp(host, *port, self.timeout).await?;
                    tls.encrypt(host, stream).await
                };
                let stream = self.open(encrypted, deadline).await?;
                self.log_in(stream, incarnation, deadline).await
            }
            Address::Unix(path) => {
                let stream = self.open(UnixStream::connect(path), deadline);
                self.log_in(stream.await?, incarnation, deadline).await
            }
        }
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
                Error::new(ErrorKind::Timeout, message).with("timeout", self.timeout())
            }
        };
        Err(Refusal::Passing(error.with("node", &self.node)))
    }

    async fn log_in<S>(
        &self,
        stream: S,
        incarnation: u64,
        deadline: Instant,
    ) -> Result<Live, Refusal>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (asker, driver) = driver::connection(stream, Arc::clone(&self.tracking));
        let driver = Driver(tokio::spawn(driver));
        let link = Arc::new(Link::new(
            Arc::clone(&self.node),
            Arc::clone(&self.endpoint),
            incarnation,
            asker,
        ));
        let shaken = handshake::shake(&link, &self.endpoint.login, self.role, &*self.clock);
        match timeout_at(deadline, shaken).await {
            Ok(Ok(sample)) => Ok(Live {
                link,
                driver,
                sample,
                tracker: None,
            }),
            Ok(Err(error)) => Err(self.refused(error, driver, deadline).await),
            Err(_) => Err(self.silent()),
        }
    }

    async fn refused(&self, error: Error, mut driver: Driver, deadline: Instant) -> Refusal {
        match error.kind() {
            ErrorKind::Connection => match timeout_at(deadline, driver.ended()).await {
                Ok(Some(Ending::Malformed(why))) => Refusal::Lasting(why.with("node", &self.node)),
                Ok(Some(Ending::Broken(why))) => Refusal::Passing(self.hung_up(&why)),
                Ok(None) => Refusal::Passing(self.hung_up(&error)),
                // A reply that makes no sense does not end the connection by itself.
                Err(_) => Refusal::Passing(error.with("node", &self.node)),
            },
            _ => Refusal::of(error.with("node", &self.node)),
        }
    }

    fn hung_up(&self, reason: &Error) -> Error {
        let message = "the server ended the connection during the login: it may want TLS \
                       (rediss://), be about to stop, or be no Redis";
        Error::new(ErrorKind::Connection, message)
            .with("reason", reason)
            .with("node", &self.node)
    }

    fn silent(&self) -> Refusal {
        let message = "the server accepts connections but does not answer as Redis does: \
                       it hangs, or it is no Redis";
        let error = Error::new(ErrorKind::Timeout, message)
            .with("timeout", self.timeout())
            .with("node", &self.node);
        Refusal::Passing(error)
    }

    fn timeout(&self) -> String {
        format!("{:?}", self.timeout)
    }
}

impl Driver {
    /// Waits until the connection has ended, and says how; `None` if it was aborted.
    ///
    /// # Cancel safety
    /// Cancel safe. After it has returned it must not be called again.
    pub(super) async fn ended(&mut self) -> Option<Ending> {
        (&mut self.0).await.ok()
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

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tries all addresses of a host at once, so that one that swallows packets doesn't cost
/// the whole timeout.
pub(crate) async fn connect_tcp(host: &str, port: u16, silence: Duration) -> io::Result<TcpStream> {
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
