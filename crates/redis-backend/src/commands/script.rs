//! Scripts: several commands in one step of the server, which knows a script by its digest
//! once it has seen its text.

use bytes::Bytes;
use larder_cache_core::{Key, Result};
use redis::{Cmd, Pipeline, Script, Value};

use super::{Step, batch_of};
use crate::error::{in_part, unexpected_reply};
use crate::lane::Link;

/// How a script is named to the server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Naming {
    /// By its digest: the server must know it already.
    Digest,
    /// By its text, from which the server learns it.
    Text,
}

/// A script and its digest.
#[derive(Debug)]
pub(crate) struct Lua {
    text: &'static str,
    script: Script,
}

impl Lua {
    pub(crate) fn new(text: &'static str) -> Self {
        let script = Script::new(text);
        Self { text, script }
    }

    /// A command that runs it on a key, its arguments still to be added.
    pub(super) fn on(&self, naming: Naming, key: &Key) -> Cmd {
        self.on_all(naming, &[key.as_bytes()])
    }

    /// A command that runs it on keys, its arguments still to be added.
    pub(crate) fn on_all(&self, naming: Naming, keys: &[&[u8]]) -> Cmd {
        let (name, script) = match naming {
            Naming::Digest => ("EVALSHA", self.script.get_hash()),
            Naming::Text => ("EVAL", self.text),
        };
        let mut command = redis::cmd(name);
        command.arg(script).arg(keys.len());
        for key in keys {
            command.arg(key);
        }
        command
    }
}

/// A script on keys that are all on one server, with its arguments.
#[derive(Debug)]
pub(crate) struct ScriptCall<'a> {
    pub(crate) script: &'static Lua,
    /// At least one; the first says where it goes.
    pub(crate) keys: &'a [Key],
    pub(crate) arguments: Vec<Bytes>,
}

impl ScriptCall<'_> {
    pub(super) fn command(&self, naming: Naming) -> Cmd {
        let keys: Vec<&[u8]> = self.keys.iter().map(Key::as_bytes).collect();
        let mut command = self.script.on_all(naming, &keys);
        for argument in &self.arguments {
            command.arg(&argument[..]);
        }
        command
    }

    /// How many bytes are sent, roughly.
    pub(super) fn bytes(&self, naming: Naming) -> usize {
        let text = match naming {
            Naming::Digest => 0,
            Naming::Text => self.script.text.len(),
        };
        text + self.arguments.iter().map(Bytes::len).sum::<usize>()
    }
}

/// What a step is answered, or why it is refused.
pub(crate) type Answer = Result<Replies>;

/// The replies to a step, and the connection they came on.
#[derive(Debug)]
pub(crate) struct Replies {
    pub(crate) replies: Vec<Value>,
    pub(crate) connection: u64,
}

impl Replies {
    /// To a step that may not go on a connection: what its script says where the lease has
    /// gone.
    pub(crate) fn refused_on(connection: u64) -> Self {
        Self {
            replies: vec![Value::Int(0)],
            connection,
        }
    }
}

/// Runs steps that are scripts on the link, but for those that may not go there.
pub(crate) async fn run(link: &Link, steps: &[Step<'_>]) -> Result<Vec<Answer>> {
    let may_go = |step: &&Step<'_>| step.may_go_on(link);
    let allowed: Vec<Step<'_>> = steps.iter().filter(may_go).copied().collect();
    let mut answers = Vec::with_capacity(allowed.len());
    let mut rest = &allowed[..];
    while !rest.is_empty() {
        let (some, others) = rest.split_at(batch_of(rest));
        match run_batch(link, some).await {
            Ok(answered) => answers.extend(answered),
            Err(error) if answers.is_empty() => return Err(error),
            Err(error) => return Err(in_part(&error)),
        }
        rest = others;
    }
    let mut answers = answers.into_iter();
    let connection = link.connection();
    let answer = |step: &Step<'_>| match step.may_go_on(link) {
        true => Ok(Replies {
            replies: answers
                .next()
                .unwrap_or_else(|| Err(unexpected_reply("an answer to each step")))?,
            connection,
        }),
        false => Ok(Replies::refused_on(connection)),
    };
    Ok(steps.iter().map(answer).collect())
}

/// Those whose script the server doesn't know had no effect, and are sent again with its text.
async fn run_batch(link: &Link, steps: &[Step<'_>]) -> Result<Vec<Result<Vec<Value>>>> {
    let mut answers = send(link, steps).await?;
    let is_unknown = |replies: &[Value]| replies.iter().any(is_unknown_script);
    let unknown: Vec<usize> = (0..answers.len())
        .filter(|&at| is_unknown(&answers[at]))
        .collect();
    if let Some((&first, others)) = unknown.split_first() {
        // The server learns the script from the first, in time for the others.
        let mut again = vec![steps[first].by_text()];
        again.extend(others.iter().map(|&at| steps[at]));
        for (at, answered) in unknown.into_iter().zip(send(link, &again).await?) {
            answers[at] = answered;
        }
    }
    let read = |replies: Vec<Value>| replies.into_iter().map(|reply| link.read(reply)).collect();
    Ok(answers.into_iter().map(read).collect())
}

/// Sends steps in one go: the replies to each.
async fn send(link: &Link, steps: &[Step<'_>]) -> Result<Vec<Vec<Value>>> {
    let mut commands = Pipeline::with_capacity(steps.len());
    let counts: Vec<usize> = steps
        .iter()
        .map(|step| step.add_to(&mut commands))
        .collect();
    let mut replies = link.send_all(&commands).await?.into_iter();
    let own = |count| replies.by_ref().take(count).collect();
    Ok(counts.into_iter().map(own).collect())
}

fn is_unknown_script(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(refused) if refused.code() == "NOSCRIPT")
}
