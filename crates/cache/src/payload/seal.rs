//! The encryption of bodies, bound to their place and header.

use larder_cache_core::entry::associated_data;
use larder_cache_core::{
    Bytes, Encryption, Entry, Error, ErrorKind, Header, MissReason, Namespace, Place, Result,
};

use super::{Payload, in_namespace};

impl Payload {
    /// Encrypts a body where its namespace wants that, under a header that is final but for
    /// the key's id.
    pub(super) fn seal(
        &self,
        header: &mut Header,
        body: Bytes,
        namespace: &Namespace,
        place: &Place<'_>,
    ) -> Result<Bytes> {
        self.check_encryption(namespace)?;
        let Some(cipher) = self.cipher.as_ref().filter(|_| is_encrypted(namespace)) else {
            return Ok(body);
        };
        loop {
            header.encryption_key = cipher.current_key();
            let bound = associated_data(header, place);
            match cipher.encrypt(header.encryption_key, &body, &bound) {
                // The key was retired in this very moment, after another had taken its place.
                Err(_) if header.encryption_key != cipher.current_key() => {}
                sealed => return sealed,
            }
        }
    }

    /// The body as it was before it was encrypted.
    pub(super) fn open(
        &self,
        entry: &Entry,
        namespace: &Namespace,
        place: &Place<'_>,
    ) -> Result<Bytes, MissReason> {
        self.check_sealed(&entry.header, namespace)?;
        let header = &entry.header;
        let Some(cipher) = self.cipher.as_ref().filter(|_| header.encryption_key != 0) else {
            return Ok(entry.body.clone());
        };
        let bound = associated_data(header, place);
        let opened = cipher.decrypt(header.encryption_key, &entry.body, &bound);
        opened.map_err(|_| MissReason::Unauthentic)
    }

    /// The same entry under the present key; why not, where it can't be decrypted.
    ///
    /// # Errors
    /// Kind `Crypto`, when it can't be encrypted.
    pub(crate) fn reseal(
        &self,
        entry: Entry,
        namespace: &Namespace,
        place: &Place<'_>,
    ) -> Result<Result<Entry, MissReason>> {
        let body = match self.open(&entry, namespace, place) {
            Ok(body) => body,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut header = entry.header;
        header.freshness.lease = None;
        let body = self.seal(&mut header, body, namespace, place)?;
        Ok(Ok(Entry { header, body }))
    }

    /// Whether a body can be decrypted, and is encrypted where that is wanted, as far as its
    /// header tells.
    pub(super) fn check_sealed(
        &self,
        header: &Header,
        namespace: &Namespace,
    ) -> Result<(), MissReason> {
        match (header.encryption_key, &self.cipher) {
            (0, Some(_)) if is_encrypted(namespace) => Err(MissReason::Unencrypted),
            (0, _) => Ok(()),
            (key, Some(cipher)) if cipher.has_key(key) => Ok(()),
            _ => Err(MissReason::UnknownEncryptionKey),
        }
    }

    /// Refuses to let values that should be encrypted leave the process readable.
    ///
    /// # Errors
    /// Kind `Config`.
    pub(super) fn check_encryption(&self, namespace: &Namespace) -> Result<()> {
        if !self.leaves_process || !is_encrypted(namespace) {
            return Ok(());
        }
        let problem = match &self.cipher {
            None => "no key is configured, so its values would leave the process readable",
            Some(cipher) if !cipher.is_lasting() => {
                "the key ends with this process, so no other could read its values"
            }
            Some(_) => return Ok(()),
        };
        let advice = "set CACHE_ENCRYPTION_KEYS or CACHE_ENCRYPTION_KEY_FILE, give the builder a \
                      cipher with lasting keys, or register the namespace with Encryption::Off";
        let message = format!("this namespace is to be encrypted and {problem}; {advice}");
        let error = Error::new(ErrorKind::Config, message);
        Err(in_namespace(error, namespace))
    }
}

fn is_encrypted(namespace: &Namespace) -> bool {
    namespace.encryption != Encryption::Off
}
