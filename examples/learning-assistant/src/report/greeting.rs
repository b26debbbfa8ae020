use std::io::{self, Write};

use super::numbers::grouped;
use crate::app::App;
use crate::arguments::Arguments;

/// Says what was started, where it is, and what to try.
///
/// # Errors
/// When nobody can be told.
pub async fn greet(
    out: &mut impl Write,
    app: &App,
    url: &str,
    arguments: &Arguments,
) -> io::Result<()> {
    writeln!(out, "The learning assistant")?;
    writeln!(out, "  service   {url}")?;
    writeln!(
        out,
        "  database  {} (SQLite)",
        arguments.database().display()
    )?;
    writeln!(
        out,
        "  journal   {} (progress that the database does not have yet)",
        app.journal_path().display()
    )?;
    writeln!(out, "  cache     {}", cache(app).await)?;
    if let Some(keys) = app.key_path() {
        writeln!(
            out,
            "  keys      {} (of the sessions' encryption)",
            keys.display()
        )?;
    }
    writeln!(out, "  clients   {}", clients(arguments))?;
    writeln!(out)?;
    writeln!(out, "  Try       curl {url}/users/7")?;
    writeln!(out, "            curl '{url}/content/3?cache=bypass'")?;
    writeln!(
        out,
        "            curl {url}/users/7/progress/3 --json '{{\"position\": 93}}'"
    )?;
    writeln!(out, "            curl {url}/stats")?;
    writeln!(out)
}

fn clients(arguments: &Arguments) -> String {
    if arguments.serve_only {
        return "none of its own; Ctrl-C ends it".to_owned();
    }
    let rate = match arguments.rate {
        0 => "as many requests as they can".to_owned(),
        rate => format!("{} requests/s", grouped(rate.into())),
    };
    let end = match arguments.requests {
        Some(requests) => format!("{} altogether", grouped(requests)),
        None => "until Ctrl-C".to_owned(),
    };
    format!("{}, {rate}, {end}", arguments.clients)
}

/// The backend and where it is. The address has no password in it, unlike the URL.
async fn cache(app: &App) -> String {
    let health = app.cache.health().await;
    let backend = &health.backend;
    if let Some(error) = &backend.error {
        return format!("{}, not reachable now: {error}", backend.name);
    }
    let addresses = backend.nodes.iter().map(|node| node.address.as_str());
    match addresses.collect::<Vec<_>>().join(", ") {
        in_process if in_process == "in-process" => {
            "in this process; set REDIS_URL=redis://127.0.0.1 to use Redis".to_owned()
        }
        addresses => format!("{} at {addresses}", backend.name),
    }
}
