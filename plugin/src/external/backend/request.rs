//! The SUBSCRIBE to a source (EXT-01, EXT-18), and the way back to us that its Contact names.

use super::record::{Attempt, Backend, Kept, Phase};
use crate::external::kind;
use crate::external::source::Source;
use crate::keys::{self, Id};
use crate::ports::{Delivery, Level, Outgoing};
use crate::sip::dialog::{Own, SubscriberDialog};
use crate::sip::digest::{self, Challenge};
use crate::sip::uri::{push_escape, unescaped};
use crate::sip::{HeaderBlock, Malformed, Uri};
use crate::step::Step;

/// Digits of the id of the source in a Contact.
const ID: usize = 16;

/// Where a SUBSCRIBE goes.
#[derive(Clone, Copy, Debug)]
enum Head<'a> {
    /// To a target, out of dialog.
    New(Own, u32, &'a str),
    /// In a dialog.
    In(&'a SubscriberDialog),
}

impl Head<'_> {
    fn token(&self, source: &Source) -> [u8; Token::LENGTH] {
        let (own, cseq) = match self {
            Self::New(own, cseq, _) => (own, *cseq),
            Self::In(dialog) => (&dialog.own, dialog.cseq),
        };
        Token::bytes(source.id, own, cseq)
    }
}

/// Sends a SUBSCRIBE out of dialog to a target, with a Call-ID and a tag that were not used before.
pub fn create(step: &mut Step<'_>, kept: &mut Kept<'_>, target: u8) {
    let mut own = Own([0; 16]);
    own.0.copy_from_slice(&[step.draw().to_be_bytes(), step.draw().to_be_bytes()].concat());
    begin_exchange(&mut kept.record);
    // This target may be elsewhere, and its NOTIFY overtake its answer.
    kept.record.peer = None;
    let attempt = Attempt { own, cseq: 0, since: step.now, target, granted: None };
    send_attempt(step, kept, attempt);
}

/// Sends a SUBSCRIBE out of dialog once more, with the next number: something in it has to be different
/// (RFC 3261 8.1.3.5).
pub fn create_again(step: &mut Step<'_>, kept: &mut Kept<'_>, attempt: &Attempt) {
    let attempt = Attempt { since: step.now, granted: None, ..attempt.clone() };
    send_attempt(step, kept, attempt);
}

fn send_attempt(step: &mut Step<'_>, kept: &mut Kept<'_>, mut attempt: Attempt) {
    attempt.cseq += 1;
    let targets = &kept.source.targets;
    if let Some(target) = targets.get(usize::from(attempt.target)).or_else(|| targets.first()) {
        let expires = kept.record.asks(kept.source);
        send(step, kept, Head::New(attempt.own, attempt.cseq, target), expires);
    }
    kept.record.phase = Phase::Subscribing(attempt);
}

/// Sends a SUBSCRIBE in a dialog, whose number grows by that. It begins an exchange of its own
/// unless it only says better what the one before said.
pub fn renew(
    step: &mut Step<'_>,
    kept: &mut Kept<'_>,
    dialog: &mut SubscriberDialog,
    expires: u32,
    anew: bool,
) {
    if anew {
        begin_exchange(&mut kept.record);
    }
    dialog.cseq += 1;
    send(step, kept, Head::In(dialog), expires);
}

/// What was answered before may be answered again.
fn begin_exchange(record: &mut Backend) {
    for (_, answered) in &mut record.challenges {
        *answered = 0;
    }
}

fn send(step: &mut Step<'_>, kept: &mut Kept<'_>, head: Head<'_>, expires: u32) {
    let source = kept.source;
    let token = head.token(source);
    match build(step, source, &mut kept.record, head, expires) {
        Ok(request) => {
            step.host.send(request, &token, Delivery::Volatile);
            let resource = kept.record.resource.clone();
            step.trace("source asked", || {
                vec![
                    ("source", source.name.clone()),
                    ("resource", resource),
                    ("expires", expires.to_string()),
                ]
            });
        }
        // It counts as unanswered.
        Err(_) => step.host.log(
            Level::Error,
            "source cannot be asked: there is a line end in what it is asked with",
            &[("source", &source.name)],
        ),
    }
}

fn build(
    step: &mut Step<'_>,
    source: &Source,
    record: &mut Backend,
    head: Head<'_>,
    expires: u32,
) -> Result<Outgoing, Malformed> {
    let kind = kind::of(source.kind);
    let mut headers = HeaderBlock::with_capacity(768);
    let uri = match head {
        Head::New(own, cseq, target) => {
            headers.line("Route", &route(target));
            own.write_request(&source.super_user, &record.resource, cseq, &mut headers);
            &record.resource
        }
        Head::In(dialog) => {
            dialog.write_request(&source.super_user, &record.resource, &mut headers);
            dialog.target()
        }
    };
    headers.parts("P-Asserted-Identity", &["<", &source.super_user, ">"]);
    headers.line("Event", kind.event()).line("Accept", kind.accept()).number("Expires", expires.into());
    if let Some(credentials) = &source.credentials {
        for (challenge, _) in &mut record.challenges {
            let cnonce = Id::from_slice(&step.host.random(8)).hex();
            let Challenge { asker, .. } = *challenge;
            let request = digest::Request { method: "SUBSCRIBE", uri, body: b"" };
            let answer = challenge.answer(&credentials.username, &credentials.password, &request, &cnonce);
            headers.line(asker.answer(), &answer);
        }
    }
    Ok(Outgoing {
        method: "SUBSCRIBE".to_owned(),
        uri: uri.to_owned(),
        headers: headers.finish()?,
        body: Vec::new(),
        contact: Some(way_back(source, &record.resource)),
    })
}

/// A target as the only value of Route.
fn route(target: &str) -> String {
    let loose = Uri::parse(target).is_ok_and(|uri| uri.has_param("lr"));
    let address = target.split('?').next().unwrap_or_default();
    ["<", address, if loose { ">" } else { ";lr>" }].concat()
}

/// User part of our Contact: the source and whom it was asked for, so that what comes back finds its partition.
/// It tells the source nothing that it was not told in To.
#[must_use]
pub fn way_back(source: &Source, resource: &str) -> String {
    let mut user = String::with_capacity(ID + 1 + resource.len() + 8);
    user.push_str(&source.id.hex());
    user.push('-');
    for byte in resource.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => user.push(char::from(byte)),
            _ => push_escape(byte, &mut user),
        }
    }
    user
}

/// Source and resource that a Request-URI leads to; none if it is not of [`way_back`].
#[must_use]
pub fn read_way_back(uri: &str) -> Option<(Id, String)> {
    let Ok(Uri::Sip(uri)) = Uri::parse(uri) else { return None };
    let (id, rest) = uri.user?.split_at_checked(ID)?;
    let resource = unescaped(rest.strip_prefix('-')?).collect();
    Some((Id::from_hex(id)?, String::from_utf8(resource).ok()?))
}

/// Comes back with the outcome of a SUBSCRIBE: names its source, its dialog and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The source.
    pub source: Id,
    own: [u8; 4],
    cseq: u32,
}

impl Token {
    const LENGTH: usize = 17;

    fn bytes(source: Id, own: &Own, cseq: u32) -> [u8; Self::LENGTH] {
        let mut token = [0; Self::LENGTH];
        let (key, rest) = token.split_at_mut(9);
        key.copy_from_slice(&source.key(keys::BACKEND));
        let (to, number) = rest.split_at_mut(4);
        to.copy_from_slice(&own.0[..4]);
        number.copy_from_slice(&cseq.to_be_bytes());
        token
    }

    /// Reads one; none for the tokens of others.
    #[must_use]
    pub fn parse(token: &[u8]) -> Option<Self> {
        let token: &[u8; Self::LENGTH] = token.try_into().ok()?;
        let (key, rest) = token.split_at(9);
        let (own, cseq) = rest.split_at(4);
        (key.first() == Some(&keys::BACKEND)).then_some(())?;
        Some(Self {
            source: Id::of_key(key)?,
            own: own.try_into().ok()?,
            cseq: u32::from_be_bytes(cseq.try_into().ok()?),
        })
    }

    /// True if it is that of the SUBSCRIBE of this dialog with this number.
    #[must_use]
    pub fn is(&self, own: &Own, cseq: u32) -> bool {
        own.0.starts_with(&self.own) && self.cseq == cseq
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Configuration;
    use proptest::prelude::*;

    #[test]
    fn a_target_becomes_a_loose_route() {
        assert_eq!(route("sip:127.0.0.1:6060"), "<sip:127.0.0.1:6060;lr>");
        assert_eq!(route("sips:a.example;transport=tcp"), "<sips:a.example;transport=tcp;lr>");
        assert_eq!(route("sip:a.example;lr;x=1"), "<sip:a.example;lr;x=1>");
        assert_eq!(route("sip:a.example?Subject=x"), "<sip:a.example;lr>");
    }

    #[test]
    fn tokens_of_others_are_not_ours() {
        let own = Own([7; 16]);
        let token = Token::bytes(Id([1; 8]), &own, 9);
        let read = Token::parse(&token).unwrap();
        assert!(read.source == Id([1; 8]) && read.is(&own, 9) && !read.is(&own, 8));
        assert_eq!(Token::parse(&token[..16]), None);
        assert_eq!(Token::parse(b"x"), None);
        assert_eq!(Token::parse(&[b'n'; 17]), None);
    }

    proptest! {
        /// What a Contact says leads back, whatever the resource is written like, and through any
        /// host and parameters behind it.
        #[test]
        fn the_way_back_is_found(resource in "(sip|tel|pres):[ -~é]{0,40}") {
            let source = Id(*b"\x01sources");
            let hex = source.hex();
            let json = r#"{"presence": {"domains": ["b"]}, "external": {"super_user": "sip:a@b", "community": [
                {"name": "x", "domain": "b.example", "target": "sip:c"}]}}"#;
            let mut user = way_back(&Configuration::parse(json).unwrap().external[0], &resource);
            user.replace_range(..16, &hex);
            let uri = format!("sip:{user}@[2001:db8::1]:5060;transport=tcp");
            prop_assert_eq!(read_way_back(&uri), Some((source, resource)));
        }

        #[test]
        fn other_uris_lead_nowhere(uri in "(sip:)?[0-9a-f%-]{0,24}(@x)?") {
            let read = read_way_back(&uri);
            prop_assert!(read.is_none() || uri.starts_with("sip:"));
        }
    }
}
