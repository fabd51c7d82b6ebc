//! Conditional notification (RFC 5839): watchers that hold a presentation already are not
//! sent it again.

use serde::{Deserialize, Serialize};

use crate::keys;
use crate::keys::{Usage, push_hex};
use crate::notifier::delivery;
use crate::notifier::presentation;
use crate::package::Package;
use crate::ports::Durability;
use crate::records::{Held, Position, State, Subscription};
use crate::sip::{Malformed, Message, etag};
use crate::step::Step;

/// Names a presentation of a presentity's state to a watcher: what the body says and what the
/// headers say of it (RFC 5839 section 4). It follows from these alone, so equal presentations have
/// equal tags, before and after a restart, and none is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag([u8; 12]);

impl Tag {
    /// As it stands in SIP-ETag.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(24);
        push_hex(&self.0, &mut text);
        text
    }

    fn parse(text: &str) -> Option<Self> {
        keys::parse_hex(text).map(Self)
    }
}

/// What a tag is made of, piece by piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    lanes: [u64; 2],
}

impl Default for Digest {
    fn default() -> Self {
        Self { lanes: [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344] }
    }
}

impl Digest {
    /// Takes a piece in; where it ends makes a difference.
    pub fn add(&mut self, piece: &[u8]) {
        let (words, rest) = piece.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.word(u64::from_le_bytes(last));
        self.word(piece.len() as u64);
    }

    fn word(&mut self, word: u64) {
        const ODD: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];
        for (lane, odd) in self.lanes.iter_mut().zip(ODD) {
            *lane = (*lane ^ word).wrapping_mul(odd);
            *lane ^= lane.rotate_left(29) ^ (*lane >> 32);
        }
    }

    /// A number that stands for all that was taken in.
    #[must_use]
    pub fn number(&self) -> u64 {
        let Tag([a, b, c, d, e, f, g, h, ..]) = self.tag();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The tag for all that was taken in.
    #[must_use]
    pub fn tag(mut self) -> Tag {
        let crossed = [self.lanes[1], self.lanes[0]];
        for word in crossed {
            self.word(word);
        }
        let mut tag = [0; 12];
        tag[..8].copy_from_slice(&self.lanes[0].to_le_bytes());
        tag[8..].copy_from_slice(&(self.lanes[1] >> 32).to_le_bytes()[..4]);
        Tag(tag)
    }
}

/// When notifications are suppressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Never.
    #[default]
    Never,
    /// As long as the watcher holds what there is to show: until something else was shown.
    While(Tag),
    /// Always, until the next SUBSCRIBE.
    Always,
}

impl Condition {
    /// The condition in a SUBSCRIBE. Only presence has tags.
    ///
    /// # Errors
    /// Suppress-If-Match breaks its grammar.
    pub fn of(message: &Message<'_>, package: Package) -> Result<Self, Malformed> {
        Ok(match etag::suppress_if_match(message)? {
            _ if package != Package::Presence => Self::Never,
            None => Self::Never,
            Some("*") => Self::Always,
            // A tag that none of ours can be never matches.
            Some(text) => Tag::parse(text).map_or(Self::Never, Self::While),
        })
    }

    /// True if a presentation is suppressed.
    #[must_use]
    pub fn holds(&self, tag: Option<&Tag>) -> bool {
        match self {
            Self::Never => false,
            Self::While(held) => tag == Some(held),
            Self::Always => true,
        }
    }
}

/// What becomes of a SUBSCRIBE in a dialog, whose record has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suppression {
    /// A NOTIFY follows, with a body or not.
    None,
    /// None follows: 204 (RFC 5839 section 6.3).
    Notify,
}

/// Sees whether the NOTIFY that a SUBSCRIBE in a dialog calls for is suppressed, and ends a
/// subscription that ends without one (section 5.7). `before` is the state that the watcher
/// was told. A position that changed is to be written.
pub fn suppress(
    step: &mut Step<'_>,
    usage: Usage,
    before: State,
    subscription: &Subscription<'_>,
    position: &mut Position,
    condition: Condition,
) -> Suppression {
    position.held = Held { base: position.held.base, condition };
    if condition == Condition::Never {
        return Suppression::None;
    }
    let shown = presentation::show(step, subscription, true);
    let tag = presentation::tag(step, subscription, &shown);
    // A change that has to be reported is, if without a body (FLT-35). That the watcher ends the
    // subscription is none: it knows.
    let ends = subscription.state.is_unsubscribed();
    if !condition.holds(Some(&tag)) || !(ends || subscription.state == before) {
        return Suppression::None;
    }
    if ends {
        delivery::forget(step, usage, subscription, Durability::Durable);
    } else {
        step.put_position(usage, position, Durability::Durable);
    }
    Suppression::Notify
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(pieces: &[&str]) -> Tag {
        let mut digest = Digest::default();
        for piece in pieces {
            digest.add(piece.as_bytes());
        }
        digest.tag()
    }

    /// FLT-31: one tag, one presentation.
    #[test]
    fn rfc5839_6_1_tags_differ_where_presentations_do() {
        let all = [
            tag(&[]),
            tag(&[""]),
            tag(&["", ""]),
            tag(&["a"]),
            tag(&["a\0"]),
            tag(&["ab", "c"]),
            tag(&["a", "bc"]),
            tag(&["abcdefgh"]),
            tag(&["abcdefgh", ""]),
            tag(&["hgfedcbaabcdefgh"]),
            tag(&["abcdefghhgfedcba"]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(Tag::parse(&one.text()), Some(*one));
            assert!(all.iter().skip(at + 1).all(|other| other != one), "{at}");
        }
        assert_eq!(tag(&["ab", "c"]), tag(&["ab", "c"]));
    }

    /// FLT-34: `*` is always true, a tag of somebody else's making never.
    #[test]
    fn rfc5839_6_2_conditions_hold_for_equal_tags() {
        let (one, other) = (tag(&["1"]), tag(&["2"]));
        assert!(Condition::Always.holds(Some(&one)) && Condition::Always.holds(None));
        assert!(Condition::While(one).holds(Some(&one)));
        assert!(!Condition::While(one).holds(Some(&other)) && !Condition::While(one).holds(None));
        assert!(!Condition::Never.holds(Some(&one)));
        assert_eq!(Tag::parse("*"), None);
        assert_eq!(
            Tag::parse(&one.text().to_uppercase()).filter(|_| one.text() != one.text().to_uppercase()),
            None
        );
    }
}
