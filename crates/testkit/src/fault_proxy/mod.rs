//! A TCP proxy that breaks connections as a test plans it.

mod connection;
mod fault;
mod listening;
mod pump;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{ToSocketAddrs, lookup_host};
use tokio::sync::watch;

pub use fault::NetworkFault;

use crate::redis_server::port;
use connection::{Counts, Shared};
use listening::Listening;

/// A proxy on a loopback port of its own, which passes all bytes on until a test
/// [sets](Self::set) a fault. Dropping it closes its connections.
///
/// # Concurrency
///
/// Shared by reference. It works on a thread of its own in real time: neither a test that blocks
/// its runtime nor one whose time stands still holds it up.
///
/// # Example
///
/// ```no_run
/// use std::time::Duration;
/// use larder_testkit::{FaultProxy, NetworkFault, RedisServer};
///
/// # async fn test() -> Result<(), Box<dyn std::error::Error>> {
/// let server = RedisServer::start()?;
/// let proxy = FaultProxy::start(("127.0.0.1", server.port())).await?;
/// println!("{}", proxy.url());
/// proxy.set(NetworkFault::Delay(Duration::from_millis(50)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    shared: Shared,
    faults: watch::Sender<NetworkFault>,
    resets: watch::Sender<()>,
    /// None while connections are refused.
    listening: Mutex<Option<Listening>>,
}

impl FaultProxy {
    /// A proxy before `upstream`, which need not run yet.
    ///
    /// # Errors
    ///
    /// When the address can't be resolved, or there is no free port.
    pub async fn start(upstream: impl ToSocketAddrs) -> io::Result<Self> {
        let upstream = lookup_host(upstream).await?.next();
        Self::before(upstream.ok_or_else(|| io::Error::other("the upstream has no address"))?)
    }

    /// A proxy before a loopback port.
    pub(crate) fn before_port(port: u16) -> io::Result<Self> {
        Self::before(listening::loopback(port))
    }

    fn before(upstream: SocketAddr) -> io::Result<Self> {
        let (port, listener) = port::listen()?;
        let (faults, seen_faults) = watch::channel(NetworkFault::None);
        let (resets, seen_resets) = watch::channel(());
        let shared = Shared {
            upstream,
            faults: seen_faults,
            resets: seen_resets,
            counts: Arc::new(Counts::default()),
        };
        let listening = Listening::start(listener, shared.clone())?;
        Ok(Self {
            port,
            shared,
            faults,
            resets,
            listening: Mutex::new(Some(listening)),
        })
    }

    /// `127.0.0.1:PORT`, what clients connect to.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port of [`address`](Self::address).
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// How many connections are open now. Those that a fault or a client ends count until the
    /// proxy has noticed.
    pub fn connections(&self) -> usize {
        self.shared.counts.open.load(Ordering::SeqCst)
    }

    /// How many connections were ever accepted.
    pub fn accepted(&self) -> u64 {
        self.shared.counts.accepted.load(Ordering::SeqCst)
    }

    /// Sets the fault in place of the one before, for open connections as well: bytes that are
    /// sent after this has returned meet the new one. Counters and seeds begin anew.
    ///
    /// # Panics
    ///
    /// When [`NetworkFault::Refuse`] ends and another program holds the port for 5 seconds.
    pub fn set(&self, fault: NetworkFault) {
        let mut listening = self.lock();
        self.faults.send_replace(fault);
        if fault == NetworkFault::Refuse {
            if let Some(open) = listening.take() {
                open.close();
            }
        } else if listening.is_none() {
            match Listening::resume(self.port, self.shared.clone()) {
                Ok(open) => *listening = Some(open),
                Err(error) => panic!("the proxy lost its port {}: {error}", self.port),
            }
        }
    }

    /// Resets (RST) all connections that are open now, on both sides. New ones are accepted as
    /// before.
    pub fn reset_all(&self) {
        self.resets.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Listening>> {
        self.listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // The connections end when the senders have gone.
        if let Some(listening) = self.lock().take() {
            listening.close();
        }
    }
}
