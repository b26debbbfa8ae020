/// How many slots every cluster has.
pub(super) const SLOTS: u16 = 16_384;

/// The slot of a key: CRC16 of its hash tag, or of the whole key, modulo 16384.
pub(super) fn of(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) % SLOTS
}

/// What stands between the first `{` and the next `}`, unless that is nothing.
fn hash_tag(key: &[u8]) -> &[u8] {
    let position = |bytes: &[u8], wanted| bytes.iter().position(|byte| *byte == wanted);
    let Some(open) = position(key, b'{') else {
        return key;
    };
    let rest = &key[open + 1..];
    match position(rest, b'}') {
        None | Some(0) => key,
        Some(close) => &rest[..close],
    }
}

/// CRC-16/XMODEM, which the cluster specification names.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 {
                shifted
            } else {
                shifted ^ 0x1021
            }
        })
    })
}

/// The slots that master `number` of `masters` begins with, first and last: as `redis-cli` deals
/// them out.
pub(super) fn range_of(number: usize, masters: usize) -> (u16, u16) {
    let start = |number: usize| ((number * usize::from(SLOTS) + masters / 2) / masters) as u16;
    (start(number), start(number + 1) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        let check = |key: &str, expected: u16| assert_eq!(of(key.as_bytes()), expected, "{key}");
        // The check value of CRC-16/XMODEM is 0x31C3.
        check("123456789", 0x31C3);
        check("foo", 12182);
        check("", 0);
    }

    #[test]
    fn a_hash_tag_decides_unless_it_is_empty() {
        let check = |key: &str, expected: &str| {
            assert_eq!(hash_tag(key.as_bytes()), expected.as_bytes(), "{key}");
        };
        check("{user1000}.following", "user1000");
        check("foo{}{bar}", "foo{}{bar}");
        check("foo{{bar}}zap", "{bar");
        check("foo{bar}{zap}", "bar");
        check("foo{bar", "foo{bar");
        check("}foo{bar}", "bar");
    }

    #[test]
    fn slots_are_dealt_out_as_by_redis_cli() {
        let ranges = [0, 1, 2].map(|number| range_of(number, 3));
        assert_eq!(ranges, [(0, 5460), (5461, 10922), (10923, 16383)]);
    }

    #[test]
    fn every_slot_has_one_first_master() {
        for masters in 1..=7 {
            let ranges: Vec<_> = (0..masters)
                .map(|number| range_of(number, masters))
                .collect();
            assert_eq!(ranges[0].0, 0);
            assert_eq!(ranges[masters - 1].1, SLOTS - 1);
            assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
        }
    }
}
