//! A connection to one Sentinel.

use std::time::Duration;

use larder_cache_core::{Error, ErrorKind, Result};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, PushInfo, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::address::{Address, Endpoint};
use crate::error;
use crate::lane::connect_tcp;

/// A connection to one Sentinel, which also tells of masters that change.
#[derive(Debug)]
pub(super) struct Talk {
    connection: MultiplexedConnection,
    driver: JoinHandle<()>,
    news: mpsc::UnboundedReceiver<PushInfo>,
    patience: Duration,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Talk {
    /// Connects, and asks for news.
    pub(super) async fn open(endpoint: &Endpoint, patience: Duration) -> Result<Self> {
        let opened = async {
            let stream = stream(&endpoint.address, patience)
                .await
                .map_err(unreachable)?;
            let (sender, news) = mpsc::unbounded_channel();
            let settings = AsyncConnectionConfig::new()
                .set_connection_timeout(None)
                .set_response_timeout(None)
                .set_push_sender(sender);
            let login = &endpoint.login;
            let (connection, driver) =
                MultiplexedConnection::new_with_config(login, stream, settings)
                    .await
                    .map_err(|failed| error::reported(&failed))?;
            let mut talk = Self {
                connection,
                driver: tokio::spawn(driver),
                news,
                patience,
            };
            talk.connection
                .subscribe("+switch-master")
                .await
                .map_err(|failed| error::reported(&failed))?;
            Ok(talk)
        };
        let opened = timeout(patience, opened).await;
        opened.unwrap_or_else(|_| Err(silent(patience)))
    }

    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value> {
        let mut connection = self.connection.clone();
        let answered = connection.send_packed_command(command);
        match timeout(self.patience, answered).await {
            Ok(Ok(Value::ServerError(refused))) => Err(error::refused(&refused)),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failed)) => Err(error::reported(&failed)),
            Err(_) => Err(silent(self.patience)),
        }
    }

    /// Waits until some master has changed; `None`: the connection has ended.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn news(&mut self) -> Option<()> {
        loop {
            match self.news.recv().await?.kind {
                redis::PushKind::Message => return Some(()),
                redis::PushKind::Disconnection => return None,
                _ => {}
            }
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn stream(address: &Address, patience: Duration) -> std::io::Result<Box<dyn Stream>> {
    Ok(match address {
        Address::Tcp { host, port } => Box::new(connect_tcp(host, *port, patience).await?),
        #[cfg(feature = "tls")]
        Address::Tls { host, port, tls } => {
            let stream = connect_tcp(host, *port, patience).await?;
            Box::new(tls.encrypt(host, stream).await?)
        }
        Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
    })
}

fn unreachable(failed: std::io::Error) -> Error {
    #[cfg(feature = "tls")]
    if let Some(objection) = crate::tls::objection(&failed) {
        return objection;
    }
    let message = "could not connect to the Sentinel: check that it runs, and host and port";
    Error::new(ErrorKind::Connection, message).with("reason", failed)
}

fn silent(patience: Duration) -> Error {
    let message = "the Sentinel does not answer";
    Error::new(ErrorKind::Connection, message).with("timeout", format!("{patience:?}"))
}
