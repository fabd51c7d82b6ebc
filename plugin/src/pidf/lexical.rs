//! The lexical level of XML 1.0: characters, names, references, escapes.

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

fn escape(value: &str, out: &mut Vec<u8>, replacement: impl Fn(u8) -> Option<&'static str>) {
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
