//! A SIP message as the client side sees it: read strictly, written plainly.

use crate::rng::unique;

/// First line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A request.
    Request {
        /// As written.
        method: String,
        /// The Request-URI.
        uri: String,
    },
    /// A response.
    Response {
        /// 100 to 699.
        status: u16,
        /// Reason phrase.
        reason: String,
    },
}

/// A SIP message: start line, headers in order, body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// First line.
    pub start: Start,
    /// Name and value, in order of appearance.
    pub headers: Vec<(String, String)>,
    /// Bytes after the empty line.
    pub body: Vec<u8>,
}

const COMPACT: [(&str, &str); 12] = [
    ("v", "via"),
    ("f", "from"),
    ("t", "to"),
    ("i", "call-id"),
    ("m", "contact"),
    ("c", "content-type"),
    ("l", "content-length"),
    ("o", "event"),
    ("u", "allow-events"),
    ("k", "supported"),
    ("e", "content-encoding"),
    ("s", "subject"),
];

fn long(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    COMPACT.iter().find(|(c, _)| *c == lower).map_or(lower, |(_, l)| (*l).to_owned())
}

impl Message {
    /// A request without headers.
    #[must_use]
    pub fn request(method: &str, uri: &str) -> Self {
        Self {
            start: Start::Request { method: method.to_owned(), uri: uri.to_owned() },
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A response to a request: copies Via, From, To, Call-ID and CSeq (RFC 3261 8.2.6.2) and
    /// adds `to_tag` where To has none.
    #[must_use]
    pub fn response(to: &Self, status: u16, reason: &str, to_tag: &str) -> Self {
        let mut headers: Vec<(String, String)> = to
            .headers
            .iter()
            .filter(|(n, _)| {
                ["via", "from", "to", "call-id", "cseq", "record-route"].contains(&long(n).as_str())
            })
            .cloned()
            .collect();
        for (name, value) in &mut headers {
            if long(name) == "to" && tag(value).is_none() {
                value.push_str(";tag=");
                value.push_str(to_tag);
            }
        }
        Self { start: Start::Response { status, reason: reason.to_owned() }, headers, body: Vec::new() }
    }

    /// Reads a message and says what is wrong with it, if anything. Strict, as only the server
    /// under test is read with it: CRLF everywhere, no folding, a name and a colon on each line.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or("no empty line after the headers")?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|e| format!("headers are not UTF-8: {e}"))?;
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let start = if let Some(rest) = first.strip_prefix("SIP/2.0 ") {
            let (code, reason) =
                rest.split_once(' ').ok_or_else(|| format!("no space after the status: {first:?}"))?;
            let status: u16 = code.parse().map_err(|_| format!("no status code: {first:?}"))?;
            if code.len() != 3 || !(100..700).contains(&status) {
                return Err(format!("status code out of range: {first:?}"));
            }
            Start::Response { status, reason: reason.to_owned() }
        } else {
            match first.split(' ').collect::<Vec<_>>()[..] {
                [method, uri, "SIP/2.0"] if !method.is_empty() && !uri.is_empty() => {
                    Start::Request { method: method.to_owned(), uri: uri.to_owned() }
                }
                _ => return Err(format!("no start line: {first:?}")),
            }
        };
        let mut headers = Vec::new();
        for line in lines {
            if line.contains(['\r', '\n']) {
                return Err(format!("bare CR or LF in {line:?}"));
            }
            let (name, value) = line.split_once(':').ok_or_else(|| format!("no colon in {line:?}"))?;
            let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
            if name.is_empty() || !name.chars().all(token) {
                return Err(format!("not a header name: {name:?}"));
            }
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(Self { start, headers, body: bytes[end + 4..].to_vec() })
    }

    /// The bytes to send. Content-Length is added where the message does not say it itself.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = match &self.start {
            Start::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
            Start::Response { status, reason } => format!("SIP/2.0 {status} {reason}\r\n"),
        };
        for (name, value) in &self.headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.header("Content-Length").is_none() {
            out.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        out.push_str("\r\n");
        let mut bytes = out.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The same message with a header replaced, or added at the end if it was not there.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        let key = long(name);
        match self.headers.iter_mut().find(|(n, _)| long(n) == key) {
            Some(found) => found.1 = value,
            None => self.headers.push((name.to_owned(), value)),
        }
        self
    }

    /// The same message with one more header at the end.
    #[must_use]
    pub fn and(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same message without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        let key = long(name);
        self.headers.retain(|(n, _)| long(n) != key);
        self
    }

    /// The same message with another Request-URI.
    #[must_use]
    pub fn at(mut self, new: &str) -> Self {
        if let Start::Request { uri, .. } = &mut self.start {
            new.clone_into(uri);
        }
        self
    }

    /// The same message with a body and its type.
    #[must_use]
    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut with = self.with("Content-Type", content_type);
        with.body = body.into();
        with
    }

    /// The same request in a new transaction: a new branch in the topmost Via.
    #[must_use]
    pub fn again(self) -> Self {
        let via = self.header("Via").unwrap_or_default().to_owned();
        let fresh = match (via.split_once("branch="), parameter(&via, "branch")) {
            (Some((before, rest)), Some(old)) => {
                format!("{before}branch={}{}", unique("z9hG4bK"), &rest[old.len()..])
            }
            _ => via,
        };
        self.with("Via", fresh)
    }

    /// First header of that name (any case, compact form or not).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every header of that name, in order, as written.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let key = long(name);
        self.headers.iter().filter(move |(n, _)| long(n) == key).map(|(_, v)| v.as_str())
    }

    /// Every value of a comma-separated header, over all its lines.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<String> {
        self.all(name).flat_map(split_commas).collect()
    }

    /// The status code, or 0 for a request.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.start {
            Start::Response { status, .. } => status,
            Start::Request { .. } => 0,
        }
    }

    /// The method: of the start line, or of CSeq for a response.
    #[must_use]
    pub fn method(&self) -> &str {
        match &self.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } => {
                self.header("CSeq").and_then(|c| c.split_whitespace().nth(1)).unwrap_or_default()
            }
        }
    }

    /// The Request-URI; empty for a response.
    #[must_use]
    pub fn uri(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => uri,
            Start::Response { .. } => "",
        }
    }

    /// Number of the CSeq header.
    #[must_use]
    pub fn cseq(&self) -> u32 {
        self.header("CSeq").and_then(|c| c.split_whitespace().next()?.parse().ok()).expect("a CSeq number")
    }

    /// Branch of the topmost Via; empty if there is none.
    #[must_use]
    pub fn branch(&self) -> String {
        self.header("Via").and_then(|v| parameter(v, "branch")).unwrap_or_default()
    }

    /// The Call-ID; empty if there is none.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }

    /// `Expires` in seconds.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        self.header("Expires").and_then(|v| v.parse().ok())
    }

    /// The one SIP-ETag; a test failure if there is not exactly one, or it is no token.
    #[must_use]
    pub fn etag(&self) -> String {
        let tags: Vec<&str> = self.all("SIP-ETag").collect();
        assert_eq!(tags.len(), 1, "exactly one SIP-ETag (RFC 3903 6): {self}");
        let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
        assert!(!tags[0].is_empty() && tags[0].chars().all(token), "SIP-ETag is a token: {self}");
        tags[0].to_owned()
    }

    /// Fails the test if a response does not have that status. Gives the response back.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status(), status, "expected {status}, got:\n{self}");
        self
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.encode()))
    }
}

/// A parameter of a header value, searched after any `<…>`; case of the name does not matter.
#[must_use]
pub fn parameter(value: &str, name: &str) -> Option<String> {
    let after = value.rsplit_once('>').map_or(value, |(_, after)| after);
    after.split(';').skip(1).find_map(|p| {
        let (n, v) = p.split_once('=').unwrap_or((p, ""));
        n.trim().eq_ignore_ascii_case(name).then(|| v.trim().trim_matches('"').to_owned())
    })
}

/// The tag of a From or To value.
#[must_use]
pub fn tag(value: &str) -> Option<String> {
    parameter(value, "tag")
}

/// The URI of a name-addr or addr-spec, without header parameters.
#[must_use]
pub fn address(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => value.split(';').next().unwrap_or_default().trim(),
    }
}

/// Splits at commas outside quotes and angle brackets.
#[must_use]
pub fn split_commas(value: &str) -> Vec<String> {
    let (mut quoted, mut depth, mut out, mut current) = (false, 0u32, Vec::new(), String::new());
    for c in value.chars() {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => depth += 1,
            '>' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                out.push(std::mem::take(&mut current).trim().to_owned());
                continue;
            }
            _ => {}
        }
        current.push(c);
    }
    out.push(current.trim().to_owned());
    out.retain(|v| !v.is_empty());
    out
}
