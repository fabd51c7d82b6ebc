//! Tokens from random bytes: tags, Call-IDs, entity-tags.

/// Base 32 in lower case without padding (RFC 4648 6): every character is one of a token, and the
/// text survives peers that fold case.
pub fn token(random: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(random.len().saturating_mul(8).div_ceil(5));
    let (mut pending, mut bits) = (0u32, 0u32);
    for byte in random {
        pending = (pending << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(DIGITS[(pending >> bits) as usize & 31]));
        }
        pending &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(DIGITS[(pending << (5 - bits)) as usize & 31]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 4648 10, in lower case and without padding.
    #[test]
    fn test_vectors_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
            ("foobar", "mzxw6ytboi"),
        ] {
            assert_eq!(token(bytes.as_bytes()), text);
        }
    }

    proptest! {
        #[test]
        fn different_bytes_give_different_tokens(a in any::<[u8; 10]>(), b in any::<[u8; 10]>()) {
            prop_assert_eq!(a == b, token(&a) == token(&b));
            prop_assert_eq!(token(&a).len(), 16);
            prop_assert!(super::super::lex::is_token(&token(&a)));
        }
    }
}
