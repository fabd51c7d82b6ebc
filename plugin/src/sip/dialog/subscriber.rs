//! Dialogs as their subscriber sees them (RFC 6665 4.4.1).

use serde::{Deserialize, Serialize};

use super::{DialogId, OutOfOrder, record_routes, single_contact, write_head};
use crate::keys::{parse_hex, push_hex};
use crate::sip::cseq::CSeq;
use crate::sip::{HeaderBlock, HeaderName, Malformed, Message, NameAddr};

/// Bytes of [`Own`] that go into the Call-ID; the others make the tag.
const CALL_ID: usize = 10;
const TAG: usize = 6;

/// What a subscriber makes up for a dialog: Call-ID and tag, as the random bytes that they are made of.
/// Who knows them has seen the SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own(pub [u8; CALL_ID + TAG]);

impl Own {
    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> String {
        hex(&self.0[..CALL_ID])
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> String {
        hex(&self.0[CALL_ID..])
    }

    /// True if a received request belongs to this dialog or to one that the same SUBSCRIBE made elsewhere.
    #[must_use]
    pub fn is(&self, dialog: &DialogId<'_>) -> bool {
        let (call_id, tag) = self.0.split_at(CALL_ID);
        parse_hex::<CALL_ID>(dialog.call_id).is_some_and(|theirs| theirs == call_id)
            && parse_hex::<TAG>(dialog.local_tag).is_some_and(|theirs| theirs == tag)
    }

    /// Writes From, To, Call-ID and CSeq of a SUBSCRIBE that shall create a dialog.
    pub fn write_request(&self, local: &str, remote: &str, cseq: u32, headers: &mut HeaderBlock) {
        let from = ["<", local, ">;tag=", &self.tag()];
        write_head(&from, &["<", remote, ">"], &self.call_id(), ("SUBSCRIBE", cseq), headers);
    }
}

/// State of a dialog that a received NOTIFY created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriberDialog {
    /// What is our own of it.
    pub own: Own,
    /// The peer's tag; empty for a peer of RFC 2543.
    remote_tag: String,
    /// The route set, separated by commas; empty for none.
    routes: String,
    /// URI of the newest Contact.
    target: String,
    /// Number of our newest request.
    pub cseq: u32,
    /// Number of the newest NOTIFY.
    remote_cseq: u32,
}

impl SubscriberDialog {
    /// The dialog that a NOTIFY creates. Route set and remote target are those of the NOTIFY, not those of the
    /// response to the SUBSCRIBE, whose number is `cseq`.
    ///
    /// # Errors
    /// It has no Contact, more than one, or a malformed header.
    pub fn create(notify: &Message<'_>, own: Own, cseq: u32) -> Result<Self, Malformed> {
        let from = NameAddr::parse(notify.required(HeaderName::From)?, "From")?;
        Ok(Self {
            own,
            remote_tag: from.tag().unwrap_or_default().to_owned(),
            routes: record_routes(notify)?.into_owned(),
            target: single_contact(notify)?.ok_or(Malformed("Contact"))?.to_owned(),
            cseq,
            remote_cseq: CSeq::of(notify)?.number,
        })
    }

    /// True if a received request belongs to it.
    #[must_use]
    pub fn is(&self, dialog: &DialogId<'_>) -> bool {
        self.own.is(dialog) && dialog.remote_tag == self.remote_tag
    }

    /// Takes a further NOTIFY: its number, and its Contact as new remote target. Nothing changes on error.
    ///
    /// # Errors
    /// Its Contact is malformed; or, inside, it is older than one before.
    pub fn advance(&mut self, notify: &Message<'_>) -> Result<Result<(), OutOfOrder>, Malformed> {
        let number = CSeq::of(notify)?.number;
        let target = single_contact(notify)?;
        if number < self.remote_cseq {
            return Ok(Err(OutOfOrder));
        }
        self.remote_cseq = number;
        self.refresh_target(target);
        Ok(Ok(()))
    }

    /// Takes the Contact of a response to a request in the dialog as new remote target (RFC 3261 12.2.1.2).
    pub fn answered(&mut self, response: &Message<'_>) {
        self.refresh_target(single_contact(response).ok().flatten());
    }

    fn refresh_target(&mut self, target: Option<&str>) {
        if let Some(target) = target.filter(|target| *target != self.target) {
            target.clone_into(&mut self.target);
        }
    }

    /// The remote target: the Request-URI of what is sent.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Writes Route, From, To, Call-ID and CSeq of a SUBSCRIBE in the dialog, with the number [`Self::cseq`].
    /// In the form for loose routing, as [`super::Dialog::write_request`].
    pub fn write_request(&self, local: &str, remote: &str, headers: &mut HeaderBlock) {
        if !self.routes.is_empty() {
            headers.line("Route", &self.routes);
        }
        let from = ["<", local, ">;tag=", &self.own.tag()];
        let to: &[&str] = match self.remote_tag.as_str() {
            "" => &["<", remote, ">"],
            tag => &["<", remote, ">;tag=", tag],
        };
        write_head(&from, to, &self.own.call_id(), ("SUBSCRIBE", self.cseq), headers);
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push_hex(bytes, &mut text);
    text
}
