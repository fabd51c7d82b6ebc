//! Digest authentication as a source asks for it (RFC 3261 22, RFC 7616, RFC 8760), computed by `rsip`.

use crate::endpoint::Answer;
use crate::message::Message;
use crate::rng::unique;
use rsip::headers::auth::{Algorithm, AuthQop};
use rsip::services::DigestGenerator;

const REALM: &str = "source.example";

/// What a source asks for.
#[derive(Clone, Debug)]
pub struct Digest {
    username: String,
    password: String,
    /// In the order in which they are offered.
    algorithms: Vec<&'static str>,
    nonce: String,
    /// The last nonce count.
    count: u32,
    /// Requests whose credentials were right.
    pub accepted: u32,
}

impl Digest {
    /// Asks for this user and password, with one of these algorithms (`MD5`, `SHA-256`).
    #[must_use]
    pub fn new(username: &str, password: &str, algorithms: &[&'static str]) -> Self {
        Self {
            username: username.to_owned(),
            password: password.to_owned(),
            algorithms: algorithms.to_vec(),
            nonce: unique("nonce"),
            count: 0,
            accepted: 0,
        }
    }

    /// Takes a new nonce: credentials for the old one are stale.
    pub fn renew(&mut self) {
        self.nonce = unique("nonce");
        self.count = 0;
    }

    pub(super) fn check(&mut self, request: &Message) -> Result<(), Answer> {
        let Some(value) = request.header("Authorization") else { return Err(self.ask(false)) };
        let Some(rest) = value.strip_prefix("Digest ") else { return Err(self.ask(false)) };
        let field = |name: &str| {
            crate::message::split_commas(rest).iter().find_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                (key.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
            })
        };
        let text = |name: &str| field(name).unwrap_or_default();
        if text("nonce") != self.nonce {
            return Err(self.ask(true));
        }
        let algorithm = match field("algorithm").as_deref() {
            Some("SHA-256") => Algorithm::Sha256,
            Some("MD5") | None => Algorithm::Md5,
            Some(_) => return Err(self.ask(false)),
        };
        let offered = match algorithm {
            Algorithm::Sha256 => "SHA-256",
            _ => "MD5",
        };
        let (count, cnonce, uri) = (text("nc"), text("cnonce"), text("uri"));
        let count = u8::from_str_radix(&count, 16).ok().filter(|_| count.len() == 8);
        let (Some(nc), Ok(uri)) = (count, rsip::Uri::try_from(uri.as_str())) else {
            return Err(self.ask(false));
        };
        let right = self.algorithms.contains(&offered)
            && text("username") == self.username
            && text("realm") == REALM
            && text("qop") == "auth"
            && u32::from(nc) > self.count
            && uri.to_string() == request.uri()
            && !cnonce.is_empty();
        let digest = DigestGenerator {
            username: &self.username,
            password: &self.password,
            nonce: &self.nonce,
            uri: &uri,
            realm: REALM,
            method: &rsip::Method::Subscribe,
            qop: Some(&AuthQop::Auth { cnonce, nc }),
            algorithm,
        };
        if !right || !digest.verify(&text("response")) {
            return Err(self.ask(false));
        }
        self.count = nc.into();
        self.accepted += 1;
        Ok(())
    }

    fn ask(&self, stale: bool) -> Answer {
        let stale = if stale { ", stale=true" } else { "" };
        let challenge = |algorithm: &&str| {
            let value = format!(
                "Digest realm=\"{REALM}\", nonce=\"{}\", qop=\"auth,auth-int\", algorithm={algorithm}, \
                 opaque=\"x y\"{stale}",
                self.nonce
            );
            ("WWW-Authenticate".to_owned(), value)
        };
        Answer::Status(401, "Unauthorized", self.algorithms.iter().map(challenge).collect())
    }
}
