//! Keys made ready for use, and what they make: nonce, encrypted bytes, tag.

use std::fmt;

use aes_gcm_siv::Aes256GcmSiv;
use aes_gcm_siv::aead::array::typenum::Unsigned;
use aes_gcm_siv::aead::inout::InOutBuf;
use aes_gcm_siv::aead::{AeadCore, AeadInOut, KeyInit, Nonce, Tag};
use chacha20poly1305::XChaCha20Poly1305;
use larder_cache_core::{Bytes, Error, ErrorKind, Result};
use zeroize::ZeroizeOnDrop;

use crate::algorithm::CipherAlgorithm;
use crate::key::{EncryptionKey, fill_randomly};

/// A key with what its algorithm derives from it once.
pub(crate) struct PreparedKey {
    id: u32,
    cipher: PreparedCipher,
}

enum PreparedCipher {
    Aes256GcmSiv(Box<Aes256GcmSiv>),
    XChaCha20Poly1305(Box<XChaCha20Poly1305>),
}

/// Holds when both ciphers wipe their keys, which is a feature of each. `Aes256GcmSiv` does not
/// say it of itself; all that it holds is an `Aes256`.
impl ZeroizeOnDrop for PreparedKey {}

const _: () = {
    const fn is_wiped_on_drop<T: ZeroizeOnDrop>() {}
    is_wiped_on_drop::<aes::Aes256>();
    is_wiped_on_drop::<XChaCha20Poly1305>();
};

impl From<EncryptionKey> for PreparedKey {
    fn from(key: EncryptionKey) -> Self {
        let bytes = key.bytes().into();
        let cipher = match key.chosen_algorithm() {
            CipherAlgorithm::Aes256GcmSiv => {
                PreparedCipher::Aes256GcmSiv(Box::new(Aes256GcmSiv::new(bytes)))
            }
            CipherAlgorithm::XChaCha20Poly1305 => {
                PreparedCipher::XChaCha20Poly1305(Box::new(XChaCha20Poly1305::new(bytes)))
            }
        };
        let id = key.id();
        Self { id, cipher }
    }
}

impl PreparedKey {
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn encrypt(&self, plain: &[u8], bound: &[u8]) -> Result<Bytes> {
        match &self.cipher {
            PreparedCipher::Aes256GcmSiv(cipher) => seal(&**cipher, plain, bound),
            PreparedCipher::XChaCha20Poly1305(cipher) => seal(&**cipher, plain, bound),
        }
    }

    /// `None` for whatever was not sealed with this key and these bound bytes.
    pub(crate) fn decrypt(&self, sealed: &[u8], bound: &[u8]) -> Option<Bytes> {
        match &self.cipher {
            PreparedCipher::Aes256GcmSiv(cipher) => open(&**cipher, sealed, bound),
            PreparedCipher::XChaCha20Poly1305(cipher) => open(&**cipher, sealed, bound),
        }
    }

    fn algorithm(&self) -> CipherAlgorithm {
        match self.cipher {
            PreparedCipher::Aes256GcmSiv(_) => CipherAlgorithm::Aes256GcmSiv,
            PreparedCipher::XChaCha20Poly1305(_) => CipherAlgorithm::XChaCha20Poly1305,
        }
    }
}

impl fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.algorithm())
    }
}

/// The nonce is always random: counters would have to be told apart between hosts, restarts and
/// restored snapshots.
fn seal<C: AeadInOut>(cipher: &C, plain: &[u8], bound: &[u8]) -> Result<Bytes> {
    let mut nonce = Nonce::<C>::default();
    fill_randomly(&mut nonce)?;
    seal_with(cipher, &nonce, plain, bound)
}

fn seal_with<C: AeadInOut>(
    cipher: &C,
    nonce: &Nonce<C>,
    plain: &[u8],
    bound: &[u8],
) -> Result<Bytes> {
    let body = nonce.len()..nonce.len() + plain.len();
    let mut sealed = vec![0; body.end + tag_bytes::<C>()];
    sealed[..body.start].copy_from_slice(nonce);
    // From one buffer to the other: to copy first and encrypt in place takes twice as long for
    // values of 4 to 64 KiB.
    let (from, to) = (plain, &mut sealed[body.clone()]);
    let tag = InOutBuf::new(from, to)
        .ok()
        .and_then(|buffer| cipher.encrypt_inout_detached(nonce, bound, buffer).ok())
        .ok_or_else(|| too_long(plain.len()))?;
    sealed[body.end..].copy_from_slice(&tag);
    Ok(sealed.into())
}

/// Decrypts in a buffer of its own, which is dropped with all that is in it where the tag does
/// not match. In place, as GCM-SIV then encrypts it again before it says so, which would fill
/// another buffer with the plain bytes.
fn open<C: AeadInOut>(cipher: &C, sealed: &[u8], bound: &[u8]) -> Option<Bytes> {
    let (nonce, rest) = sealed.split_at_checked(<C as AeadCore>::NonceSize::USIZE)?;
    let body_bytes = rest.len().checked_sub(tag_bytes::<C>())?;
    let (body, tag) = rest.split_at_checked(body_bytes)?;
    let nonce: &Nonce<C> = nonce.try_into().ok()?;
    let tag: &Tag<C> = tag.try_into().ok()?;
    let mut plain = body.to_vec();
    cipher
        .decrypt_inout_detached(nonce, bound, plain.as_mut_slice().into(), tag)
        .ok()?;
    Some(plain.into())
}

const fn tag_bytes<C: AeadCore>() -> usize {
    <C as AeadCore>::TagSize::USIZE
}

fn too_long(bytes: usize) -> Error {
    let message = "a value of at most 64 GiB was expected to encrypt; store it in parts";
    Error::new(ErrorKind::Crypto, message).with("bytes", bytes)
}

#[cfg(test)]
mod tests;
