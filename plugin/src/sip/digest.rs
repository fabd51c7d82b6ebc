//! Answering a digest challenge (RFC 7616, RFC 8760; RFC 3261 22).

use std::fmt::Write;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::lex::{quoted_end, split_outside};
use super::params::unquote;
use super::{HeaderName, Message};
use crate::keys::push_hex;

/// Challenges of one response that are looked at.
const MOST: usize = 16;

/// A hash function; the stronger one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Algorithm {
    /// MD5, also where nothing is said (RFC 7616 3.3).
    Md5,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    fn of(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|known| known.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// The hash of parts joined by colons, in hexadecimal digits.
    fn hash(self, parts: &[&str]) -> String {
        let joined = parts.join(":");
        let mut text = String::with_capacity(64);
        match self {
            Self::Md5 => push_hex(&Md5::digest(joined), &mut text),
            Self::Sha256 => push_hex(&Sha256::digest(joined), &mut text),
        }
        text
    }
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
    /// The hash function.
    pub algorithm: Algorithm,
    /// True for `qop=auth`, false for the old form without.
    pub counted: bool,
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
    /// The strongest challenge of a 401 or 407 that can be answered; what is malformed or of an unknown
    /// scheme, algorithm or quality of protection does not count (RFC 8760 2.4).
    #[must_use]
    pub fn strongest(response: &Message<'_>, asker: Asker) -> Option<Self> {
        let lines = response.lines(asker.header()).flatten().take(MOST);
        let mut best: Option<Self> = None;
        for received in lines.filter_map(|line| Self::parse(line, asker)) {
            // The first one of equals: servers list what they prefer first.
            if best.as_ref().is_none_or(|best| best.challenge.algorithm < received.challenge.algorithm) {
                best = Some(received);
            }
        }
        best
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
        let counted = match qop {
            None => false,
            Some(offers) => {
                offers.split(',').find(|offer| offer.trim().eq_ignore_ascii_case("auth"))?;
                true
            }
        };
        let challenge =
            Challenge { asker, realm: realm?, nonce: nonce?, opaque, algorithm, counted, uses: 0 };
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
    /// fresh and of letters and digits.
    #[must_use]
    pub fn answer(&mut self, user: &str, password: &str, method: &str, uri: &str, cnonce: &str) -> String {
        self.uses = self.uses.saturating_add(1);
        let hash = |parts: &[&str]| self.algorithm.hash(parts);
        let user = escape(user);
        let who = hash(&[&user, &self.realm, password]);
        let what = hash(&[method, uri]);
        let count = format!("{:08x}", self.uses);
        let response = match self.counted {
            true => hash(&[&who, &self.nonce, &count, cnonce, "auth", &what]),
            false => hash(&[&who, &self.nonce, &what]),
        };
        let mut value = format!(
            "Digest username=\"{user}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", \
             algorithm={}",
            self.realm,
            self.nonce,
            self.algorithm.name()
        );
        // Writing to a String cannot fail.
        if let Some(opaque) = &self.opaque {
            let _ = write!(value, ", opaque=\"{opaque}\"");
        }
        if self.counted {
            let _ = write!(value, ", qop=auth, nc={count}, cnonce=\"{cnonce}\"");
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
