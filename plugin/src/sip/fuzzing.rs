//! Entry points for fuzzing: each takes any bytes, must not panic, and checks what holds for all input.

use super::HeaderName as Name;
use super::asserted::{Asserted, Privacy};
use super::cseq::CSeq;
use super::dialog::{Dialog, DialogId, Own, SubscriberDialog};
use super::digest::{Asker, Protection, Received, Request};
use super::disposition::{Disposition, is_plainly_encoded};
use super::etag::{self, EntityTag};
use super::event::Event;
use super::expires;
use super::headers::HeaderBlock;
use super::media::{Accept, MediaType};
use super::message::{Message, Span};
use super::name_addr::NameAddr;
use super::owned::OwnedMessage;
use super::subscription_state::ReceivedState;
use super::{Malformed, Uri, date, option_tags, params::Params, token};

/// A request of one header line, whose value may be any bytes.
fn with_line(name: Name, value: &[u8], check: impl FnOnce(&Message<'_>)) {
    let mut bytes = name.as_str().as_bytes().to_vec();
    let split = bytes.len() as u32;
    bytes.extend_from_slice(value);
    let end = bytes.len() as u32;
    let field = (Span { start: 0, end: split }, Span { start: split, end });
    check(&Message::request(&bytes, Span::default(), Span::default(), [field], Span::default()));
}

fn text(data: &[u8], check: impl FnOnce(&str)) {
    if let Ok(text) = str::from_utf8(data) {
        check(text);
    }
}

/// [`Message`] by way of [`OwnedMessage`], and everything that reads one.
pub fn message(data: &[u8]) {
    let Some(owned) = OwnedMessage::parse(data) else { return };
    let message = owned.view();
    for name in [Name::Via, Name::Accept, Name::Other, Name::RecordRoute] {
        assert_eq!(message.lines(name).count(), message.count(name));
        let _ = message.values(name).count();
        let _ = (message.first(name), message.single(name), message.other(name.as_str()));
    }
    let _ = (message.method(), message.uri(), message.status(), message.body());
    let _ = (Event::of(&message), MediaType::of(&message), Accept::of(&message), CSeq::of(&message));
    let _ = (Asserted::of(&message), Privacy::of(&message), DialogId::of(&message));
    dialog_of(&message);
}

/// [`Message`] with spans that need not fit.
pub fn spans(data: &[u8]) {
    let spans: Vec<Span> =
        data.chunks_exact(2).map(|pair| Span { start: pair[0].into(), end: pair[1].into() }).collect();
    let any = spans.first().copied().unwrap_or_default();
    let fields = spans.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    let message = Message::request(data, any, any, fields, any);
    let _ = (message.method(), message.uri(), message.body(), message.other("x"));
    assert_eq!(message.lines(Name::To).count(), message.count(Name::To));
}

/// [`Uri`]: reflexive equality.
pub fn uri(data: &[u8]) {
    text(data, |text| {
        let Ok(uri) = Uri::parse(text) else { return };
        assert!(Uri::parse(text).is_ok_and(|again| again == uri));
    });
}

/// Two URIs, divided by a line end: symmetric equality.
pub fn uri_pair(data: &[u8]) {
    text(data, |text| {
        let Some((a, b)) = text.split_once('\n') else { return };
        let (Ok(a), Ok(b)) = (Uri::parse(a), Uri::parse(b)) else { return };
        let (there, back) = (a == b, b == a);
        assert_eq!(there, back);
    });
}

/// [`NameAddr`].
pub fn name_addr(data: &[u8]) {
    text(data, |text| {
        let Ok(value) = NameAddr::parse(text, "To") else { return };
        assert!(text.contains(value.uri_text));
        let _ = (value.display_name(), value.tag(), value.q(), value.expires());
    });
}

/// [`Params`].
pub fn params(data: &[u8]) {
    text(data, |text| {
        let Ok(params) = Params::parse(text, "x") else { return };
        for param in params.iter() {
            assert!(params.has(param.name));
            let _ = param.text();
        }
    });
}

/// [`Event`].
pub fn event(data: &[u8]) {
    with_line(Name::Event, data, |message| {
        if let Ok(event) = Event::of(message) {
            assert!(!event.base().is_empty());
            assert!(event.templates().all(|template| !template.is_empty()));
        }
    });
}

/// [`MediaType`].
pub fn media_type(data: &[u8]) {
    text(data, |text| {
        if let Ok(media) = MediaType::parse(text) {
            let _ = media.is("application/pidf+xml");
            assert!(media.kind.len() + media.subtype.len() < text.len());
        }
    });
}

/// [`Accept`].
pub fn accept(data: &[u8]) {
    with_line(Name::Accept, data, |message| {
        let Ok(Some(accept)) = Accept::of(message) else { return };
        let Ok(pidf) = MediaType::parse("application/pidf+xml") else { return };
        let quality = accept.quality(&pidf);
        assert!(quality.is_none_or(|q| (1..=1000).contains(&q)));
        assert_eq!(accept.best(&[pidf]).is_some(), quality.is_some());
    });
}

/// Expires, Min-Expires, Retry-After.
pub fn seconds(data: &[u8]) {
    with_line(Name::Expires, data, |m| {
        let _ = expires::expires(m);
    });
    with_line(Name::MinExpires, data, |m| {
        let _ = expires::min_expires(m);
    });
    with_line(Name::RetryAfter, data, |m| {
        let _ = expires::retry_after(m);
    });
}

/// SIP-If-Match, SIP-ETag, Suppress-If-Match.
pub fn entity_tag(data: &[u8]) {
    with_line(Name::SipIfMatch, data, |message| {
        if let Ok(Some(tag)) = etag::if_match(message) {
            assert!(!tag.contains([' ', ',']));
            assert_eq!(EntityTag::parse(tag).map(|t| t.as_str() == tag), Ok(true));
        }
    });
    with_line(Name::SipEtag, data, |m| {
        let _ = etag::etag(m);
    });
    with_line(Name::SuppressIfMatch, data, |m| {
        let _ = etag::suppress_if_match(m);
    });
    assert!(EntityTag::parse(&token::token(data)).is_ok() || data.is_empty());
}

/// [`CSeq`].
pub fn cseq(data: &[u8]) {
    text(data, |text| {
        assert!(CSeq::parse(text).is_ok_and(|c| c.number < 1 << 31) || CSeq::parse(text).is_err())
    });
}

/// Require and Supported.
pub fn option_tags(data: &[u8]) {
    with_line(Name::Require, data, |message| {
        let unknown = option_tags::unknown_required(message, &["eventlist"]);
        assert!(unknown.is_err() || unknown.is_ok_and(|tags| tags.iter().all(|tag| !tag.is_empty())));
        let _ = option_tags::supports(message, "eventlist");
    });
}

/// Content-Disposition, Content-Encoding.
pub fn disposition(data: &[u8]) {
    with_line(Name::ContentDisposition, data, |m| {
        let _ = Disposition::of(m);
    });
    with_line(Name::ContentEncoding, data, |m| {
        let _ = is_plainly_encoded(m);
    });
}

/// P-Asserted-Identity, Privacy.
pub fn asserted(data: &[u8]) {
    with_line(Name::PAssertedIdentity, data, |message| {
        if let Ok(asserted) = Asserted::of(message) {
            assert_eq!(asserted.iter().count() == 0, asserted.is_empty());
        }
    });
    with_line(Name::Privacy, data, |m| {
        let _ = Privacy::of(m);
    });
}

/// [`Dialog`]: a message creates one; what is written and read back is the same.
pub fn dialog(data: &[u8]) {
    let mut request = b"SUBSCRIBE sip:a@b.com SIP/2.0\r\n".to_vec();
    request.extend_from_slice(b"f: <sip:a@b.com>;tag=1\r\nt: <sip:a@b.com>\r\ni: 1\r\nCSeq: 1 SUBSCRIBE\r\n");
    request.extend_from_slice(data);
    if let Some(owned) = OwnedMessage::parse(&request) {
        dialog_of(&owned.view());
    }
}

fn dialog_of(message: &Message<'_>) {
    subscriber_dialog_of(message);
    let Ok(dialog) = Dialog::create(message, "local") else { return };
    let mut headers = HeaderBlock::new();
    let uri = dialog.write_request("NOTIFY", 1, &mut headers);
    assert!(Uri::parse(uri).is_ok());
    let Ok(bytes) = postcard::to_allocvec(&dialog) else { return };
    assert_eq!(postcard::from_bytes::<Dialog<'_>>(&bytes).as_ref(), Ok(&dialog));
}

/// The dialog of the other side: whoever sends the NOTIFY that creates it has a say in each request in it.
fn subscriber_dialog_of(notify: &Message<'_>) {
    let Ok(mut dialog) = SubscriberDialog::create(notify, Own([7; 16]), 1) else { return };
    let mut headers = HeaderBlock::new();
    dialog.write_request("sip:us@example.com", "sip:them@example.org", &mut headers);
    assert!(headers.finish().is_ok() && Uri::parse(dialog.target()).is_ok());
    let Ok(bytes) = postcard::to_allocvec(&dialog) else { return };
    assert_eq!(postcard::from_bytes::<SubscriberDialog>(&bytes).as_ref(), Ok(&dialog));
    let before = dialog.clone();
    assert_eq!(dialog.advance(notify), Ok(Ok(())));
    assert!(dialog == before, "the same NOTIFY again changes a dialog");
}

/// [`ReceivedState`].
pub fn subscription_state(data: &[u8]) {
    with_line(Name::SubscriptionState, data, |m| {
        let _ = ReceivedState::of(m);
    });
}

/// [`HeaderBlock`]: nothing breaks out of its line.
pub fn header_block(data: &[u8]) {
    text(data, |text| {
        let mut headers = HeaderBlock::new();
        headers.line("Subject", text).number("Expires", data.len() as u64).list("Allow", text.split(','));
        match headers.finish() {
            Ok(bytes) => assert!(memchr::memchr_iter(b'\n', &bytes).count() <= 3),
            Err(Malformed(_)) => assert!(text.contains(['\r', '\n', '\0'])),
        }
    });
}

/// Dates: what was parsed is formatted and parsed to the same instant.
pub fn date(data: &[u8]) {
    text(data, |text| {
        let Ok(instant) = date::parse(text) else { return };
        let again = date::parse(&date::format(instant));
        assert!(again == Ok(instant) || date::format(instant).starts_with("9999"));
    });
}

/// [`Received`]: what can be answered is answered in a line of its own.
pub fn challenge(data: &[u8]) {
    with_line(Name::WwwAuthenticate, data, |message| {
        let Some(Received { mut challenge, .. }) = Received::topmost(message, Asker::Server) else {
            return;
        };
        let request = Request { method: "SUBSCRIBE", uri: "sip:a@b.com", body: b"" };
        let answer = challenge.answer("user", "password", &request, "c");
        assert!(answer.starts_with("Digest username=\"user\", realm=\""));
        let counted = answer.ends_with(", nc=00000001, cnonce=\"c\"");
        assert_eq!(counted, challenge.protection != Protection::Plain);
    });
}

/// An entry point.
pub type Entry = fn(&[u8]);

/// All entry points by name.
pub const ALL: &[(&str, Entry)] = &[
    ("message", message),
    ("spans", spans),
    ("uri", uri),
    ("uri_pair", uri_pair),
    ("name_addr", name_addr),
    ("params", params),
    ("event", event),
    ("media_type", media_type),
    ("accept", accept),
    ("seconds", seconds),
    ("entity_tag", entity_tag),
    ("cseq", cseq),
    ("option_tags", option_tags),
    ("disposition", disposition),
    ("asserted", asserted),
    ("dialog", dialog),
    ("subscription_state", subscription_state),
    ("header_block", header_block),
    ("date", date),
    ("challenge", challenge),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pieces of SIP, so that random text gets past the first character of a parser.
    fn sip_like() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(
            &[
                "sip:",
                "tel:",
                "pres:",
                "x:",
                "alice",
                "@",
                "example.com",
                "[::1]",
                ":",
                "5060",
                ";",
                "?",
                "&",
                "=",
                "<",
                ">",
                "\"",
                "\\",
                ",",
                " ",
                "\t",
                "\r\n",
                "\n",
                "%41",
                "%",
                "+",
                "-",
                "q",
                "tag",
                "lr",
                "0.5",
                "*",
                "/",
                "application",
                "pidf+xml",
                "presence",
                ".winfo",
                "id",
                "active",
                "terminated",
                "expires",
                "99999999999",
                "Contact: ",
                "Record-Route: ",
                "<sip:h@h.com;lr>",
                "<sip:a@b.com>",
                "<sip:a@b.com;method=x?a=b>",
                "é",
                "\u{0}",
                "2026-01-31T12:00:00",
                "Z",
                "+01:00",
                ".5",
                "INVITE",
                "7",
                "ext",
                "(",
                "phone-context",
            ][..],
        );
        prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_parser_panics_on_text_that_looks_like_sip(text in sip_like()) {
            for (_, entry) in ALL {
                entry(text.as_bytes());
            }
        }

        #[test]
        fn no_parser_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            for (_, entry) in ALL {
                entry(&bytes);
            }
        }
    }
}
