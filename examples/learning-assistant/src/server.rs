//! The HTTP server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// The service, listening on the loopback interface.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Begins to serve on a port; 0: any that is free.
    ///
    /// # Errors
    /// When the port can't be listened on.
    pub async fn start(app: &App, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(|error| {
                let message = format!("port {port} can't be listened on: {error}; see --port");
                io::Error::new(error.kind(), message)
            })?;
        let address = listener.local_addr()?;
        let listener = listener.tap_io(|connection| {
            // Without it, small answers may wait for the packet before them.
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY can't be set");
            }
        });
        let stop = CancellationToken::new();
        let serve = axum::serve(listener, app.router())
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        Ok(Self {
            address,
            stop,
            task: tokio::spawn(async move { serve.await }),
        })
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no new requests and waits until those under way are answered.
    ///
    /// # Errors
    /// When the server had ended by itself.
    pub async fn stop(self) -> io::Result<()> {
        self.stop.cancel();
        self.task.await.map_err(io::Error::other)?
    }
}
