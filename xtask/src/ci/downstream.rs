use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::StepResult;
use super::report::Verdict;
use crate::cargo::{self, Workspace};
use crate::failure::Failure;
use crate::table::seconds;

/// How long a service may take to build for the first time because it uses Larder.
const LIMIT: Duration = Duration::from_secs(90);

const MAIN: &str = "\
#[tokio::main(flavor = \"current_thread\")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cache = larder::builder().memory().build().await?;
    drop(cache);
    Ok(())
}
";

/// Builds a service that uses the facade with its default features, from nothing.
pub(super) fn build(workspace: &Workspace) -> StepResult {
    let dir = workspace.target_dir.join("downstream");
    let facade = &workspace.package("larder")?.dir;
    generate(&dir, facade, &workspace.root)
        .map_err(|error| Failure::new("could not write the downstream service", error))?;
    let took = timed_build(&dir)?;
    // No failure: a busy machine would take longer than the same build did before.
    let verdict = if took > LIMIT {
        "OVER the limit"
    } else {
        "within the limit"
    };
    let note = format!("{}, {verdict} of {}", seconds(took), seconds(LIMIT));
    println!("\nClean debug build of a downstream service: {note}");
    Ok(Verdict::PassedWith(note))
}

fn generate(dir: &Path, facade: &Path, root: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(dir.join("src"))?,
    }
    fs::write(dir.join("Cargo.toml"), manifest(facade))?;
    fs::write(dir.join("src/main.rs"), MAIN)?;
    // The same versions, so that the time does not change with what was published today.
    fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock")).map(drop)
}

/// With a `[workspace]` of its own, because it lies inside another one.
fn manifest(facade: &Path) -> String {
    let path = serde_json::Value::from(facade.to_string_lossy());
    format!(
        "\
[package]
name = \"downstream\"
edition = \"2024\"

[dependencies]
larder = {{ path = {path} }}
tokio = {{ version = \"1\", features = [\"macros\", \"rt\"] }}

[workspace]
"
    )
}

fn timed_build(dir: &Path) -> Result<Duration, Failure> {
    let started = Instant::now();
    let mut command = cargo::command(&["build", "--manifest-path"]);
    command
        .arg(dir.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(dir.join("target"));
    cargo::run(&mut command)?;
    Ok(started.elapsed())
}
