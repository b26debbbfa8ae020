//! Reading the names of keys, page by page.

use larder_cache_core::{Cursor, Error, ErrorKind, Glob, Result, ScanPage};
use redis::Value;

use super::reply;
use crate::error::unexpected_reply;
use crate::lane::Link;

pub(crate) async fn scan(
    link: &Link,
    cursor: &Cursor,
    pattern: &Glob,
    limit: usize,
) -> Result<ScanPage> {
    let place = Place::read(cursor.place())?;
    let page = page(link, place, pattern, limit).await?;
    Ok(ScanPage {
        keys: page.keys,
        next: page.next.map(|place| Cursor::new(place.write().into())),
    })
}

/// What one server has in one page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) keys: Vec<String>,
    /// `None` after its last page.
    pub(crate) next: Option<Place>,
}

/// Reads one page of a server's keys.
pub(crate) async fn page(link: &Link, place: Place, pattern: &Glob, limit: usize) -> Result<Page> {
    let mut command = redis::cmd("SCAN");
    command
        .arg(place.position_on(link))
        .arg("MATCH")
        .arg(pattern.as_str())
        .arg("COUNT")
        .arg(limit);
    let found = reply::parts(link.ask(&command).await?)?;
    let Ok([position, keys]) = <[Value; 2]>::try_from(found) else {
        return Err(unexpected_reply("a cursor and keys"));
    };
    let position: u64 =
        redis::from_redis_value(position).map_err(|_| unexpected_reply("a cursor"))?;
    let place = Place {
        incarnation: link.incarnation(),
        position,
    };
    Ok(Page {
        keys: reply::parts(keys)?.into_iter().filter_map(utf8).collect(),
        next: (position != 0).then_some(place),
    })
}

/// Where a scan stands. A position means something to the server process that gave it
/// alone, so it goes with the connection: on another one the scan begins anew, and misses
/// no key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    incarnation: u64,
    position: u64,
}

impl Place {
    pub(crate) fn read(place: &[u8]) -> Result<Self> {
        if place.is_empty() {
            return Ok(Self::default());
        }
        let numbers = std::str::from_utf8(place)
            .ok()
            .and_then(|text| text.split_once(':'));
        let parsed = numbers.and_then(|(incarnation, position)| {
            Some(Self {
                incarnation: incarnation.parse().ok()?,
                position: position.parse().ok()?,
            })
        });
        parsed.ok_or_else(foreign)
    }

    pub(crate) fn write(self) -> String {
        format!("{}:{}", self.incarnation, self.position)
    }

    /// Whether this is where a scan begins, or a place on this very connection.
    pub(crate) fn is_on(self, link: &Link) -> bool {
        self == Self::default() || self.incarnation == link.incarnation()
    }

    fn position_on(self, link: &Link) -> u64 {
        if self.is_on(link) { self.position } else { 0 }
    }
}

/// A cursor that somebody else wrote.
pub(crate) fn foreign() -> Error {
    let message = "this is no cursor of the Redis backend: begin with Cursor::start()";
    Error::new(ErrorKind::Config, message)
}

/// Keys of other programs need not be text.
fn utf8(key: Value) -> Option<String> {
    match key {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_back_and_others_refused() {
        let place = Place {
            incarnation: 3,
            position: u64::MAX,
        };
        assert_eq!(Place::read(place.write().as_bytes()).unwrap(), place);
        assert_eq!(Place::read(b"").unwrap(), Place::default());
        for wrong in ["7", "a:b", "1:-2", "1:2:3", ":"] {
            let error = Place::read(wrong.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{wrong}");
        }
        assert!(Place::read(b"\xff").is_err());
    }
}
