//! Identifiers that publications cannot clash in.
//!
//! An identifier in a composed document is the one in the publication, a hyphen and a
//! suffix of fixed length that stands for the source. Identifiers are unique within a
//! publication and suffixes differ, so no two are equal; nothing in it depends on what
//! other sources there are or when they came (RFC 3903 section 10.4).

/// Length of a suffix, hyphen included.
pub(super) const SUFFIX: usize = 14;

const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// 64-bit FNV-1a, then mixed so that each bit of the input reaches all of the output.
pub(super) fn hash(bytes: &[u8], seed: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

/// The suffix that stands for a hash: a hyphen and its 64 bits in base 32.
pub(super) fn suffix(hash: u64) -> [u8; SUFFIX] {
    let mut text = [b'-'; SUFFIX];
    for (place, digit) in text.iter_mut().skip(1).enumerate() {
        let value = (hash >> (5 * place)) & 31;
        *digit = DIGITS.get(value as usize).copied().unwrap_or(b'a');
    }
    text
}
