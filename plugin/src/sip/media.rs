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
