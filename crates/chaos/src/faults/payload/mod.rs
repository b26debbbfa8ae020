//! Values that are encrypted, damaged or meant to do harm.

pub(crate) mod bomb;
pub(crate) mod flipped_bits;
pub(crate) mod rotation;

use larder::EncryptionKey;

fn key(id: u8) -> larder::Result<EncryptionKey> {
    EncryptionKey::new(id.into(), [id; 32])
}
