//! `cargo run --release`: the service, its clients, and what the cache does for them.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use larder::Config;
use learning_assistant::arguments::Arguments;
use learning_assistant::database::{Database, Sample};
use learning_assistant::report::{self, Advice, Keys, Summary};
use learning_assistant::traffic::{self, Recorder};
use learning_assistant::{App, Server};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// How long each part of the service may take to end.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr();
    match run(&arguments).await {
        Ok(code) => code,
        Err(error) => {
            // If nobody reads this either, nobody is left to be told.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let config = Config::from_env()?;
    let stop = stopped_by_signal()?;
    let mut is_success = true;
    let first = serve(&config, arguments, &stop).await?;
    is_success &= first.as_ref().is_none_or(Summary::is_success);
    if let Some(first) = first.filter(|_| arguments.check_advice && !stop.is_cancelled()) {
        is_success &= check(first.advice(), config, arguments, &stop).await?;
    }
    // What is left, if anything, is safe in the journal: that is told, and no failure.
    Ok(match is_success {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Sends the same requests again with the L1 size that is advised, and compares what was
/// foretold with what came.
async fn check(
    advice: &Advice,
    mut config: Config,
    arguments: &Arguments,
    stop: &CancellationToken,
) -> Result<bool, Box<dyn Error>> {
    let mut out = io::stdout();
    let Some(advised) = advice.advised_bytes() else {
        writeln!(out, "\nNothing to check: no other size of L1 is advised")?;
        return Ok(true);
    };
    let size = report::bytes(advised);
    writeln!(out, "\nThe same requests again, with an L1 of {size}\n")?;
    config.l1_bytes = advised;
    let again = serve(&config, arguments, stop).await?;
    if let Some(again) = &again {
        writeln!(out, "\n{}", advice.compared_with(again.advice()))?;
    }
    Ok(again.as_ref().is_none_or(Summary::is_success))
}

/// The service from its start to its end, and how it went if there was traffic.
async fn serve(
    config: &Config,
    arguments: &Arguments,
    stop: &CancellationToken,
) -> Result<Option<Summary>, Box<dyn Error>> {
    let sample = Sample::default();
    let path = arguments.database();
    let database = Database::open(&path, sample, say_what_is_made)
        .await
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let app = App::start(config, database).await?;
    let server = Server::start(&app, arguments.port).await?;
    let url = server.url();
    let mut out = io::stdout();
    report::greet(&mut out, &app, &url, arguments).await?;

    let sent = if arguments.serve_only {
        stop.cancelled().await;
        None
    } else {
        Some(send_traffic(&app, &url, sample, arguments, stop).await?)
    };

    // No more requests; what waits goes to the database; then the cache. Only now the figures
    // are final.
    server.stop().await?;
    let keys = Keys::of(&app).await;
    let ending = app.shutdown(SHUTDOWN_DEADLINE).await;
    let summary = sent.map(|(recorder, elapsed)| Summary::of(&app, &recorder, elapsed, keys));
    if let Some(summary) = &summary {
        writeln!(out, "\n{summary}")?;
    }
    writeln!(out, "{ending}")?;
    Ok(summary)
}

/// How the requests went, and how long they took.
async fn send_traffic(
    app: &App,
    url: &str,
    sample: Sample,
    arguments: &Arguments,
    stop: &CancellationToken,
) -> Result<(Arc<Recorder>, Duration), Box<dyn Error>> {
    let recorder = Arc::new(Recorder::new()?);
    let began = Instant::now();
    let mut out = io::stdout();
    tokio::select! {
        () = traffic::run(url, sample, arguments.traffic(), &recorder, stop) => {}
        lines = report::every_second(&mut out, app, &recorder) => lines?,
    }
    Ok((recorder, began.elapsed()))
}

/// A token that Ctrl-C and SIGTERM cancel. The second of them ends the process at once.
fn stopped_by_signal() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut received = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        received().await;
        stopped.cancel();
        received().await;
        std::process::exit(130);
    });
    Ok(stop)
}

fn say_what_is_made(rows: &str) {
    // A database is worth making also when nobody hears of it.
    let _ = writeln!(io::stdout(), "Making the database: {rows}");
}

/// `RUST_LOG` says what is logged. Default: warnings.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}
