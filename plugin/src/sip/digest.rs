//! Answering a digest challenge (RFC 7616, RFC 8760; RFC 3261 22).

use std::fmt::Write;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use sha2::{Sha256, Sha512_256};

use super::lex::{quoted_end, split_outside};
use super::params::unquote;
use super::{HeaderName, Message};
use crate::keys::push_hex;

/// Challenges of one response that are looked at.
const MOST: usize = 16;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hash {
    /// MD5.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512/256, which is not SHA-512 cut off.
    Sha512,
}

impl Hash {
    const ALL: [Self; 3] = [Self::Md5, Self::Sha256, Self::Sha512];

    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512-256",
        }
    }

    /// The hash of bytes, in hexadecimal digits.
    fn bytes(self, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(64);
        match self {
            Self::Md5 => push_hex(&Md5::digest(bytes), &mut text),
            Self::Sha256 => push_hex(&Sha256::digest(bytes), &mut text),
            Self::Sha512 => push_hex(&Sha512_256::digest(bytes), &mut text),
        }
        text
    }

    /// The hash of parts joined by colons.
    fn parts(self, parts: &[&str]) -> String {
        self.bytes(parts.join(":").as_bytes())
    }
}

/// What an answer is computed with (RFC 7616 3.3). The first two stand where they stood in records of before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// MD5, also where nothing is said.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512-256.
    Sha512,
    /// `-sess`: the key is made with the first nonce and the first client's nonce of a session, which is
    /// the one to be used throughout; empty before there was an answer.
    Session(Hash, String),
}

/// How the name of an algorithm ends whose key is that of a session.
const SESSION: &str = "-sess";

impl Algorithm {
    fn of(name: &str) -> Option<Self> {
        let end = name.len().checked_sub(SESSION.len());
        let session = end.and_then(|end| name.split_at_checked(end));
        let (name, session) = match session {
            Some((name, suffix)) if suffix.eq_ignore_ascii_case(SESSION) => (name, true),
            _ => (name, false),
        };
        let hash = Hash::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(name))?;
        Some(match (session, hash) {
            (true, hash) => Self::Session(hash, String::new()),
            (false, Hash::Md5) => Self::Md5,
            (false, Hash::Sha256) => Self::Sha256,
            (false, Hash::Sha512) => Self::Sha512,
        })
    }

    fn hash(&self) -> Hash {
        match self {
            Self::Md5 => Hash::Md5,
            Self::Sha256 => Hash::Sha256,
            Self::Sha512 => Hash::Sha512,
            Self::Session(hash, _) => *hash,
        }
    }

    fn suffix(&self) -> &'static str {
        if matches!(self, Self::Session(..)) { SESSION } else { "" }
    }
}

/// What is protected (RFC 7616 3.4). The first two stand where `false` and `true` stood in records of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protection {
    /// The old form without `qop`, in which a nonce is not counted.
    Plain,
    /// `qop=auth`: method and URI.
    Auth,
    /// `qop=auth-int`: the body as well.
    Body,
}

impl Protection {
    /// The first one that is known of those that are offered, but the body only if nothing else will do: proxies may
    /// change a body, not what the other one protects.
    fn of(offers: Option<&str>) -> Option<Self> {
        let Some(offers) = offers else { return Some(Self::Plain) };
        let offered = |protection: &Self| {
            offers.split(',').any(|offer| offer.trim().eq_ignore_ascii_case(protection.name()))
        };
        [Self::Auth, Self::Body].into_iter().find(offered)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Auth => "auth",
            Self::Body => "auth-int",
        }
    }
}

/// A request, as far as an answer is about it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its Request-URI.
    pub uri: &'a str,
    /// Its body.
    pub body: &'a [u8],
}

/// Who asks for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asker {
    /// The server itself: 401.
    Server,
    /// A proxy on the way: 407.
    Proxy,
}

impl Asker {
    /// The header that asks.
    fn header(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::WwwAuthenticate,
            Self::Proxy => HeaderName::ProxyAuthenticate,
        }
    }

    /// The header that answers.
    #[must_use]
    pub fn answer(self) -> &'static str {
        match self {
            Self::Server => "Authorization",
            Self::Proxy => "Proxy-Authorization",
        }
    }
}

/// A challenge that can be answered, with its state. Texts are as they stand between their quotes, which is also how
/// they are hashed (RFC 7616 3.4.2, `unq`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Who asks.
    pub asker: Asker,
    /// Which user and password are wanted.
    pub realm: String,
    /// What the answer is good for.
    pub nonce: String,
    /// To be given back.
    pub opaque: Option<String>,
    /// What the answer is computed with.
    pub algorithm: Algorithm,
    /// What it protects.
    pub protection: Protection,
    /// How often the nonce was used.
    pub uses: u32,
}

/// A challenge as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// What can be answered.
    pub challenge: Challenge,
    /// User and password were right, only the nonce is too old.
    pub stale: bool,
}

impl Received {
    /// The topmost challenge of a 401 or 407 that can be answered: servers list first what they prefer, and so the
    /// strongest (RFC 8760 2.4). What is malformed or of an unknown scheme, algorithm or quality of protection does
    /// not count.
    #[must_use]
    pub fn topmost(response: &Message<'_>, asker: Asker) -> Option<Self> {
        let mut lines = response.lines(asker.header()).flatten().take(MOST);
        lines.find_map(|line| Self::parse(line, asker))
    }

    /// Reads one header value.
    #[must_use]
    pub fn parse(line: &str, asker: Asker) -> Option<Self> {
        let (scheme, rest) = line.split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let (mut realm, mut nonce, mut opaque, mut qop) = (None, None, None, None);
        let (mut algorithm, mut stale) = (Algorithm::Md5, false);
        for part in split_outside(rest, b',') {
            let Some((name, value)) = part.split_once('=') else { continue };
            let (name, value) = (name.trim(), value.trim());
            let bare = bare(value)?;
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(bare.to_owned()),
                "nonce" => nonce = Some(bare.to_owned()),
                "opaque" => opaque = Some(bare.to_owned()),
                "qop" => qop = Some(bare),
                "stale" => stale = bare.eq_ignore_ascii_case("true"),
                "algorithm" => algorithm = Algorithm::of(&unquote(value))?,
                _ => {}
            }
        }
        let protection = Protection::of(qop)?;
        // The key of a session needs a client's nonce, which is not sent without `qop`.
        if protection == Protection::Plain && matches!(algorithm, Algorithm::Session(..)) {
            return None;
        }
        let challenge =
            Challenge { asker, realm: realm?, nonce: nonce?, opaque, algorithm, protection, uses: 0 };
        Some(Self { challenge, stale })
    }
}

impl Challenge {
    /// True if both ask for the same user and password.
    #[must_use]
    pub fn is_of(&self, other: &Self) -> bool {
        self.asker == other.asker && self.realm == other.realm
    }

    /// The value of the header that answers, for one request; counts as a use of the nonce. `cnonce` is
    /// fresh and of letters and digits; within a session the first one is used again.
    #[must_use]
    pub fn answer(&mut self, user: &str, password: &str, request: &Request<'_>, cnonce: &str) -> String {
        self.uses = self.uses.saturating_add(1);
        if let Algorithm::Session(_, first) = &mut self.algorithm
            && first.is_empty()
        {
            cnonce.clone_into(first);
        }
        let (hash, cnonce) = match &self.algorithm {
            Algorithm::Session(hash, first) => (*hash, first.as_str()),
            other => (other.hash(), cnonce),
        };
        let user = escape(user);
        let mut who = hash.parts(&[&user, &self.realm, password]);
        if matches!(self.algorithm, Algorithm::Session(..)) {
            who = hash.parts(&[&who, &self.nonce, cnonce]);
        }
        let what = match self.protection {
            Protection::Body => hash.parts(&[request.method, request.uri, &hash.bytes(request.body)]),
            Protection::Plain | Protection::Auth => hash.parts(&[request.method, request.uri]),
        };
        let (count, quality) = (format!("{:08x}", self.uses), self.protection.name());
        let response = match self.protection {
            Protection::Plain => hash.parts(&[&who, &self.nonce, &what]),
            Protection::Auth | Protection::Body => {
                hash.parts(&[&who, &self.nonce, &count, cnonce, quality, &what])
            }
        };
        let mut value = format!(
            "Digest username=\"{user}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\", \
             algorithm={}{}",
            self.realm,
            self.nonce,
            request.uri,
            hash.name(),
            self.algorithm.suffix()
        );
        // Writing to a String cannot fail.
        if let Some(opaque) = &self.opaque {
            let _ = write!(value, ", opaque=\"{opaque}\"");
        }
        if self.protection != Protection::Plain {
            let _ = write!(value, ", qop={quality}, nc={count}, cnonce=\"{cnonce}\"");
        }
        value
    }
}

/// A value without its quotes; none if quotes are where they do not belong.
fn bare(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) if quoted_end(value) == Some(value.len()) => rest.strip_suffix('"'),
        Some(_) => None,
        None => (!value.contains('"')).then_some(value),
    }
}

/// As it stands in a quoted string.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests;
