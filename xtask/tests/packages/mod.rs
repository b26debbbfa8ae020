//! The packages of the workspace, from `cargo metadata`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A package and what it depends on.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    /// The name of its folder, which the tier table goes by.
    pub(crate) folder: String,
    /// Where that folder is.
    pub(crate) dir: PathBuf,
    /// The name in its manifest.
    pub(crate) name: String,
    /// All kinds of dependencies.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency of a package.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    /// The package name.
    pub(crate) name: String,
    /// The folder of a workspace crate.
    pub(crate) folder: Option<String>,
    /// The features that are asked for.
    pub(crate) features: Vec<String>,
    /// Whether only tests use it.
    pub(crate) is_dev: bool,
}

/// All packages of this workspace.
pub(crate) fn load() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap_or_else(|error| panic!("cargo metadata: {error}"));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "cargo metadata: {error}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    let root = Path::new(text(&metadata["workspace_root"]));
    items(&metadata["packages"])
        .map(|package| read(package, root))
        .collect()
}

fn read(package: &Value, root: &Path) -> Package {
    let manifest = Path::new(text(&package["manifest_path"]));
    let dir = manifest.parent().unwrap_or(root).to_owned();
    let dependencies = items(&package["dependencies"]).map(|dependency| Dependency {
        name: text(&dependency["name"]).to_owned(),
        folder: dependency["path"]
            .as_str()
            .map(|path| folder_name(Path::new(path))),
        features: items(&dependency["features"])
            .map(|feature| text(feature).to_owned())
            .collect(),
        is_dev: dependency["kind"] == "dev",
    });
    Package {
        folder: folder_name(&dir),
        name: text(&package["name"]).to_owned(),
        dependencies: dependencies.collect(),
        dir,
    }
}

fn folder_name(dir: &Path) -> String {
    dir.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
