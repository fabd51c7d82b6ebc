//! Dialogs as their notifier sees them (RFC 3261 12, RFC 6665 4.4.1). The other side is in `subscriber.rs`.

mod subscriber;

pub use subscriber::{Own, SubscriberDialog};

use super::cseq::CSeq;
use super::headers::{Digits, HeaderBlock};
use super::lex::split_outside;
use super::{HeaderName, Malformed, Message, NameAddr};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What tells one dialog from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DialogId<'a> {
    /// Call-ID.
    pub call_id: &'a str,
    /// Our tag.
    pub local_tag: &'a str,
    /// The peer's tag; empty for a peer of RFC 2543.
    pub remote_tag: &'a str,
}

impl<'a> DialogId<'a> {
    /// The dialog that a received request belongs to; none if its To has no tag.
    pub fn of(request: &Message<'a>) -> Result<Option<Self>, Malformed> {
        let to = NameAddr::parse(request.required(HeaderName::To)?, "To")?;
        let Some(local_tag) = to.tag() else { return Ok(None) };
        let from = NameAddr::parse(request.required(HeaderName::From)?, "From")?;
        let call_id = request.required(HeaderName::CallId)?;
        Ok(Some(Self { call_id, local_tag, remote_tag: from.tag().unwrap_or_default() }))
    }
}

/// State of a dialog that a received SUBSCRIBE created (RFC 3261 12.1.1), without the local
/// sequence number, which lives where it can be written at less cost. Serializable; what is
/// read back borrows from the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog<'a> {
    /// Call-ID.
    #[serde(borrow)]
    pub call_id: Cow<'a, str>,
    /// Our tag: of To in what we receive, of From in what we send.
    #[serde(borrow)]
    pub local_tag: Cow<'a, str>,
    /// The peer's tag; empty for a peer of RFC 2543.
    #[serde(borrow)]
    pub remote_tag: Cow<'a, str>,
    /// Value of To in the request, without tag.
    #[serde(borrow)]
    pub local: Cow<'a, str>,
    /// Value of From in the request, with its tag.
    #[serde(borrow)]
    pub remote: Cow<'a, str>,
    /// Record-Route values in order, separated by commas; empty for none.
    #[serde(borrow)]
    pub routes: Cow<'a, str>,
    /// URI of the newest Contact.
    #[serde(borrow)]
    pub target: Cow<'a, str>,
    /// Sequence number of the newest request received.
    pub remote_cseq: u32,
}

/// A request came with a sequence number below that of an earlier one: answer 500 (RFC 3261 12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CSeq is lower than before")]
pub struct OutOfOrder;

impl<'a> Dialog<'a> {
    /// The dialog that a request out of dialog creates with our new tag. It fails if the request
    /// has no Contact, or more than one (SUB-09), or a malformed header.
    pub fn create(request: &Message<'a>, local_tag: &'a str) -> Result<Self, Malformed> {
        let from = request.required(HeaderName::From)?;
        let local = request.required(HeaderName::To)?;
        if NameAddr::parse(local, "To")?.tag().is_some() {
            return Err(Malformed("To"));
        }
        let target = single_contact(request)?.ok_or(Malformed("Contact"))?;
        Ok(Self {
            call_id: request.required(HeaderName::CallId)?.into(),
            local_tag: local_tag.into(),
            remote_tag: NameAddr::parse(from, "From")?.tag().unwrap_or_default().into(),
            local: local.into(),
            remote: from.into(),
            routes: record_routes(request)?,
            target: target.into(),
            remote_cseq: CSeq::of(request)?.number,
        })
    }

    /// What identifies the dialog.
    pub fn id(&self) -> DialogId<'_> {
        DialogId { call_id: &self.call_id, local_tag: &self.local_tag, remote_tag: &self.remote_tag }
    }

    /// Takes the sequence number of a further request in the dialog (SIP-12). Gaps are legal.
    pub fn advance(&mut self, cseq: u32) -> Result<(), OutOfOrder> {
        if cseq < self.remote_cseq {
            return Err(OutOfOrder);
        }
        self.remote_cseq = cseq;
        Ok(())
    }

    /// Takes the Contact of a re-SUBSCRIBE or of a 2xx to NOTIFY as new remote target
    /// (SIP-14). True if it changed. A message without Contact changes nothing.
    pub fn refresh_target(&mut self, message: &Message<'a>) -> Result<bool, Malformed> {
        match single_contact(message)? {
            Some(target) if target != self.target => {
                self.target = target.into();
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Writes Route, From, To, Call-ID and CSeq of a request in the dialog and gives its
    /// Request-URI, the remote target. It is in the form for loose routing: the host changes it
    /// where the first hop is a strict router (RFC 3261 12.2.1.1).
    pub fn write_request(&self, method: &str, cseq: u32, headers: &mut HeaderBlock) -> &str {
        if !self.routes.is_empty() {
            headers.line("Route", &self.routes);
        }
        let from = [&*self.local, ";tag=", &*self.local_tag];
        write_head(&from, &[&*self.remote], &self.call_id, (method, cseq), headers);
        &self.target
    }

    /// The same with its own text.
    pub fn into_owned(self) -> Dialog<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Dialog {
            call_id: own(self.call_id),
            local_tag: own(self.local_tag),
            remote_tag: own(self.remote_tag),
            local: own(self.local),
            remote: own(self.remote),
            routes: own(self.routes),
            target: own(self.target),
            remote_cseq: self.remote_cseq,
        }
    }
}

/// Writes From, To, Call-ID and CSeq, the first two from parts.
fn write_head(
    from: &[&str],
    to: &[&str],
    call_id: &str,
    (method, cseq): (&str, u32),
    headers: &mut HeaderBlock,
) {
    headers.parts("From", from).parts("To", to).line("Call-ID", call_id);
    headers.parts("CSeq", &[Digits::default().write(cseq.into()), " ", method]);
}

fn single_contact<'a>(message: &Message<'a>) -> Result<Option<&'a str>, Malformed> {
    let mut values = message.values(HeaderName::Contact);
    let Some(first) = values.next().transpose()? else { return Ok(None) };
    if values.next().is_some() {
        return Err(Malformed("Contact"));
    }
    NameAddr::parse(first, "Contact").map(|contact| Some(contact.uri_text))
}

/// Record-Route values in order; borrowed if they stand in one line.
fn record_routes<'a>(request: &Message<'a>) -> Result<Cow<'a, str>, Malformed> {
    let mut routes = Cow::Borrowed("");
    for line in request.lines(HeaderName::RecordRoute) {
        let line = line?;
        for value in split_outside(line, b',') {
            NameAddr::parse(value, "Record-Route")?;
        }
        if routes.is_empty() {
            routes = Cow::Borrowed(line);
        } else {
            let all: &mut String = routes.to_mut();
            all.push_str(", ");
            all.push_str(line);
        }
    }
    Ok(routes)
}

#[cfg(test)]
mod tests;
