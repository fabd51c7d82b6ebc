//! What waits in a partition's outbox: posts to deliver and requests kept until answered.

use crate::message::Outgoing;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// First byte of an encoded entry; raised when the encoding changes.
const ENCODING: u8 = 1;

/// An entry of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OutboxEntry {
    /// A post to a partition.
    Post { to: String, payload: Vec<u8> },
    /// A request that is sent again after a restart until it has its final response.
    Send { token: Vec<u8>, request: Outgoing },
}

impl OutboxEntry {
    /// The entry as bytes.
    pub fn encode(&self) -> Bytes {
        // Serialising these types into memory cannot fail; an empty entry would be refused by `decode`.
        postcard::to_extend(self, vec![ENCODING]).unwrap_or_default().into()
    }

    /// The entry from bytes; none if this version of the engine cannot read it.
    pub fn decode(bytes: &[u8]) -> Option<OutboxEntry> {
        match bytes.split_first() {
            Some((&ENCODING, rest)) => postcard::from_bytes(rest).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_encoding() {
        let entry = OutboxEntry::Post { to: "sip:a@b".into(), payload: vec![1, 2, 3] };
        assert_eq!(OutboxEntry::decode(&entry.encode()), Some(entry));
        assert_eq!(OutboxEntry::decode(&[]), None);
        assert_eq!(OutboxEntry::decode(&[9, 0, 0]), None);
    }
}
