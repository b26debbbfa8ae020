//! An established connection that goes silent, while new ones work: a firewall that forgot it.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{millis, seconds};
use crate::measure::Recovery;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{ConnectionCount, DEADLINE, SLACK, Trial};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct SilentConnection;

const REPLACED: Duration = seconds(2);

#[async_trait]
impl Scenario for SilentConnection {
    fn facts(&self) -> Facts {
        let criterion = "replaced <= 2 s";
        Facts::standalone(6, "silent-connection", criterion).lasting(seconds(4), seconds(8))
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let relay = Relay::start(server.port())?;
        let url = format!("redis://127.0.0.1:{}", relay.port);
        let connections = ConnectionCount::Server(server.port());
        let mut trial = Trial::begin(stage, rig::cache(url), connections).await?;
        trial.fault_begins("the connection goes silent");
        let from = trial.elapsed();
        relay.silence_all();
        sleep(stage.fault).await;
        trial.heals();
        let measured = trial.end(millis(500)).await?;
        let replaced = match measured.samples.recovery(from) {
            Recovery::After(time) => {
                let window = crate::measure::Window {
                    from,
                    to: from + time,
                };
                Recovery::After(time.saturating_sub(measured.lag.worst(window)))
            }
            Recovery::Never => Recovery::Never,
        };
        let mut verdict = measured
            .verdict()
            .with(measured.fault_was_felt())
            .with(Check::equal("reconnects", measured.reconnects, 1))
            .with(measured.calls_within(DEADLINE + SLACK))
            .with(Check::recovery(replaced, REPLACED));
        verdict.recovery = Some(replaced);
        Ok(verdict)
    }
}

/// Carries bytes between clients and a server, but those of connections that were silenced.
#[derive(Debug)]
struct Relay {
    port: u16,
    silence: watch::Sender<()>,
    /// Its tasks are not to be counted with those of the cache.
    runtime: Option<Runtime>,
}

impl Relay {
    fn start(upstream: u16) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (silence, silenced) = watch::channel(());
        let _inside = runtime.enter();
        runtime.spawn(accept(TcpListener::from_std(listener)?, upstream, silenced));
        Ok(Self {
            port,
            silence,
            runtime: Some(runtime),
        })
    }

    /// Silences the connections that are open now.
    fn silence_all(&self) {
        self.silence.send_replace(());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, upstream: u16, silenced: watch::Receiver<()>) {
    while let Ok((client, _)) = listener.accept().await {
        let mut silenced = silenced.clone();
        silenced.mark_unchanged();
        tokio::spawn(carry(client, upstream, silenced));
    }
}

async fn carry(mut client: TcpStream, upstream: u16, mut silenced: watch::Receiver<()>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", upstream)).await else {
        return;
    };
    tokio::select! {
        _ended = copy_bidirectional(&mut client, &mut server) => {}
        _silenced = silenced.changed() => {
            drop(server);
            // It stays open as far as the client can see.
            std::future::pending::<()>().await;
        }
    }
}
