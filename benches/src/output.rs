//! What becomes of the results of a suite.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::Failure;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// As tables, for people.
    #[default]
    Tables,
    /// As JSON, for programs.
    Json,
}

impl Output {
    /// Writes results as JSON into the folder that has the folder for temporary files of cargo
    /// targets (`CARGO_TARGET_TMPDIR`), under the name of the suite, and prints them. A promise
    /// that is missed fails no run: the machine may have been busy.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn publish(
        self,
        (temporary, suite): (&str, &str),
        results: &impl Serialize,
        tables: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let json = serde_json::to_string_pretty(results)?;
        let file = Path::new(temporary).with_file_name(format!("{suite}.json"));
        fs::write(&file, &json)?;
        match self {
            Self::Tables => println!("{}\nRaw results: {}", tables(), file.display()),
            Self::Json => println!("{json}"),
        }
        Ok(())
    }
}
