//! Answers that send the caller elsewhere, or away for a while.

use redis::{ServerError, Value};

use super::slot::Slot;
use super::view::Place;

/// Why a node did not carry out what it was asked, and what would help. The command had no
/// effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// Another node holds the slot.
    Moved(Slot, Place),
    /// Another node is about to, and has this key already, or would have it.
    Ask(Place),
    /// The keys are on their way, or the cluster doesn't work just now.
    Later,
    /// The script isn't known there.
    ByText,
}

/// The redirection in the replies to one step, if they are one. `host` is where the node
/// that sent them was found.
pub(super) fn redirect(replies: &[Value], host: &str) -> Option<Redirect> {
    replies.iter().find_map(|reply| match reply {
        Value::ServerError(answer) => read(answer, host),
        _ => None,
    })
}

fn read(answer: &ServerError, host: &str) -> Option<Redirect> {
    let detail = answer.details().unwrap_or_default();
    match answer.code() {
        "MOVED" => place(detail, host).map(|(slot, place)| Redirect::Moved(slot, place)),
        "ASK" => place(detail, host).map(|(_, place)| Redirect::Ask(place)),
        "TRYAGAIN" | "CLUSTERDOWN" => Some(Redirect::Later),
        "NOSCRIPT" => Some(Redirect::ByText),
        _ => None,
    }
}

/// Reads `slot host:port`.
fn place(detail: &str, asked: &str) -> Option<(Slot, Place)> {
    let (slot, address) = detail.split_once(' ')?;
    let (host, port) = address.trim_end().rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let place = Place::named(host, port.parse().ok()?, asked);
    Some((Slot(slot.parse().ok()?), place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: Option<&Redirect>) {
        let parsed = |line: &&str| redis::parse_redis_value(format!("{line}\r\n").as_bytes());
        let replies: Vec<Value> = lines.iter().map(|line| parsed(line).unwrap()).collect();
        assert_eq!(redirect(&replies, "asked").as_ref(), expected, "{lines:?}");
    }

    fn at(host: &str, port: u16) -> Place {
        Place::named(host, port, "")
    }

    #[test]
    fn redirections_are_read() {
        let check = |lines: &[&str], expected: Redirect| check(lines, Some(&expected));
        let moved = |place| Redirect::Moved(Slot(3999), place);
        check(&["-MOVED 3999 10.0.0.1:6381"], moved(at("10.0.0.1", 6381)));
        check(&["-MOVED 3999 :6381"], moved(at("asked", 6381)));
        check(&["-MOVED 3999 ::1:6381"], moved(at("::1", 6381)));
        check(&["-MOVED 3999 ?:6381"], moved(at("asked", 6381)));
        check(&["-ASK 3999 h:1"], Redirect::Ask(at("h", 1)));
        check(&["-TRYAGAIN Multiple keys"], Redirect::Later);
        check(&["-CLUSTERDOWN Hash slot not served"], Redirect::Later);
        check(&["-NOSCRIPT No matching script"], Redirect::ByText);
        let transaction = ["+OK", "+QUEUED", "-ASK 1 h:1", "-ASK 1 h:1", "-EXECABORT x"];
        check(&transaction, Redirect::Ask(at("h", 1)));
    }

    #[test]
    fn other_answers_are_none() {
        for other in [
            "+OK",
            "-ERR MOVED",
            "-WRONGTYPE x",
            "$-1",
            "-MOVED",
            "-MOVED x",
            "-ASK 1 h",
        ] {
            check(&[other], None);
        }
        check(&[], None);
    }
}
