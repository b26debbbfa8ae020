use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::failure::Failure;

/// What `cargo metadata` says about this workspace.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target_dir: PathBuf,
    pub(crate) packages: Vec<Package>,
}

pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    /// All but `default`.
    pub(crate) features: Vec<String>,
    pub(crate) benches: Vec<String>,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self, Failure> {
        let output = command(&["metadata", "--no-deps", "--format-version", "1"])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Failure::new("could not run cargo metadata", error))?;
        if !output.status.success() {
            return Err(Failure::Failed("cargo metadata failed, see above".into()));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure::new("cargo metadata is not JSON", error))?;
        Ok(Self {
            root: text(&metadata["workspace_root"]).into(),
            target_dir: text(&metadata["target_directory"]).into(),
            packages: items(&metadata["packages"]).map(Package::read).collect(),
        })
    }

    pub(crate) fn package(&self, name: &str) -> Result<&Package, Failure> {
        self.packages
            .iter()
            .find(|package| package.name == name)
            .ok_or_else(|| {
                Failure::Failed(format!(
                    "there is no package `{name}` in {}",
                    self.root.display()
                ))
            })
    }
}

impl Package {
    fn read(package: &Value) -> Self {
        let manifest = Path::new(text(&package["manifest_path"]));
        let features = package["features"]
            .as_object()
            .into_iter()
            .flat_map(|map| map.keys());
        let targets = items(&package["targets"]);
        let benches = targets.filter(|target| items(&target["kind"]).any(|kind| kind == "bench"));
        Self {
            name: text(&package["name"]).to_owned(),
            dir: manifest.parent().unwrap_or(manifest).to_owned(),
            features: features
                .filter(|name| *name != "default")
                .cloned()
                .collect(),
            benches: benches
                .map(|target| text(&target["name"]).to_owned())
                .collect(),
        }
    }
}

/// The cargo that runs this program, so that its toolchain is used all the way.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

/// Shows the command, runs it on this terminal, and fails where it fails.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    println!("$ {}", line(command));
    let status = command
        .status()
        .map_err(|error| Failure::new(&format!("could not run {}", line(command)), error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Failed(format!(
            "`{}` failed ({status})",
            line(command)
        )))
    }
}

/// A command as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_stem()
        .unwrap_or(command.get_program());
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let variables = variables.map(|(name, value)| {
        format!(
            "{}={}",
            name.to_string_lossy(),
            quoted(&value.to_string_lossy())
        )
    });
    let args = command.get_args().map(|arg| quoted(&arg.to_string_lossy()));
    let words = variables
        .chain([program.to_string_lossy().into_owned()])
        .chain(args);
    words.collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("/a/b/cargo");
        command
            .args(["clippy", "--", "-D", "it's"])
            .env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            line(&command),
            r"RUSTDOCFLAGS='-D warnings' cargo clippy -- -D 'it'\''s'"
        );
    }

    #[test]
    fn this_package_is_in_the_workspace() {
        let workspace = Workspace::load().expect("the workspace");
        assert!(
            workspace
                .package("xtask")
                .expect("this package")
                .dir
                .ends_with("xtask")
        );
        assert!(workspace.package("nonsense").is_err());
    }

    #[test]
    fn features_and_benches_are_read() {
        let metadata = serde_json::json!({
            "name": "p", "manifest_path": "/w/p/Cargo.toml",
            "features": {"default": ["x"], "x": []},
            "targets": [{"name": "p", "kind": ["lib"]}, {"name": "hot", "kind": ["bench"]}],
        });
        let package = Package::read(&metadata);
        assert_eq!(package.features, ["x"]);
        assert_eq!(package.benches, ["hot"]);
        assert_eq!(package.dir, Path::new("/w/p"));
    }
}
