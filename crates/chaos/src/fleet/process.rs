use std::process::Stdio;

use rustix::process::{Pid, Signal as Posix, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Duration, timeout};

use super::member::MEMBER;
use super::messages::{Answer, Order, Signal};
use crate::Failure;

/// A member, as its parent sees it. It ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
}

/// What a member tells, in order.
#[derive(Debug)]
pub(crate) struct Answers {
    lines: Lines<BufReader<ChildStdout>>,
}

/// A member that was told to end has this long.
const ENDING: Duration = Duration::from_secs(10);

impl Process {
    /// Starts a member and gives it its order.
    pub(crate) async fn spawn(order: &Order) -> Result<(Self, Answers), Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(MEMBER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a member without pipes".into());
        };
        let mut process = Self { child, input };
        process.tell(serde_json::to_string(order)?).await?;
        let lines = BufReader::new(output).lines();
        Ok((process, Answers { lines }))
    }

    pub(crate) async fn signal(&mut self, signal: Signal) -> Result<(), Failure> {
        self.tell(serde_json::to_string(&signal)?).await
    }

    /// Ends it at once (SIGKILL), and returns when it has gone.
    pub(crate) async fn kill(mut self) -> Result<(), Failure> {
        Ok(self.child.kill().await?)
    }

    /// Freezes it (SIGSTOP).
    pub(crate) fn pause(&self) -> Result<(), Failure> {
        self.send(Posix::STOP)
    }

    /// Lets it go on (SIGCONT).
    pub(crate) fn resume(&self) -> Result<(), Failure> {
        self.send(Posix::CONT)
    }

    /// Asks it to end (SIGTERM).
    pub(crate) fn terminate(&self) -> Result<(), Failure> {
        self.send(Posix::TERM)
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn end(mut self) -> Result<(), Failure> {
        drop(self.input);
        let status = timeout(ENDING, self.child.wait()).await??;
        if status.success() {
            Ok(())
        } else {
            Err(format!("a member ended with {status}").into())
        }
    }

    async fn tell(&mut self, mut line: String) -> Result<(), Failure> {
        line.push('\n');
        self.input.write_all(line.as_bytes()).await?;
        Ok(self.input.flush().await?)
    }

    fn send(&self, signal: Posix) -> Result<(), Failure> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(Pid::from_raw).ok_or("the member has ended")?;
        Ok(kill_process(id, signal)?)
    }
}

impl Answers {
    /// The next answer; `None` when the member has ended.
    ///
    /// # Errors
    /// When the member says that it could not go on, or nothing that can be understood.
    pub(crate) async fn next(&mut self) -> Result<Option<Answer>, Failure> {
        let Some(line) = self.lines.next_line().await? else {
            return Ok(None);
        };
        match serde_json::from_str(&line) {
            Ok(Answer::Failed(why)) => Err(format!("a member failed: {why}").into()),
            Ok(answer) => Ok(Some(answer)),
            // Killed in the middle of a line.
            Err(error) if error.is_eof() => Ok(None),
            Err(error) => Err(format!("a member said `{line}`: {error}").into()),
        }
    }

    /// The next answer, which has to come within this time.
    pub(crate) async fn expect(&mut self, within: Duration) -> Result<Answer, Failure> {
        let next = timeout(within, self.next()).await;
        let next = next.map_err(|_| format!("a member said nothing for {within:?}"))?;
        next?.ok_or_else(|| "a member ended too early".into())
    }
}
