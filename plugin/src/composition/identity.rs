//! Identifiers that publications cannot clash in.
//!
//! An identifier in a composed document is the one in the publication, a hyphen and a
//! suffix of fixed length that stands for the source. Identifiers are unique within a
//! publication and suffixes differ, so no two are equal; nothing in it depends on what
//! other sources there are or when they came (RFC 3903 section 10.4).

/// Length of a suffix, hyphen included.
pub(super) const SUFFIX: usize = 14;

const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Spreads the bits of a number over all of another one; different numbers stay different.
pub(super) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let number = (number ^ (number >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    number ^ (number >> 32)
}

/// The suffix that stands for a number: a hyphen and its 64 bits in base 32.
pub(super) fn suffix(number: u64) -> [u8; SUFFIX] {
    let mut text = [b'-'; SUFFIX];
    for (place, digit) in text.iter_mut().skip(1).enumerate() {
        let value = (number >> (5 * place)) & 31;
        *digit = DIGITS.get(value as usize).copied().unwrap_or(b'a');
    }
    text
}
