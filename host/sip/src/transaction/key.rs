//! Compact keys that nobody outside can make collide.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::wire::{Message, Start};

/// 128 bits under a secret of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key([u64; 2]);

impl Key {
    /// Which of `n` shards the key belongs to.
    pub(crate) fn shard(self, n: usize) -> usize {
        usize::try_from(self.0[1] % n as u64).unwrap_or_default()
    }

    fn hex(self) -> String {
        format!("{:016x}{:016x}", self.0[0], self.0[1])
    }
}

impl std::hash::Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
    }
}

/// Passes a key's own bits on: they are already as good as random.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(b);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

pub(crate) type KeyMap<V> = std::collections::HashMap<Key, V, std::hash::BuildHasherDefault<KeyHasher>>;

/// What a key is for, so that values of one use never equal those of another.
#[derive(Debug, Clone, Copy)]
enum Use {
    Server,
    Legacy,
    Merged,
    Client,
    Branch,
    Tag,
}

/// Makes keys: SipHash under two keys that the standard library drew from the operating system.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    secrets: [RandomState; 2],
    branches: AtomicU64,
}

impl Keys {
    fn make(&self, what: Use, parts: &[&[u8]]) -> Key {
        Key(std::array::from_fn(|i| {
            let mut hasher = self.secrets.get(i).unwrap_or(&self.secrets[0]).build_hasher();
            hasher.write_u8(what as u8);
            for part in parts {
                hasher.write_usize(part.len());
                hasher.write(part);
            }
            hasher.finish()
        }))
    }

    /// Server transaction of a request: branch, sent-by and method (RFC 3261 17.2.3). An ACK has the key of
    /// its INVITE. A branch without the cookie, or with nothing behind it, is matched the RFC 2543 way.
    pub(crate) fn server(&self, message: &Message) -> Key {
        let method = message.essentials.cseq_method.of(&message.bytes);
        self.server_of(message, if method == b"ACK" { b"INVITE" } else { method })
    }

    /// The same for another method: the transaction that a CANCEL is about (RFC 3261 9.2).
    pub(crate) fn server_of(&self, message: &Message, method: &[u8]) -> Key {
        let get = |span: crate::wire::Span| span.of(&message.bytes);
        let essentials = &message.essentials;
        let via = &essentials.via;
        let host = get(via.host).to_ascii_lowercase();
        let port = via.port.unwrap_or_default().to_be_bytes();
        let branch = via.branch.map(get).unwrap_or_default();
        let cookie = branch.get(..7).is_some_and(|c| c.eq_ignore_ascii_case(b"z9hG4bK"));
        if cookie && branch.len() > 7 {
            return self.make(Use::Server, &[branch, &host, &port, method]);
        }
        let Start::Request { uri, .. } = message.start else {
            return self.make(Use::Legacy, &[]);
        };
        let tag = |tag: Option<crate::wire::Span>| tag.map(get).unwrap_or_default();
        self.make(
            Use::Legacy,
            &[
                get(uri),
                tag(essentials.to_tag),
                tag(essentials.from_tag),
                get(essentials.call_id),
                &essentials.cseq.to_be_bytes(),
                method,
                branch,
                &host,
                &port,
            ],
        )
    }

    /// What makes a request without To tag the same one on another way (RFC 3261 8.2.2.2).
    pub(crate) fn merged(&self, message: &Message) -> Option<Key> {
        let essentials = &message.essentials;
        let from_tag = essentials.from_tag.filter(|_| essentials.to_tag.is_none())?;
        let get = |span: crate::wire::Span| span.of(&message.bytes);
        let method = get(essentials.cseq_method);
        let number = essentials.cseq.to_be_bytes();
        Some(self.make(Use::Merged, &[get(from_tag), get(essentials.call_id), &number, method]))
    }

    /// Client transaction: branch and CSeq method (RFC 3261 17.1.3).
    pub(crate) fn client(&self, branch: &[u8], method: &[u8]) -> Key {
        self.make(Use::Client, &[branch, method])
    }

    /// The To tag of a transaction that was given none: the same for its retransmissions.
    pub(crate) fn tag(&self, key: Key) -> String {
        let [first, second] = key.0;
        format!("{:016x}", self.make(Use::Tag, &[&first.to_be_bytes(), &second.to_be_bytes()]).0[0])
    }

    /// A branch that was never used and cannot be guessed.
    pub(crate) fn branch(&self) -> String {
        let n = self.branches.fetch_add(1, Ordering::Relaxed);
        format!("z9hG4bK{}", self.make(Use::Branch, &[&n.to_be_bytes()]).hex())
    }
}
