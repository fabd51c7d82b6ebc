//! The lexical level of XML 1.0: characters, names, references, escapes.

use std::borrow::Cow;

use super::NotWellFormed;

/// Writes a value to stand between double quotes; white space other than the space would
/// not survive reading without a reference (XML 1.0 section 3.3.3).
pub(crate) fn escape_attribute(value: &str, out: &mut Vec<u8>) {
    escape(value, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#9;"),
        b'\n' => Some("&#10;"),
        b'\r' => Some("&#13;"),
        // No XML document may hold these, not even as references.
        0..=0x1f => Some(" "),
        _ => None,
    });
}

/// Writes character data of an element.
pub(crate) fn escape_text(value: &str, out: &mut Vec<u8>) {
    escape(value, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

/// Writes a text, some of its bytes replaced.
pub(crate) fn escape(value: &str, out: &mut Vec<u8>, replacement: impl Fn(u8) -> Option<&'static str>) {
    let bytes = value.as_bytes();
    let mut written = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if let Some(text) = replacement(*byte) {
            out.extend_from_slice(bytes.get(written..at).unwrap_or_default());
            out.extend_from_slice(text.as_bytes());
            written = at + 1;
        }
    }
    out.extend_from_slice(bytes.get(written..).unwrap_or_default());
}

/// White space of XML (production 3).
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// True if there is nothing but white space.
pub(crate) fn is_blank(text: &str) -> bool {
    text.bytes().all(is_space)
}

/// Splits a qualified name at its colon, `""` for no prefix (Namespaces in XML, section 4).
pub(crate) fn split_name(name: &str) -> Result<(&str, &str), NotWellFormed> {
    let (prefix, local) = match memchr::memchr(b':', name.as_bytes()).and_then(|at| name.split_at_checked(at))
    {
        None => ("", name),
        Some(("", _)) => return Err(NotWellFormed("name begins with a colon")),
        Some((prefix, local)) => (prefix, local.strip_prefix(':').unwrap_or_default()),
    };
    if is_name(local) && (prefix.is_empty() || is_name(prefix)) {
        Ok((prefix, local))
    } else {
        Err(NotWellFormed("invalid name"))
    }
}

/// A name without colon.
pub(crate) fn is_name(name: &str) -> bool {
    // Nearly all names are ASCII.
    if let [first, rest @ ..] = name.as_bytes()
        && (first.is_ascii_alphabetic() || *first == b'_')
        && rest.iter().all(|byte| CONTINUES.get(usize::from(*byte)).is_some_and(|continues| *continues))
    {
        return true;
    }
    let mut characters = name.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

/// What an ASCII name may go on with, by byte.
const CONTINUES: [bool; 128] = {
    let mut table = [false; 128];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'.' | b'_');
        byte += 1;
    }
    table
};

fn starts_name(character: char) -> bool {
    matches!(character,
        'a'..='z' | 'A'..='Z' | '_'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}'
        | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

fn continues_name(character: char) -> bool {
    starts_name(character)
        || matches!(character,
            '0'..='9' | '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// What stands between `&` and `;`: a character reference or a predefined entity. There
/// are no others without a document type declaration.
pub(crate) fn resolve_reference(name: &str) -> Result<char, NotWellFormed> {
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => character_reference(name).ok_or(NotWellFormed("reference to no known entity")),
    }
}

fn character_reference(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
    let (digits, radix) = match digits.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    // `from_str_radix` would take a sign.
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let character = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    let allowed = matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    allowed.then_some(character)
}

/// Character data with line ends as XML wants them (section 2.11).
pub(crate) fn normalise_lines(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The value of an attribute from between its quotes (section 3.3.3).
pub(crate) fn attribute_value(raw: &str) -> Result<Cow<'_, str>, NotWellFormed> {
    let special = |byte: u8| matches!(byte, b'&' | b'<' | b'\t' | b'\n' | b'\r');
    let Some(first) = raw.bytes().position(special) else {
        return Ok(Cow::Borrowed(raw));
    };
    let mut value = String::with_capacity(raw.len());
    let (plain, mut rest) = raw.split_at(first);
    value.push_str(plain);
    while let Some(byte) = rest.bytes().next() {
        match byte {
            b'<' => return Err(NotWellFormed("'<' in an attribute value")),
            b'&' => {
                let (name, after) = rest
                    .strip_prefix('&')
                    .and_then(|rest| rest.split_once(';'))
                    .ok_or(NotWellFormed("'&' in an attribute value"))?;
                value.push(resolve_reference(name)?);
                rest = after;
            }
            _ if special(byte) => {
                value.push(' ');
                rest = rest.strip_prefix("\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
            }
            _ => {
                let end = rest.bytes().position(special).unwrap_or(rest.len());
                let (plain, after) = rest.split_at(end);
                value.push_str(plain);
                rest = after;
            }
        }
    }
    Ok(Cow::Owned(value))
}

/// Takes the first attribute off the inside of a tag, as qualified name and raw value;
/// `None` when only white space is left.
pub(crate) fn next_attribute<'a>(rest: &mut &'a str) -> Result<Option<(&'a str, &'a str)>, NotWellFormed> {
    const INVALID: NotWellFormed = NotWellFormed("invalid attribute");
    let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
    if trimmed.is_empty() {
        return Ok(None);
    }
    if trimmed.len() == rest.len() {
        return Err(NotWellFormed("no white space before an attribute"));
    }
    let equals = memchr::memchr(b'=', trimmed.as_bytes()).ok_or(INVALID)?;
    let (name, after) = trimmed.split_at_checked(equals).ok_or(INVALID)?;
    let name = name.trim_end_matches([' ', '\t', '\n', '\r']);
    let after = after.get(1..).ok_or(INVALID)?.trim_start_matches([' ', '\t', '\n', '\r']);
    let quote = *after.as_bytes().first().ok_or(INVALID)?;
    if quote != b'"' && quote != b'\'' {
        return Err(INVALID);
    }
    let after = after.get(1..).ok_or(INVALID)?;
    let end = memchr::memchr(quote, after.as_bytes()).ok_or(INVALID)?;
    let value = after.get(..end).ok_or(INVALID)?;
    *rest = after.get(end + 1..).ok_or(INVALID)?;
    Ok(Some((name, value)))
}
