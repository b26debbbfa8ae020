//! House rules that no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 500;
const SAYS_NOTHING: &[&str] = &["common", "helper", "helpers", "misc", "util", "utils"];

#[test]
fn every_crate_says_what_it_is_and_what_it_does_not_do() {
    let found: Vec<String> = library_files()
        .iter()
        .filter_map(|file| check_opening(file))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let mut found = Vec::new();
    for file in sources(&crates_dir())
        .iter()
        .filter(|file| has_component(file, "src"))
    {
        let length = length_without_tests(&read(file));
        if length > LONGEST_FILE {
            found.push(format!(
                "{}: {length} lines, at most {LONGEST_FILE}",
                file.display()
            ));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_file_name_says_something() {
    let found: Vec<String> = ["crates", "xtask", "benches", "examples"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
        .filter(|file| SAYS_NOTHING.iter().any(|name| has_component(file, name)))
        .map(|file| format!("{}: name it by what is in it", file.display()))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_rule_can_be_broken() {
    assert!(opens_well(
        "//! A crate.\n//!\n//! # What this crate does not do\n//!\n//! Much.\n"
    ));
    assert!(!opens_well(
        "use std::fmt;\n//! # What this crate does not do\n"
    ));
    assert!(!opens_well("//! A crate.\n//! It does not do much.\n"));
    assert!(has_component(Path::new("src/utils.rs"), "utils"));
    assert!(has_component(Path::new("src/utils/mod.rs"), "utils"));
    assert!(!has_component(Path::new("src/futility.rs"), "util"));
}

#[test]
fn test_modules_do_not_count_as_length() {
    let check = |text: &str, expected: usize| {
        assert_eq!(length_without_tests(text), expected, "{text:?}");
    };
    check("a\nb\n", 2);
    check("a\n#[cfg(test)]\nmod tests {\n    x\n}\n", 1);
    check("a\n#[cfg(test)]\nmod tests {\n    x {\n    }\n}\nb\n", 2);
    check("#[cfg(test)]\nfn a() {\n}\n", 3);
    check("#[cfg(test)]\nmod tests;\na\n", 3);
}

fn check_opening(file: &Path) -> Option<String> {
    let text = "must open with `//!` and have a section `# What this crate does not do`";
    (!opens_well(&read(file))).then(|| format!("{} {text}", file.display()))
}

fn opens_well(text: &str) -> bool {
    let mut headings = text.lines().filter_map(|line| line.strip_prefix("//! #"));
    text.starts_with("//!") && headings.any(|heading| heading.contains("does not do"))
}

/// Without the lines of `#[cfg(test)] mod ... { }`, whose end is the next brace as far left.
fn length_without_tests(text: &str) -> usize {
    let mut length = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let opens_tests = |next: &&str| next.starts_with("mod ") && next.ends_with('{');
        if line == "#[cfg(test)]" && lines.peek().is_some_and(opens_tests) {
            lines.by_ref().find(|line| *line == "}");
        } else {
            length += 1;
        }
    }
    length
}

fn library_files() -> Vec<PathBuf> {
    let files = sources(&crates_dir());
    files
        .into_iter()
        .filter(|file| file.ends_with("src/lib.rs"))
        .collect()
}

fn has_component(file: &Path, name: &str) -> bool {
    let inside = file.strip_prefix(root()).unwrap_or(file);
    inside
        .with_extension("")
        .components()
        .any(|part| part.as_os_str() == name)
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.ends_with("target") {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn crates_dir() -> PathBuf {
    root().join("crates")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("/"))
        .to_owned()
}
