use larder_testkit::RedisServerError;

/// Why a command ends without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is wrong: exit code 2, with the usage.
    Usage(String),
    /// Something failed: exit code 1, with this message.
    Failed(String),
    /// Exit code 1; all there is to say was said before.
    Reported,
}

impl Failure {
    /// Something failed, and why.
    pub(crate) fn new(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{what}: {why}"))
    }

    /// The error for an argument that a command does not know.
    pub(crate) fn unknown_argument(command: &str, arg: &str) -> Self {
        Self::Usage(format!(
            "unknown argument `{arg}` of `cargo xtask {command}`"
        ))
    }
}

impl From<RedisServerError> for Failure {
    fn from(error: RedisServerError) -> Self {
        Self::Failed(error.to_string())
    }
}
