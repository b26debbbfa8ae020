//! Reading the names of keys, page by page.

use bytes::Bytes;
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
    let mut command = redis::cmd("SCAN");
    command
        .arg(Place::read(cursor)?.position_on(link))
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
    Ok(ScanPage {
        keys: reply::parts(keys)?.into_iter().filter_map(utf8).collect(),
        next: (position != 0).then(|| place.write()),
    })
}

/// Where a scan stands. A position means something to the server process that gave it
/// alone, so it goes with the connection: on another one the scan begins anew, and misses
/// no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    incarnation: u64,
    position: u64,
}

impl Place {
    fn read(cursor: &Cursor) -> Result<Self> {
        let place = cursor.place();
        if place.is_empty() {
            return Ok(Self {
                incarnation: 0,
                position: 0,
            });
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
        parsed.ok_or_else(|| {
            let message = "this is no cursor of the Redis backend: begin with Cursor::start()";
            Error::new(ErrorKind::Config, message)
        })
    }

    fn write(self) -> Cursor {
        Cursor::new(Bytes::from(format!(
            "{}:{}",
            self.incarnation, self.position
        )))
    }

    fn position_on(self, link: &Link) -> u64 {
        if self.incarnation == link.incarnation() {
            self.position
        } else {
            0
        }
    }
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
        assert_eq!(Place::read(&place.write()).unwrap(), place);
        assert_eq!(Place::read(&Cursor::start()).unwrap().position, 0);
        for foreign in ["7", "a:b", "1:-2", "1:2:3", ":"] {
            let error = Place::read(&Cursor::new(foreign.into())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{foreign}");
        }
        assert!(Place::read(&Cursor::new(Bytes::from_static(b"\xff"))).is_err());
    }
}
