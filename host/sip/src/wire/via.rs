//! The Via field (RFC 3261 20.42, RFC 3581).

use super::message::Span;
use super::scan::{Param, is_token, param, skip_space, trim};
use super::uri::host_port;

/// One Via value; spans point into the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, …, any case.
    pub transport: Span,
    /// Host of sent-by; an IPv6 reference keeps its brackets.
    pub host: Span,
    /// Port of sent-by.
    pub port: Option<u16>,
    /// The `branch` parameter.
    pub branch: Option<Span>,
    /// The `maddr` parameter.
    pub maddr: Option<Span>,
    /// The whole `;received=…`, with its semicolon.
    pub received: Option<Span>,
    /// The whole `;rport` or `;rport=…`, with its semicolon.
    pub rport: Option<Span>,
    /// Offset after the last byte of this value.
    pub end: u32,
}

impl Via {
    /// Reads the Via value at `at` of a field value that lies at `base` in the message. Also gives the offset
    /// after the value: that of a comma or the end of the field.
    pub(crate) fn parse_at(field: &[u8], at: usize, base: usize) -> Option<(Via, usize)> {
        let i = token_then(field, at, b"SIP", b'/')?;
        let i = token_then(field, i, b"2.0", b'/')?;
        let start = skip_space(field, i);
        let word = field.iter().skip(start).take_while(|&&c| super::scan::is_token_char(c)).count();
        let transport = (start, start + word);
        let sent_by = skip_space(field, transport.1);
        if word == 0 || sent_by == transport.1 {
            return None;
        }
        let stop = sent_by + field.iter().skip(sent_by).take_while(|&&c| c != b';' && c != b',').count();
        let (from, to) = trim(field, sent_by, stop);
        let text = field.get(from..to)?;
        let (host_len, port) = sent_by_parts(text)?;
        let span = |(s, e): (usize, usize)| Span::new(base + s, base + e);
        let mut via = Via {
            transport: span(transport),
            host: span((from, from + host_len)),
            port,
            branch: None,
            maddr: None,
            received: None,
            rport: None,
            end: span((to, to)).end,
        };
        let mut i = stop;
        while let Some(p) = param(field, i).ok()? {
            via.take(field, p, span)?;
            i = p.end;
            via.end = span((i, i)).end;
        }
        Some((via, skip_space(field, i)))
    }

    fn take(&mut self, field: &[u8], p: Param, span: impl Fn((usize, usize)) -> Span) -> Option<()> {
        let name = field.get(p.name.0..p.name.1)?;
        let whole = span((p.semicolon, p.end));
        if name.eq_ignore_ascii_case(b"branch") {
            let value = p.value?;
            is_token(field.get(value.0..value.1)?).then_some(())?;
            self.branch = Some(span(value));
        } else if name.eq_ignore_ascii_case(b"maddr") {
            self.maddr = p.value.map(span);
        } else if name.eq_ignore_ascii_case(b"received") {
            self.received = Some(whole);
        } else if name.eq_ignore_ascii_case(b"rport") {
            self.rport = Some(whole);
        }
        Some(())
    }
}

/// `word LWS separator LWS`, the word in any case; gives the offset after it.
fn token_then(field: &[u8], at: usize, word: &[u8], separator: u8) -> Option<usize> {
    let start = skip_space(field, at);
    let end = start + word.len();
    if !field.get(start..end)?.eq_ignore_ascii_case(word) {
        return None;
    }
    let i = skip_space(field, end);
    (field.get(i) == Some(&separator)).then_some(i + 1)
}

/// Length of the host in `host LWS : LWS port`, and the port.
fn sent_by_parts(text: &[u8]) -> Option<(usize, Option<u16>)> {
    if let Some((host, port)) = host_port(text) {
        return Some((host.len(), port));
    }
    // White space around the colon is legal here (RFC 3261 25.1, sent-by uses COLON).
    let colon = memchr::memrchr(b':', text)?;
    let (_, host_end) = trim(text, 0, colon);
    let (port_start, port_end) = trim(text, colon + 1, text.len());
    let (host, None) = host_port(text.get(..host_end)?)? else { return None };
    let port = super::scan::decimal(text.get(port_start..port_end)?, u64::from(u16::MAX))?;
    Some((host.len(), Some(u16::try_from(port).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(Via, usize)> {
        Via::parse_at(value.as_bytes(), 0, 0)
    }

    #[test]
    fn white_space_is_allowed_where_the_grammar_says() {
        let value =
            "SIP  / 2.0  / TCP     spindle.example.com  : 5070 ;  branch  =   z9hG4bK9ikj8  , SIP/2.0/UDP x";
        let (via, end) = read(value).unwrap();
        let get = |s: Span| &value[s.start as usize..s.end as usize];
        assert_eq!((get(via.transport), get(via.host), via.port), ("TCP", "spindle.example.com", Some(5070)));
        assert_eq!(via.branch.map(get), Some("z9hG4bK9ikj8"));
        assert_eq!(&value[end..=end], ",");
    }

    #[test]
    fn received_may_have_brackets() {
        for value in [
            "SIP/2.0/UDP [::1];received=[2001:db8::1];rport=5",
            "SIP/2.0/UDP [::1];received=2001:db8::1;rport",
        ] {
            let (via, _) = read(value).unwrap();
            assert!(via.received.is_some() && via.rport.is_some(), "RFC 5118 4.5: {value}");
        }
    }

    #[test]
    fn extra_separators_are_refused() {
        assert!(read("SIP/2.0/UDP 192.0.2.15;;,;,,").is_none(), "RFC 4475 3.1.2.1");
        assert!(read("SIP/2.0/UDP").is_none());
        assert!(read("SIP/2.0/UDP a:b").is_none());
    }
}
