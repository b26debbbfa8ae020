//! What the values' way into the cache cost and saved.

use std::fmt;
use std::time::Duration;

use larder::compression::{CompressionStats, DictionaryStats};

use super::numbers::{grouped, percent};
use crate::app::{App, CipherCosts};

/// AES-256-GCM-SIV's nonce and tag.
const SEALED_BYTES: u64 = 28;

/// What compression and encryption did. Its `Display` is a table.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    contents: Compressed,
    dictionary: Option<DictionaryStats>,
    sessions: CipherCosts,
}

/// Values that were compressed, by whichever algorithm.
#[derive(Clone, Copy, Debug, Default)]
struct Compressed {
    values: u64,
    plain_bytes: u64,
    stored_bytes: u64,
    time: Duration,
}

impl Payload {
    pub(super) fn of(app: &App) -> Self {
        let CompressionStats { namespaces, .. } = app.compression();
        let content = namespaces
            .into_iter()
            .find(|space| space.namespace == "content");
        let mut contents = Compressed::default();
        for used in content.iter().flat_map(|space| &space.algorithms) {
            contents.values += used.values;
            contents.plain_bytes += used.plain_bytes;
            contents.stored_bytes += used.stored_bytes;
            contents.time += used.time;
        }
        Self {
            contents,
            dictionary: content.and_then(|space| space.dictionary),
            sessions: app.encryption(),
        }
    }

    fn compression(&self) -> String {
        let Compressed {
            values,
            plain_bytes,
            stored_bytes,
            time,
        } = self.contents;
        format!(
            "{} stored: {} KiB became {} KiB, {} less; {:.1} us each, measurements included",
            grouped(values),
            grouped(plain_bytes / 1024),
            grouped(stored_bytes / 1024),
            percent(plain_bytes.saturating_sub(stored_bytes), plain_bytes),
            micros(time) / values.max(1) as f64,
        )
    }

    fn dictionary(&self) -> String {
        let Some(dictionary) = &self.dictionary else {
            return "no dictionary: too few values yet, or none was worth it".to_owned();
        };
        let saved = dictionary.saved_share.map_or_else(
            || "not measured since".to_owned(),
            |saved| {
                let percent = 100.0 * saved;
                format!("{percent:.0} % less than the best algorithm without one")
            },
        );
        format!(
            "a dictionary of {} KiB, trained here: {saved}",
            dictionary.bytes.div_ceil(1024)
        )
    }

    fn encryption(&self) -> String {
        let CipherCosts {
            encrypted,
            per_encrypted,
            decrypted,
            per_decrypted,
        } = self.sessions;
        let read = match decrypted {
            0 => "none decrypted, as L1 has them readable".to_owned(),
            some => format!(
                "{} decrypted in {:.1} us each",
                grouped(some),
                micros(per_decrypted)
            ),
        };
        format!(
            "{} encrypted in {:.1} us each, {SEALED_BYTES} bytes longer; {read}",
            grouped(encrypted),
            micros(per_encrypted),
        )
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:<15} {:<10} what it cost and saved", "payload", "of")?;
        for (payload, of, line) in [
            ("compression", "contents", self.compression()),
            ("", "", self.dictionary()),
            ("encryption", "sessions", self.encryption()),
        ] {
            writeln!(f, "  {payload:<15} {of:<10} {line}")?;
        }
        Ok(())
    }
}
