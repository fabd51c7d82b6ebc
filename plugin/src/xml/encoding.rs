//! From the bytes of a body to characters (RFC 3863 section 4.1: UTF-8 or UTF-16).

use std::borrow::Cow;

use super::NotWellFormed;

/// The encoding that the bytes themselves show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16,
}

/// Decodes a body, its byte order mark left out. All characters are ones that XML allows.
pub(crate) fn decode(body: &[u8]) -> Result<(Cow<'_, str>, Encoding), NotWellFormed> {
    let (text, encoding) = match body {
        [0xef, 0xbb, 0xbf, rest @ ..] => (utf8(rest)?, Encoding::Utf8),
        [0xff, 0xfe, rest @ ..] => (utf16(rest, u16::from_le_bytes)?, Encoding::Utf16),
        [0xfe, 0xff, rest @ ..] => (utf16(rest, u16::from_be_bytes)?, Encoding::Utf16),
        // XML 1.0 appendix F.1: without a mark, by how `<` looks.
        [0x3c, 0x00, ..] => (utf16(body, u16::from_le_bytes)?, Encoding::Utf16),
        [0x00, 0x3c, ..] => (utf16(body, u16::from_be_bytes)?, Encoding::Utf16),
        _ => (utf8(body)?, Encoding::Utf8),
    };
    if !allowed(text.as_bytes()) || text.starts_with('\u{feff}') {
        return Err(NotWellFormed("character not allowed in XML"));
    }
    Ok((text, encoding))
}

/// Whether a declaration may name `name` in a text that was encoded as `encoding`.
pub(crate) fn agrees(name: &str, encoding: Encoding, text: &str) -> bool {
    match encoding {
        Encoding::Utf16 => {
            ["UTF-16", "UTF-16LE", "UTF-16BE"].iter().any(|known| name.eq_ignore_ascii_case(known))
        }
        Encoding::Utf8 => {
            name.eq_ignore_ascii_case("UTF-8")
                || (text.is_ascii()
                    && ["US-ASCII", "ISO-8859-1"].iter().any(|known| name.eq_ignore_ascii_case(known)))
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, NotWellFormed> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(_) => Err(NotWellFormed("not UTF-8")),
    }
}

fn utf16<'a>(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'a, str>, NotWellFormed> {
    let (pairs, []) = bytes.as_chunks::<2>() else {
        return Err(NotWellFormed("half a UTF-16 unit"));
    };
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .collect::<Result<String, _>>()
        .map(Cow::Owned)
        .map_err(|_| NotWellFormed("not UTF-16"))
}

/// Production 2 of XML 1.0, of text that is Unicode already.
fn allowed(text: &[u8]) -> bool {
    // Without a way out early, so that it becomes vector code.
    let controls = text.iter().fold(false, |seen, byte| {
        seen | ((*byte < 0x20) & (*byte != b'\t') & (*byte != b'\n') & (*byte != b'\r'))
    });
    // U+FFFE and U+FFFF.
    let noncharacters = memchr::memchr_iter(0xef, text)
        .any(|at| matches!(text.get(at..at + 3), Some([0xef, 0xbf, 0xbe | 0xbf])));
    !controls && !noncharacters
}
