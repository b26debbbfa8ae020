//! The arguments of a suite: names, most of them followed by a value.

use std::str::FromStr;

use crate::Failure;

/// The arguments of a suite, one after the other.
pub struct Arguments<I> {
    rest: I,
    usage: &'static str,
}

impl<I: Iterator<Item = String>> Arguments<I> {
    /// Those that are left of the program's own; the usage is shown with what is wrong.
    pub fn new(rest: I, usage: &'static str) -> Self {
        Self { rest, usage }
    }

    /// The next name. `cargo bench` says `--bench` to every suite, which means nothing.
    pub fn name(&mut self) -> Option<String> {
        self.rest.find(|name| name != "--bench")
    }

    /// The value behind a name.
    ///
    /// # Errors
    /// When there is none.
    pub fn value(&mut self, name: &str) -> Result<String, Failure> {
        let value = self.rest.next();
        value.ok_or_else(|| format!("{name} needs a value\n{}", self.usage).into())
    }

    /// The number behind a name.
    ///
    /// # Errors
    /// When there is none, or it is not above 0.
    pub fn positive<N: FromStr + Default + PartialEq>(&mut self, name: &str) -> Result<N, Failure> {
        let text = self.value(name)?;
        match text.parse() {
            Ok(number) if number != N::default() => Ok(number),
            _ => Err(format!("{name} needs a number above 0, found `{text}`").into()),
        }
    }

    /// The parts behind a name, in a list with commas.
    ///
    /// # Errors
    /// When there is none, or one that is not known.
    pub fn parts<P: Copy>(&mut self, name: &str, known: &[(&str, P)]) -> Result<Vec<P>, Failure> {
        let text = self.value(name)?;
        let part = |word: &str| {
            let found = known.iter().find(|(name, _)| *name == word);
            found.map(|(_, part)| *part).ok_or_else(|| {
                let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                format!("unknown part `{word}`; there are: {}", names.join(", ")).into()
            })
        };
        text.split(',').map(part).collect()
    }

    /// That a name means nothing to the suite.
    pub fn unknown(&self, name: &str) -> Failure {
        format!("unknown argument `{name}`\n{}", self.usage).into()
    }
}
