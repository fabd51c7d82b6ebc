//! Entity-tags of publications (RFC 3903 8.3): the publication's id and 96 random bits.
//!
//! The id part finds the record without a search; the random part is drawn anew on every
//! success, so no tag is ever assigned twice, to whatever publication (PUB-16).

use crate::keys::{Id, parse_hex, push_hex};
use crate::ports::Host;

/// An entity-tag, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntityTag {
    /// The publication.
    pub id: Id,
    /// What tells this state of the publication from its others.
    pub nonce: [u8; 12],
}

impl EntityTag {
    /// A tag for a publication that has none yet.
    pub fn first(host: &mut dyn Host) -> Self {
        let random = host.random(20);
        Self { id: Id::from_slice(&random), nonce: nonce(random.get(8..).unwrap_or_default()) }
    }

    /// The tag that replaces this one.
    pub fn next(self, host: &mut dyn Host) -> Self {
        Self { id: self.id, nonce: nonce(&host.random(12)) }
    }

    /// The tag in a header; none for a text that cannot have come from here.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, nonce) = text.split_at_checked(16)?;
        Some(Self { id: Id::from_hex(id)?, nonce: parse_hex(nonce)? })
    }

    /// The text: 40 hexadecimal digits.
    #[must_use]
    pub fn text(self) -> String {
        let mut text = String::with_capacity(40);
        push_hex(&self.id.0, &mut text);
        push_hex(&self.nonce, &mut text);
        text
    }
}

fn nonce(random: &[u8]) -> [u8; 12] {
    let mut nonce = [0; 12];
    for (to, from) in nonce.iter_mut().zip(random) {
        *to = *from;
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryHost;

    /// RFC 3903 8.3, PUB-16.
    #[test]
    fn a_tag_survives_its_text_and_the_next_one_differs() {
        let mut host = MemoryHost::new(0, 1);
        let tag = EntityTag::first(&mut host);
        assert_eq!(EntityTag::parse(&tag.text()), Some(tag));
        let next = tag.next(&mut host);
        assert_eq!(next.id, tag.id);
        assert_ne!(next.nonce, tag.nonce);
        for foreign in ["", "abc", "*", "äöü", &"g".repeat(40), &tag.text().to_uppercase()] {
            assert_eq!(EntityTag::parse(foreign), None, "{foreign}");
        }
    }
}
