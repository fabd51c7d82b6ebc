//! Building a NOTIFY (RFC 6665 4.2.2).

use crate::notifier::conditional::Tag;
use crate::notifier::content::Content;
use crate::ports::{Instant, Outgoing};
use crate::records::{Ending, State, Subscription};
use crate::sip::headers::Digits;
use crate::sip::{HeaderBlock, Malformed};

/// The NOTIFY that tells where a subscription stands. An empty body is none; `tag` names what is
/// shown, or would be if it were not suppressed.
///
/// # Errors
/// The dialog holds a header value that cannot stand in a line.
pub fn build(
    subscription: &Subscription<'_>,
    cseq: u32,
    content: Content,
    tag: Option<Tag>,
    now: Instant,
) -> Result<Outgoing, Malformed> {
    let dialog = &subscription.dialog;
    let texts = [&dialog.local, &dialog.remote, &dialog.call_id, &dialog.routes, &dialog.target];
    let room = texts.iter().map(|text| text.len()).sum::<usize>() + 256;
    let mut headers = HeaderBlock::with_capacity(room);
    let uri = dialog.write_request("NOTIFY", cseq, &mut headers).to_owned();
    let package = subscription.package.name();
    match &subscription.event_id {
        Some(id) => headers.parts("Event", &[package, ";id=", id]),
        None => headers.line("Event", package),
    };
    let mut digits = Digits::default();
    let left = subscription.expires.saturating_sub(now) / 1_000;
    match subscription.state {
        State::Active | State::Polite | State::Peer => {
            headers.parts("Subscription-State", &["active;expires=", digits.write(left)])
        }
        // Nothing is sent while it leaves.
        State::Pending | State::Leaving(_) => {
            headers.parts("Subscription-State", &["pending;expires=", digits.write(left)])
        }
        State::Ending(Ending::Unsubscribed(_) | Ending::Expired) => {
            headers.line("Subscription-State", "terminated;reason=timeout")
        }
        State::Ending(Ending::Rejected) => headers.line("Subscription-State", "terminated;reason=rejected"),
        State::Ending(Ending::GivenUp) => headers.line("Subscription-State", "terminated;reason=giveup"),
    };
    if let Some(tag) = tag {
        headers.line("SIP-ETag", &tag.text());
    }
    let Content { media, body } = content;
    if !body.is_empty() {
        headers.line("Content-Type", media);
    }
    Ok(Outgoing {
        method: "NOTIFY".to_owned(),
        uri,
        headers: headers.finish()?,
        body,
        contact: Some(String::new()),
    })
}
