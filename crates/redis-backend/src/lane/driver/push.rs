//! What the server says without having been asked.

use super::frame::{Header, Malformed};
use crate::tracking::Tracking;

/// Tells the watcher which keys were changed, if that is what a push says. Others are of no
/// interest.
pub(super) fn hear(push: &[u8], tracking: &Tracking) -> Result<(), Malformed> {
    let mut rest = push;
    let parts = header(&mut rest)?.parts;
    let name = string(&mut rest)?.ok_or(UNNAMED)?;
    if name != b"invalidate" {
        return Ok(());
    }
    if parts != 2 {
        return Err(Malformed("an invalidation without keys"));
    }
    match rest.first() {
        Some(b'*') if !rest.starts_with(b"*-") => {
            let watcher = tracking.watcher();
            for _ in 0..header(&mut rest)?.parts {
                let key = string(&mut rest)?.ok_or(KEYLESS)?;
                if let Some(watcher) = &watcher {
                    watcher.changed(key);
                }
            }
        }
        Some(b'_' | b'*' | b'$') if header(&mut rest)?.string_bytes.is_none() => {
            tracking.changed_all();
        }
        _ => return Err(KEYLESS),
    }
    Ok(())
}

const UNNAMED: Malformed = Malformed("a push without a name");
const KEYLESS: Malformed = Malformed("an invalidation of something else than keys");

/// Takes the first line of a value.
fn header(rest: &mut &[u8]) -> Result<Header, Malformed> {
    let header = Header::read(rest)?.ok_or(UNNAMED)?;
    *rest = rest.get(header.bytes..).unwrap_or_default();
    Ok(header)
}

/// Takes a string; `None` for anything else.
fn string<'p>(rest: &mut &'p [u8]) -> Result<Option<&'p [u8]>, Malformed> {
    let line = *rest;
    let header = header(rest)?;
    match (line.first(), header.string_bytes) {
        (Some(b'+'), _) => Ok(line.get(1..header.bytes - 2)),
        (Some(b'$'), Some(length)) => {
            let found = rest.get(..length);
            *rest = rest.get(length + 2..).unwrap_or_default();
            Ok(found)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use larder_cache_core::{Moment, Watch, Watcher};

    use super::*;

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Watcher for Heard {
        fn changed(&self, key: &[u8]) {
            let key = key.escape_ascii().to_string();
            self.0.lock().unwrap().push(key);
        }

        fn changed_all(&self) {
            self.0.lock().unwrap().push("all".into());
        }

        fn told_until(&self, _: Moment) {}

        fn may_have_forgotten(&self) {}
    }

    fn check(push: &[u8], expected: Option<&[&str]>) {
        let heard = Arc::new(Heard::default());
        let tracking = Tracking::default();
        let watcher = Arc::downgrade(&heard) as _;
        let prefixes = Vec::new();
        tracking.register(Watch { prefixes, watcher });
        let outcome = hear(push, &tracking);
        let context = push.escape_ascii();
        match expected {
            Some(expected) => {
                assert_eq!(outcome, Ok(()), "{context}");
                assert_eq!(*heard.0.lock().unwrap(), expected, "{context}");
            }
            None => assert!(outcome.is_err(), "{context}"),
        }
    }

    #[test]
    fn invalidations_name_keys_or_all() {
        check(
            b">2\r\n$10\r\ninvalidate\r\n*2\r\n$3\r\na\r\n\r\n$0\r\n\r\n",
            Some(&["a\\r\\n", ""]),
        );
        check(b">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n", Some(&["k"]));
        check(b">2\r\n$10\r\ninvalidate\r\n_\r\n", Some(&["all"]));
        check(b">2\r\n$10\r\ninvalidate\r\n*-1\r\n", Some(&["all"]));
        check(b">2\r\n$10\r\ninvalidate\r\n*0\r\n", Some(&[]));
        check(b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n", Some(&[]));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for push in [
            &b">0\r\n"[..],
            b">1\r\n:1\r\n",
            b">1\r\n$-1\r\n",
            b">1\r\n$10\r\ninvalidate\r\n",
            b">3\r\n$10\r\ninvalidate\r\n*0\r\n:1\r\n",
            b">2\r\n$10\r\ninvalidate\r\n:1\r\n",
            b">2\r\n$10\r\ninvalidate\r\n$1\r\nk\r\n",
            b">2\r\n$10\r\ninvalidate\r\n*1\r\n:1\r\n",
            b">2\r\n$10\r\ninvalidate\r\n*1\r\n*1\r\n$1\r\nk\r\n",
            b">2\r\n$10\r\ninvalidate\r\n*1\r\n_\r\n",
        ] {
            check(push, None);
        }
    }
}
