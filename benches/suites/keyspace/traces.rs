//! Accesses of real services.

use std::fs;
use std::path::Path;

use larder_benches::Failure;

/// What a key and its entry weigh beyond the key and the value's bytes, in L1.
const OVERHEAD_BYTES: u64 = 160;

/// Accesses of one service, in order.
pub(crate) struct Trace {
    pub(crate) name: &'static str,
    pub(crate) keys: Vec<u32>,
    /// The size of L1 that its curve is made around: about an eighth of what all keys take.
    pub(crate) l1_bytes: u64,
    /// In which bits of a key its type is, which makes a namespace; none: there is one only.
    type_shift: Option<u32>,
}

impl Trace {
    /// All that there are.
    pub(crate) fn all(folder: &Path) -> Result<Vec<Self>, Failure> {
        Ok(vec![
            Self::read(folder, "orm-busy", 1 << 20, Some(27))?,
            Self::read(folder, "web07", 512 << 10, None)?,
        ])
    }

    fn read(
        folder: &Path,
        name: &'static str,
        l1_bytes: u64,
        type_shift: Option<u32>,
    ) -> Result<Self, Failure> {
        let path = folder.join(name).with_extension("u32be.zst");
        let packed = fs::read(&path).map_err(|error| {
            let path = path.display();
            format!(
                "expected a trace at {path}, found: {error}; the traces are those of the cache2k \
                 project, as big-endian 32-bit keys packed with zstd: name the folder that has \
                 them with `--traces DIR`"
            )
        })?;
        let bytes = zstd::decode_all(packed.as_slice())?;
        let (keys, rest) = bytes.as_chunks::<4>();
        if keys.is_empty() || !rest.is_empty() {
            let (path, bytes) = (path.display(), bytes.len());
            return Err(format!("expected keys of 4 bytes in {path}, found {bytes} bytes").into());
        }
        Ok(Self {
            name,
            keys: keys.iter().map(|key| u32::from_be_bytes(*key)).collect(),
            l1_bytes,
            type_shift,
        })
    }

    pub(crate) fn space(&self, key: u32) -> u32 {
        self.type_shift.map_or(0, |shift| key >> shift)
    }
}

/// What an entry weighs in L1 whose value is its key, in MessagePack.
pub(crate) fn weight(key: u32) -> u64 {
    let digits = u64::from(key.checked_ilog10().unwrap_or(0)) + 1;
    let value = match key {
        0..=0x7f => 1,
        0x80..=0xff => 2,
        0x100..=0xffff => 3,
        _ => 5,
    };
    digits + value + OVERHEAD_BYTES
}
