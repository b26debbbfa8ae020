//! Where things are kept.

use std::io;
use std::path::{Path, PathBuf};

/// A folder below that of the builds, for what is found and what libFuzzer learns.
pub(super) fn kept() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let builds = program.ancestors().nth(2).unwrap_or(Path::new("."));
    Ok(builds.join("fuzzing"))
}

/// The folder of the inputs that broke something.
pub(super) fn found() -> io::Result<PathBuf> {
    Ok(kept()?.join("found"))
}

/// A file as a person in the workspace would name it.
pub(super) fn shown(file: &Path) -> String {
    let inside = file.strip_prefix(workspace()).unwrap_or(file);
    inside.display().to_string()
}

/// A file that a person in the workspace named.
pub(super) fn meant(file: &Path) -> PathBuf {
    let inside = workspace().join(file);
    if !file.exists() && inside.exists() {
        inside
    } else {
        file.to_owned()
    }
}

fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}
