#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// RFC 8452, appendix C.2: the first vector with a plaintext that is no whole block, and random
/// ones with bound bytes.
const AES_256_GCM_SIV: [Vector; 4] = [
    Vector {
        key: "0100000000000000000000000000000000000000000000000000000000000000",
        nonce: "030000000000000000000000",
        bound: "",
        plain: "0100000000000000",
        sealed: "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28",
    },
    Vector {
        key: "0100000000000000000000000000000000000000000000000000000000000000",
        nonce: "030000000000000000000000",
        bound: "010000000000000000000000000000000200",
        plain: "0300000000000000000000000000000004000000",
        sealed: "43dd0163cdb48f9fe3212bf61b201976067f342bb879ad976d8242acc188ab59cabfe307",
    },
    Vector {
        key: "bae8e37fc83441b16034566b7a806c46bb91c3c5aedb64a6c590bc84d1a5e269",
        nonce: "e4b47801afc0577e34699b9e",
        bound: "4fbdc66f14",
        plain: "671fdd",
        sealed: "0eaccb93da9bb81333aee0c785b240d319719d",
    },
    Vector {
        key: "3c535de192eaed3822a2fbbe2ca9dfc88255e14a661b8aa82cc54236093bbc23",
        nonce: "688089e55540db1872504e1c",
        bound: "734320ccc9d9bbbb19cb81b2af4ecbc3e72834321f7aa0f70b7282b4f33df23f167541",
        plain: "ced532ce4159b035277d4dfbb7db62968b13cd4eec",
        sealed: "626660c26ea6612fb17ad91e8e767639edd6c9faee9d6c7029675b89eaf4ba1ded1a286594",
    },
];

/// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
const XCHACHA20_POLY1305: Vector = Vector {
    key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
    nonce: "404142434445464748494a4b4c4d4e4f5051525354555657",
    bound: "50515253c0c1c2c3c4c5c6c7",
    plain: "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966\
            204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f72207468652066757475\
            72652c2073756e73637265656e20776f756c642062652069742e",
    sealed: "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f\
             4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f\
             76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49",
};

struct Vector {
    key: &'static str,
    nonce: &'static str,
    bound: &'static str,
    plain: &'static str,
    /// Without the nonce.
    sealed: &'static str,
}

#[test]
fn aes_256_gcm_siv_is_that_of_the_rfc() {
    for vector in AES_256_GCM_SIV {
        check(&vector, CipherAlgorithm::Aes256GcmSiv);
    }
}

#[test]
fn xchacha20_poly1305_is_that_of_the_draft() {
    check(&XCHACHA20_POLY1305, CipherAlgorithm::XChaCha20Poly1305);
}

fn check(vector: &Vector, algorithm: CipherAlgorithm) {
    let bytes = [vector.nonce, vector.bound, vector.plain, vector.sealed].map(from_hex);
    let [nonce, bound, plain, sealed] = &bytes;
    let key = EncryptionKey::new(1, from_hex(vector.key)).unwrap();
    let key = PreparedKey::from(key.algorithm(algorithm));
    let expected = [&nonce[..], sealed].concat();
    assert_eq!(key.algorithm(), algorithm);
    assert_eq!(encrypt_with(&key, nonce, plain, bound), expected);
    assert_eq!(key.decrypt(&expected, bound).unwrap(), *plain);
    assert_eq!(expected.len(), plain.len() + algorithm.overhead_bytes());
}

fn encrypt_with(key: &PreparedKey, nonce: &[u8], plain: &[u8], bound: &[u8]) -> Bytes {
    match &key.cipher {
        PreparedCipher::Aes256GcmSiv(cipher) => {
            seal_with(&**cipher, nonce.try_into().unwrap(), plain, bound).unwrap()
        }
        PreparedCipher::XChaCha20Poly1305(cipher) => {
            seal_with(&**cipher, nonce.try_into().unwrap(), plain, bound).unwrap()
        }
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// Reads the memory of freed keys, as whoever gets hold of a core dump would.
#[cfg(target_os = "linux")]
mod memory {
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::ptr::from_ref;

    use super::*;

    #[test]
    fn a_dropped_key_is_wiped() {
        let key = EncryptionKey::generate(1).unwrap();
        let secret = *key.bytes();
        let at = Place::of(key.bytes());
        check(&secret, at, key);
    }

    #[test]
    fn a_dropped_prepared_key_is_wiped() {
        for algorithm in [
            CipherAlgorithm::Aes256GcmSiv,
            CipherAlgorithm::XChaCha20Poly1305,
        ] {
            let key = EncryptionKey::generate(1).unwrap().algorithm(algorithm);
            let secret = *key.bytes();
            let key = PreparedKey::from(key);
            let at = match &key.cipher {
                PreparedCipher::Aes256GcmSiv(cipher) => Place::of(&**cipher),
                PreparedCipher::XChaCha20Poly1305(cipher) => Place::of(&**cipher),
            };
            check(&secret, at, key);
        }
    }

    /// The allocator writes over the beginning of what is freed, so the end of the key counts.
    fn check<K>(secret: &[u8; 32], at: Place, key: K) {
        let has_key = |memory: &[u8]| memory.windows(16).any(|found| found == &secret[16..]);
        // Before the key is freed, or it would be given the key's place.
        let mut memory = vec![0; at.bytes];
        at.read(&mut memory);
        assert!(has_key(&memory));
        drop(key);
        at.read(&mut memory);
        assert!(!has_key(&memory));
    }

    #[derive(Clone, Copy)]
    struct Place {
        address: usize,
        bytes: usize,
    }

    impl Place {
        fn of<T>(value: &T) -> Self {
            Self {
                address: from_ref(value).addr(),
                bytes: size_of::<T>(),
            }
        }

        fn read(self, memory: &mut [u8]) {
            let process = File::open("/proc/self/mem").unwrap();
            process.read_exact_at(memory, self.address as u64).unwrap();
        }
    }
}
