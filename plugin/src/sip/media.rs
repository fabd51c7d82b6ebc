//! Media types and what a peer accepts (RFC 3261 20.1, 20.15).

use super::lex::{is_token, qvalue, trim};
use super::params::{Param, Params, unquote};
use super::{HeaderName, Malformed, Message};

/// A media type such as `application/pidf+xml;charset=utf-8`. Names compare without case.
#[derive(Clone, Copy, Debug)]
pub struct MediaType<'a> {
    /// For example `application`.
    pub kind: &'a str,
    /// For example `pidf+xml`.
    pub subtype: &'a str,
    /// Parameters.
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// Parses a Content-Type value.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        Self::parse_as(text, "Content-Type")
    }

    /// The Content-Type of a message; none if it has none.
    pub fn of(message: &Message<'a>) -> Result<Option<Self>, Malformed> {
        message.single(HeaderName::ContentType)?.map(Self::parse).transpose()
    }

    fn parse_as(text: &'a str, what: &'static str) -> Result<Self, Malformed> {
        let end = memchr::memchr(b';', text.as_bytes()).unwrap_or(text.len());
        let (kind, subtype) = text[..end].split_once('/').ok_or(Malformed(what))?;
        let (kind, subtype) = (trim(kind), trim(subtype));
        if !is_token(kind) || !is_token(subtype) {
            return Err(Malformed(what));
        }
        Ok(Self { kind, subtype, params: Params::parse(&text[end..], what)? })
    }

    /// True if the type, without parameters, is `name`, for example `application/pidf+xml`.
    pub fn is(&self, name: &str) -> bool {
        name.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
        })
    }

    /// True if the media type has this parameter with this value.
    fn has(&self, wanted: Param<'_>) -> bool {
        self.params.get(wanted.name).is_some_and(|own| match (own.value, wanted.value) {
            (Some(own), Some(wanted)) => unquote(own).eq_ignore_ascii_case(&unquote(wanted)),
            (own, wanted) => own == wanted,
        })
    }
}

impl PartialEq for MediaType<'_> {
    /// Type and subtype; parameters count too, in any order.
    fn eq(&self, other: &Self) -> bool {
        self.kind.eq_ignore_ascii_case(other.kind)
            && self.subtype.eq_ignore_ascii_case(other.subtype)
            && self.params.iter().all(|param| other.has(param))
            && other.params.iter().all(|param| self.has(param))
    }
}

/// One range of an Accept header.
#[derive(Clone, Copy, Debug)]
struct Range<'a> {
    /// The range; `*` stands for all.
    media: MediaType<'a>,
    quality: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Result<Self, Malformed> {
        const WHAT: &str = "Accept";
        let media = MediaType::parse_as(text, WHAT)?;
        if media.kind == "*" && media.subtype != "*" {
            return Err(Malformed(WHAT));
        }
        let quality = match media.params.get("q") {
            None => 1000,
            Some(param) => param.value.and_then(qvalue).ok_or(Malformed(WHAT))?,
        };
        Ok(Self { media, quality })
    }

    /// Parameters that belong to the media type: those before `q`.
    fn media_params(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        self.media.params.iter().take_while(|param| !param.name.eq_ignore_ascii_case("q"))
    }

    /// How closely the range fits the type; none if it does not.
    fn fit(&self, media: &MediaType<'_>) -> Option<usize> {
        if self.media.kind == "*" {
            return Some(0);
        }
        if !self.media.kind.eq_ignore_ascii_case(media.kind) {
            return None;
        }
        if self.media.subtype == "*" {
            return Some(1);
        }
        if !self.media.subtype.eq_ignore_ascii_case(media.subtype) {
            return None;
        }
        let mut fit = 2;
        for param in self.media_params() {
            if !media.has(param) {
                return None;
            }
            fit += 1;
        }
        Some(fit)
    }
}

/// What a peer accepts. An empty list accepts nothing.
#[derive(Clone, Debug)]
pub struct Accept<'a> {
    ranges: Vec<Range<'a>>,
}

impl<'a> Accept<'a> {
    /// The Accept headers of a message; none if it has none, and then the event package's default holds.
    pub fn of(message: &Message<'a>) -> Result<Option<Self>, Malformed> {
        if !message.has(HeaderName::Accept) {
            return Ok(None);
        }
        let mut ranges = Vec::with_capacity(4);
        for value in message.values(HeaderName::Accept) {
            ranges.push(Range::parse(value?)?);
        }
        Ok(Some(Self { ranges }))
    }

    /// Parses the text of one header line.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let values = super::lex::split_outside(text, b',').filter(|value| !value.is_empty());
        values.map(Range::parse).collect::<Result<_, _>>().map(|ranges| Self { ranges })
    }

    /// Quality in thousandths that the most specific range gives this type. None if no range
    /// fits or if it is excluded by `q=0`.
    pub fn quality(&self, media: &MediaType<'_>) -> Option<u16> {
        let fitting = self.ranges.iter().filter_map(|range| Some((range.fit(media)?, range.quality)));
        fitting.max_by_key(|(fit, quality)| (*fit, *quality)).map(|(_, quality)| quality).filter(|q| *q > 0)
    }

    /// As [`Accept::quality`], of a type that a range names; wildcards do not count.
    pub fn named_quality(&self, media: &MediaType<'_>) -> Option<u16> {
        let named = self.ranges.iter().any(|range| range.fit(media).is_some_and(|fit| fit >= 2));
        self.quality(media).filter(|_| named)
    }

    /// The first of the best accepted of `offers`, which are in the server's order of preference.
    pub fn best<'o>(&self, offers: &[MediaType<'o>]) -> Option<MediaType<'o>> {
        let mut best: Option<(u16, MediaType<'o>)> = None;
        for offer in offers {
            if let Some(quality) = self.quality(offer)
                && best.is_none_or(|(q, _)| quality > q)
            {
                best = Some((quality, *offer));
            }
        }
        best.map(|(_, media)| media)
    }
}

#[cfg(test)]
mod tests {
    use super::super::owned::OwnedMessage;
    use super::*;

    const PIDF: &str = "application/pidf+xml";

    fn quality(accept: &str, media: &str) -> Option<u16> {
        Accept::parse(accept).unwrap().quality(&MediaType::parse(media).unwrap())
    }

    /// RFC 3261 20.1 (SUB-11).
    #[test]
    fn the_most_specific_range_decides() {
        assert_eq!(quality("application/pidf+xml", "APPLICATION/PIDF+xml"), Some(1000));
        assert_eq!(quality("*/*;q=0.1", PIDF), Some(100));
        assert_eq!(quality("*/*, application/*;q=0", PIDF), None);
        assert_eq!(quality("application/*;q=0, application/pidf+xml;q=0.5", PIDF), Some(500));
        assert_eq!(quality("application/pidf+xml;q=0, */*", PIDF), None);
        assert_eq!(quality("text/*, application/xml", PIDF), None);
        assert_eq!(quality("text/html;level=1;q=0.3, text/html;q=0.7", "text/html;level=1"), Some(300));
        assert_eq!(quality("text/html;level=1;q=0.3, text/html;q=0.7", "text/html;level=2"), Some(700));
        assert_eq!(quality("text/html;level=\"1\";q=0.3;x=y", "text/html;level=1"), Some(300));
        assert_eq!(quality("text/html;level=1", "text/html"), None);
    }

    /// SUB-10: an absent Accept is not an empty one.
    #[test]
    fn an_empty_accept_accepts_nothing() {
        let of = |lines: &str| {
            let owned = OwnedMessage::request("SUBSCRIBE", "sip:a@b.com", lines, b"").unwrap();
            Accept::of(&owned.view()).map(|a| a.map(|a| a.quality(&MediaType::parse(PIDF).unwrap())))
        };
        assert_eq!(of(""), Ok(None));
        assert_eq!(of("Accept:\r\n"), Ok(Some(None)));
        assert_eq!(of("Accept: text/plain\r\nAccept: a/b , application/pidf+xml\r\n"), Ok(Some(Some(1000))));
        assert_eq!(of("Accept: pidf\r\n"), Err(Malformed("Accept")));
    }

    #[test]
    fn broken_ranges_and_types_are_refused() {
        for text in ["a", "a/", "/b", "*/b", "a/b;q=2", "a/b;q", "a/b c", "a/b;"] {
            assert!(Accept::parse(text).is_err(), "{text}");
        }
        for text in ["", "a", "a/b;c", "a/b/c"] {
            let parsed = MediaType::parse(text);
            assert!(parsed.is_err() || text == "a/b;c", "{text}");
        }
    }

    #[test]
    fn the_server_s_order_breaks_ties() {
        let offers = ["application/pidf+xml", "application/pidf-diff+xml", "text/plain"]
            .map(|t| MediaType::parse(t).unwrap());
        let best = |text| Accept::parse(text).unwrap().best(&offers).map(|m| m.subtype);
        assert_eq!(best("*/*"), Some("pidf+xml"));
        assert_eq!(best("application/pidf+xml;q=0.2, application/pidf-diff+xml"), Some("pidf-diff+xml"));
        assert_eq!(best("image/*"), None);
    }

    /// RFC 3261 20.15, RFC 2045 5.1.
    #[test]
    fn media_types_compare_without_case_and_order() {
        let parse = |text| MediaType::parse(text).unwrap();
        assert!(parse("application/pidf+xml;charset=\"UTF-8\"").is(PIDF));
        assert_eq!(parse("Text/Html; charset=UTF-8;a=1"), parse("text/html;A=1;charset=\"utf-8\""));
        assert_ne!(parse("text/html;a=1"), parse("text/html"));
    }
}
