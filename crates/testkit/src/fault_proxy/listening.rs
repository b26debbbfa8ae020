use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdTcpListener};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::connection::{self, Shared};

const REBIND_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);

/// An open listener.
#[derive(Debug)]
pub(super) struct Listening {
    task: JoinHandle<()>,
    has_closed: mpsc::Receiver<()>,
}

/// In this order: who waits for the end finds the listener closed.
struct Acceptor {
    listener: TcpListener,
    _has_closed: mpsc::Sender<()>,
}

impl Listening {
    pub(super) fn start(listener: StdTcpListener, shared: Shared) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let runtime = runtime()?;
        let _inside = runtime.enter();
        let (sender, has_closed) = mpsc::channel();
        let acceptor = Acceptor {
            listener: TcpListener::from_std(listener)?,
            _has_closed: sender,
        };
        let task = runtime.spawn(acceptor.run(shared));
        Ok(Self { task, has_closed })
    }

    /// Listens again where it did before.
    ///
    /// # Errors
    ///
    /// When another holds the port for 5 seconds.
    pub(super) fn resume(port: u16, shared: Shared) -> io::Result<Self> {
        let started = Instant::now();
        loop {
            // The standard library sets SO_REUSEADDR: connections that linger are no obstacle.
            match StdTcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                Ok(listener) => return Self::start(listener, shared),
                Err(error) if started.elapsed() > REBIND_LIMIT => return Err(error),
                Err(_) => sleep(POLL),
            }
        }
    }

    /// Returns when nothing listens any more.
    pub(super) fn close(self) {
        self.task.abort();
        // It never gets a message: the sender's end is the sign.
        let _ = self.has_closed.recv();
    }
}

impl Acceptor {
    async fn run(self, shared: Shared) {
        loop {
            match self.listener.accept().await {
                Ok((client, _)) => connection::begin(client, &shared),
                // Out of file descriptors, or a client that has gone already.
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }
}

/// One thread for all proxies. A test's own runtime may be blocked, or have its time stopped.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("fault-proxies")
        .enable_all()
        .build()?;
    if let Err(superfluous) = RUNTIME.set(runtime) {
        superfluous.shutdown_background();
    }
    RUNTIME
        .get()
        .ok_or_else(|| io::Error::other("no runtime for fault proxies"))
}

pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
