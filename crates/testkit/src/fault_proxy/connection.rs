use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use super::fault::{Direction, NetworkFault};
use super::pump::Pump;

/// What all connections of a proxy know.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) upstream: SocketAddr,
    /// Closed when the proxy is dropped.
    pub(super) faults: watch::Receiver<NetworkFault>,
    /// Changes with each reset of all connections.
    pub(super) resets: watch::Receiver<()>,
    pub(super) counts: Arc<Counts>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) open: AtomicUsize,
    pub(super) accepted: AtomicU64,
}

/// Counts a connection as open for as long as it lives.
struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Takes a connection in: it counts from now on.
pub(super) fn begin(client: TcpStream, shared: &Shared) {
    let number = shared.counts.accepted.fetch_add(1, Ordering::SeqCst);
    shared.counts.open.fetch_add(1, Ordering::SeqCst);
    let open = Open(Arc::clone(&shared.counts));
    let mut shared = shared.clone();
    // Resets of the past are no business of a new connection.
    shared.resets.mark_unchanged();
    tokio::spawn(async move {
        serve(client, number, shared).await;
        drop(open);
    });
}

async fn serve(client: TcpStream, number: u64, shared: Shared) {
    let Ok(server) = TcpStream::connect(shared.upstream).await else {
        // A client whose server is gone sees that of its own connection. It fails only for a
        // socket that is closed already.
        let _ = client.set_zero_linger();
        return;
    };
    // Without this the proxy would be a fault of its own.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let pump = |direction, from, to| Pump {
        direction,
        connection: number,
        from,
        to,
        faults: shared.faults.clone(),
    };
    let requests = pump(Direction::Requests, &from_client, &mut to_server).run();
    let replies = pump(Direction::Replies, &from_server, &mut to_client).run();
    let mut resets = shared.resets;
    let has_ended_well = tokio::select! {
        ends = async { tokio::try_join!(requests, replies) } => ends.is_ok(),
        _ = resets.changed() => false,
    };
    if !has_ended_well {
        reset_halves(from_client, to_client);
        reset_halves(from_server, to_server);
    }
}

/// Closes with RST.
fn reset_halves(from: OwnedReadHalf, to: OwnedWriteHalf) {
    let _ = from.as_ref().set_zero_linger();
    // A dropped half says goodbye (FIN), which is what must not happen.
    to.forget();
    drop(from);
}
