use std::io::{BufRead, Write, stdin, stdout};
use std::process::ExitCode;
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::mpsc;

use super::messages::{Answer, Order, Signal};
use super::{cold_key, holder};
use crate::{Failure, behind, staleness};

/// The argument by which this program is started as a member.
pub(super) const MEMBER: &str = "member";

/// A member's line to its parent.
#[derive(Debug)]
pub(crate) struct Post {
    signals: mpsc::UnboundedReceiver<Signal>,
}

/// Whether this process was started as a member.
pub(crate) fn is_member(args: &[String]) -> bool {
    args.first().is_some_and(|arg| arg == MEMBER)
}

/// The whole life of a member.
pub(crate) fn member_main() -> ExitCode {
    let Err(failure) = serve() else {
        return ExitCode::SUCCESS;
    };
    let _parent_has_gone = tell(&Answer::Failed(failure.to_string()));
    ExitCode::FAILURE
}

fn serve() -> Result<(), Failure> {
    let mut line = String::new();
    stdin().lock().read_line(&mut line)?;
    let order = serde_json::from_str(&line)?;
    let (sender, signals) = mpsc::unbounded_channel();
    thread::spawn(move || listen(&sender));
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        let post = Post { signals };
        match order {
            Order::Traffic(membership) => staleness::take_part(membership, post).await,
            Order::ColdKey(order) => cold_key::run(order, post).await,
            Order::Holder(order) => holder::run(order, post).await,
            Order::Behind(task) => behind::member(task, post).await,
        }
    });
    runtime.shutdown_background();
    result
}

/// Passes signals on until the parent has gone, which the receiver sees by the sender's end.
fn listen(sender: &mpsc::UnboundedSender<Signal>) {
    for line in stdin().lock().lines().map_while(Result::ok) {
        let Ok(signal) = serde_json::from_str(&line) else {
            return;
        };
        if sender.send(signal).is_err() {
            return;
        }
    }
}

/// Tells the parent something.
pub(crate) fn tell(answer: &Answer) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut out = stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}

impl Post {
    /// The next signal. When the parent has gone, that is to stop.
    pub(crate) async fn signal(&mut self) -> Signal {
        self.signals.recv().await.unwrap_or(Signal::Stop)
    }

    pub(crate) fn answer(&self, answer: &Answer) -> Result<(), Failure> {
        tell(answer)
    }
}
