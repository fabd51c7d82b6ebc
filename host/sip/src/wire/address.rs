//! `name-addr` and `addr-spec` of From, To and Route (RFC 3261 20.10, 25.1).

use super::scan::{is_space, is_token_char, param, skip_quoted, skip_space};

/// One address value, as offsets into the value that it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr {
    /// The URI, without `<>`.
    pub uri: (usize, usize),
    /// Value of the `tag` parameter.
    pub tag: Option<(usize, usize)>,
}

impl NameAddr {
    /// Reads a single address; none for what the grammar does not allow: open quotes, display names with
    /// other than token characters, white space in the URI, more than one address.
    pub fn parse(value: &[u8]) -> Option<NameAddr> {
        let (address, end) = NameAddr::parse_at(value, 0)?;
        (end == value.len()).then_some(address)
    }

    /// Reads the address at `at`; also gives the offset after it, which is that of a comma or the end.
    pub(crate) fn parse_at(value: &[u8], at: usize) -> Option<(NameAddr, usize)> {
        let start = skip_space(value, at);
        let (uri, mut i) = if value.get(start) == Some(&b'"') {
            let open = skip_space(value, skip_quoted(value, start)?);
            bracketed(value, open)?
        } else {
            let name = value.iter().skip(start).take_while(|&&c| is_token_char(c) || is_space(c)).count();
            if value.get(start + name) == Some(&b'<') {
                bracketed(value, start + name)?
            } else {
                bare(value, start)?
            }
        };
        let mut tag = None;
        while let Some(p) = param(value, i).ok()? {
            if value.get(p.name.0..p.name.1)?.eq_ignore_ascii_case(b"tag") {
                if tag.is_some() {
                    return None;
                }
                tag = Some(p.value?);
            }
            i = p.end;
        }
        Some((NameAddr { uri, tag }, skip_space(value, i)))
    }
}

/// `<uri>` at `open`.
fn bracketed(value: &[u8], open: usize) -> Option<((usize, usize), usize)> {
    if value.get(open) != Some(&b'<') {
        return None;
    }
    let start = open + 1;
    let end = start + memchr::memchr(b'>', value.get(start..)?)?;
    let uri = value.get(start..end)?;
    super::uri::is_uri(uri).then_some(((start, end), end + 1))
}

/// A URI without brackets: what follows a semicolon belongs to the header field, and there can be neither a
/// comma nor a question mark (RFC 3261 20.10).
fn bare(value: &[u8], start: usize) -> Option<((usize, usize), usize)> {
    let end =
        start + value.iter().skip(start).take_while(|&&c| !is_space(c) && c != b';' && c != b',').count();
    let uri = value.get(start..end)?;
    (super::uri::is_uri(uri) && !uri.contains(&b'?')).then_some(((start, end), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(&str, Option<&str>)> {
        let a = NameAddr::parse(value.as_bytes())?;
        Some((&value[a.uri.0..a.uri.1], a.tag.map(|(s, e)| &value[s..e])))
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(read("sip:a@b;tag=1"), Some(("sip:a@b", Some("1"))));
        assert_eq!(read("<sip:a@b;lr>;x ; tag = 1"), Some(("sip:a@b;lr", Some("1"))));
        assert_eq!(read("\"A \\\" <B\" <tel:+1>"), Some(("tel:+1", None)));
        assert_eq!(read("A B<sip:a@b>"), Some(("sip:a@b", None)));
    }

    #[test]
    fn what_the_grammar_forbids_is_refused() {
        for bad in [
            "",
            "\"A <sip:a@b>",
            "A, B <sip:a@b>",
            "< sip:a@b>",
            "<sip:a@b",
            "sip:a@b, sip:c@d",
            "<sip:a@b>;tag",
            "<sip:a@b>;tag=1;tag=2",
            "sip:a@b?x=y",
            "<sip:a@b>;;",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
