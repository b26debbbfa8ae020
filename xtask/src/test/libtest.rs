use super::backend::binary_name;

/// What one line of `cargo test` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A test binary starts.
    Binary { name: &'a str },
    /// The documentation tests of a crate start.
    Doctests { name: &'a str },
    /// A test has begun, and what it prints comes before its outcome (`--nocapture`).
    Begun { name: &'a str },
    /// How the test that has begun ended.
    Ended(Outcome),
    /// A test has ended.
    Test { name: &'a str, outcome: Outcome },
    /// A test binary has ended and sums up.
    Result {
        passed: u64,
        failed: u64,
        ignored: u64,
    },
    /// Cargo found that a test binary failed; how to run it again.
    BinaryFailed { rerun: &'a str },
    /// A crate does not compile.
    BuildFailed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    Ignored,
}

impl<'a> Event<'a> {
    /// Reads a line without colours; most say nothing.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("Running ") {
            let executable = rest.strip_suffix(')')?.rsplit_once(" (")?.1;
            return Some(Self::Binary {
                name: binary_name(executable),
            });
        }
        if let Some(name) = line.strip_prefix("Doc-tests ") {
            return Some(Self::Doctests { name });
        }
        if let Some(rest) = line.strip_prefix("test result: ") {
            return parse_result(rest);
        }
        if let Some((_, rerun)) = line.split_once(" failed, to rerun pass ") {
            // Behind the unfinished line of a test, where that test has crashed.
            return line.contains("error: ").then_some(Self::BinaryFailed {
                rerun: rerun.trim_matches('`'),
            });
        }
        if let Some(rest) = line.strip_prefix("test ") {
            return parse_test(rest);
        }
        if line.starts_with("error: could not compile ") {
            return Some(Self::BuildFailed);
        }
        Outcome::parse(line).map(Self::Ended)
    }
}

impl Outcome {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "ok" => Some(Self::Passed),
            "FAILED" => Some(Self::Failed),
            "ignored" => Some(Self::Ignored),
            _ => None,
        }
    }
}

/// `module::name ... ok`, with `- should panic` after the name where it should.
fn parse_test(rest: &str) -> Option<Event<'_>> {
    let (name, rest) = rest.split_once(" ...")?;
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    let outcome = rest
        .trim_start()
        .split([' ', ','])
        .next()
        .and_then(Outcome::parse);
    Some(match outcome {
        Some(outcome) => Event::Test { name, outcome },
        None => Event::Begun { name },
    })
}

/// `ok. 13 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.77s`
fn parse_result(rest: &str) -> Option<Event<'_>> {
    let counts = rest.split_once(". ")?.1;
    let count = |label: &str| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(label)?.trim().parse().ok())
    };
    Some(Event::Result {
        passed: count("passed")?,
        failed: count("failed")?,
        ignored: count("ignored")?,
    })
}

/// The line without ANSI colours.
pub(super) fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        let mut chars = rest.chars();
        chars.next();
        rest = chars.as_str();
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<Event<'_>>) {
        assert_eq!(Event::parse(line), expected, "{line:?}");
    }

    #[test]
    fn binaries_are_named_by_their_file() {
        let unit = "     Running unittests src/lib.rs (target/debug/deps/larder_cache-0123abcd)";
        check(
            unit,
            Some(Event::Binary {
                name: "larder_cache",
            }),
        );
        let integration = "     Running tests/redis.rs (/t/debug/deps/redis-17027e9fd716ed17)";
        check(integration, Some(Event::Binary { name: "redis" }));
        check(
            "   Doc-tests larder_cache",
            Some(Event::Doctests {
                name: "larder_cache",
            }),
        );
        check("     Running `cargo metadata`", None);
    }

    #[test]
    fn tests_are_read_with_their_outcome() {
        let test = |name, outcome| Some(Event::Test { name, outcome });
        check("test a::b ... ok", test("a::b", Outcome::Passed));
        check("test a::b ... ok <0.001s>", test("a::b", Outcome::Passed));
        check(
            "test a::b - should panic ... ok",
            test("a::b", Outcome::Passed),
        );
        check("test a::b ... FAILED", test("a::b", Outcome::Failed));
        check("test a ... ignored", test("a", Outcome::Ignored));
        check(
            "test a ... ignored, needs a terminal",
            test("a", Outcome::Ignored),
        );
        let doctest = "crates/cache/src/lib.rs - (line 12) - compile fail";
        check(
            &format!("test {doctest} ... ok"),
            test(doctest, Outcome::Passed),
        );
        check("test a has been running for over 60 seconds", None);
    }

    #[test]
    fn with_nocapture_the_outcome_comes_on_a_line_of_its_own() {
        check("test a::b ... ", Some(Event::Begun { name: "a::b" }));
        check(
            "test a::b ... its first line",
            Some(Event::Begun { name: "a::b" }),
        );
        check("FAILED", Some(Event::Ended(Outcome::Failed)));
        check("ok", Some(Event::Ended(Outcome::Passed)));
        check("ok then", None);
    }

    #[test]
    fn results_are_read() {
        check(
            "test result: FAILED. 13 passed; 2 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.77s",
            Some(Event::Result {
                passed: 13,
                failed: 2,
                ignored: 1,
            }),
        );
        check("test result: nonsense", None);
    }

    #[test]
    fn errors_of_cargo_are_read() {
        let rerun = "-p larder-cache --test freshness";
        let line = format!("error: test failed, to rerun pass `{rerun}`");
        check(&line, Some(Event::BinaryFailed { rerun }));
        let line = "error: doctest failed, to rerun pass `-p larder-cache --doc`";
        check(
            line,
            Some(Event::BinaryFailed {
                rerun: "-p larder-cache --doc",
            }),
        );
        check(
            "error: could not compile `x` (lib) due to 1 previous error",
            Some(Event::BuildFailed),
        );
        check("error: 1 target failed:", None);
    }

    #[test]
    fn colours_are_removed() {
        let check = |line, expected| assert_eq!(without_colours(line), expected);
        check(
            "\u{1b}[1m\u{1b}[92m     Running\u{1b}[0m x",
            "     Running x",
        );
        check("plain [0m", "plain [0m");
        check("cut \u{1b}[", "cut ");
    }
}
