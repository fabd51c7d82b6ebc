//! Cuts a byte stream into messages by Content-Length (RFC 3261 18.3).

use super::scan::decimal;

/// What was found in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// A double CRLF between messages: a keep-alive that wants a CRLF back (RFC 5626 3.5.1).
    Ping,
    /// The bytes of one message.
    Message(Vec<u8>),
    /// A message whose end cannot be known or is too far: its head, and what to answer before the connection
    /// is closed. Nothing more can be read from this stream.
    Broken {
        /// The head, empty if not even that was complete.
        head: Vec<u8>,
        /// 400 or 513.
        status: u16,
        /// A reason phrase.
        reason: &'static str,
    },
}

/// Takes bytes as they come and gives units.
#[derive(Debug)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Bytes at the front that have been given out.
    taken: usize,
    /// Bytes after `taken` that were searched for the end of the head.
    searched: usize,
    /// Length of the message at the front, once its head was read.
    length: Option<usize>,
    max: usize,
    broken: bool,
}

impl Framer {
    /// A framer for messages of up to `max` bytes.
    pub fn new(max: usize) -> Self {
        Framer { buffer: Vec::new(), taken: 0, searched: 0, length: None, max, broken: false }
    }

    /// Adds bytes of the stream. Take all units before adding more, or the buffer grows.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// True if a message has begun and is not complete.
    pub fn is_partial(&self) -> bool {
        self.buffer.len() > self.taken
    }

    /// The next unit; none until more bytes come.
    pub fn next_unit(&mut self) -> Option<Unit> {
        if self.broken {
            return None;
        }
        let length = match self.length {
            Some(length) => length,
            None => {
                if let Some(ping) = self.empty_lines() {
                    return ping.then_some(Unit::Ping);
                }
                let Some(head) = self.head_end() else {
                    let waiting = self.buffer.len() - self.taken;
                    return (waiting > self.max).then(|| self.break_off(0, 513, "Message Too Large"));
                };
                match content_length(self.front().get(..head).unwrap_or_default()) {
                    None => return Some(self.break_off(head, 400, "Missing Content-Length")),
                    Some(Err(())) => return Some(self.break_off(head, 400, "Malformed Content-Length")),
                    Some(Ok(body)) if body > self.max.saturating_sub(head) => {
                        return Some(self.break_off(head, 513, "Message Too Large"));
                    }
                    Some(Ok(body)) => *self.length.insert(head + body),
                }
            }
        };
        let message = self.front().get(..length)?.to_vec();
        self.take(length);
        Some(Unit::Message(message))
    }

    fn front(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }

    fn take(&mut self, n: usize) {
        self.taken += n;
        self.searched = 0;
        self.length = None;
        if self.taken == self.buffer.len() {
            self.buffer.clear();
            self.taken = 0;
        }
    }

    /// Skips empty lines. `Some(true)` for a ping, `Some(false)` if more bytes must come first.
    fn empty_lines(&mut self) -> Option<bool> {
        loop {
            match self.front() {
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.take(4);
                    return Some(true);
                }
                [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Some(false),
                [b'\r', b'\n', ..] => self.take(2),
                [b'\n', ..] => self.take(1),
                _ => return None,
            }
        }
    }

    /// Length of the head at the front, its empty line included.
    fn head_end(&mut self) -> Option<usize> {
        let front = self.buffer.get(self.taken..).unwrap_or_default();
        let mut at = self.searched;
        while let Some(found) = memchr::memchr(b'\n', front.get(at..)?) {
            let line_feed = at + found;
            match front.get(line_feed + 1..)? {
                [b'\n', ..] => return Some(line_feed + 2),
                [b'\r', b'\n', ..] => return Some(line_feed + 3),
                // The bytes that decide have not come yet: look at this line end again.
                [] | [b'\r'] => {
                    self.searched = line_feed;
                    return None;
                }
                _ => at = line_feed + 1,
            }
        }
        self.searched = front.len();
        None
    }

    fn break_off(&mut self, head: usize, status: u16, reason: &'static str) -> Unit {
        let head = self.front().get(..head).unwrap_or_default().to_vec();
        self.broken = true;
        self.buffer = Vec::new();
        self.taken = 0;
        Unit::Broken { head, status, reason }
    }
}

/// The Content-Length of a head: none if there is none, an error if it is no number or there are two.
fn content_length(head: &[u8]) -> Option<Result<usize, ()>> {
    let mut found: Option<Result<usize, ()>> = None;
    let mut at = 0;
    while at < head.len() {
        let rest = head.get(at..).unwrap_or_default();
        let mut end = line_length(rest);
        // Folded lines belong to the field.
        while rest.get(end).is_some_and(|&c| c == b' ' || c == b'\t') {
            end += line_length(rest.get(end..).unwrap_or_default());
        }
        let line = rest.get(..end).unwrap_or_default();
        at += end;
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let name = line.get(..colon).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"l") {
            let value = line.get(colon + 1..).unwrap_or_default().trim_ascii();
            let number = decimal(value, u64::from(u32::MAX)).and_then(|n| usize::try_from(n).ok()).ok_or(());
            found = Some(if found.is_some() { Err(()) } else { number });
        }
    }
    found
}

fn line_length(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(framer: &mut Framer) -> Vec<Unit> {
        std::iter::from_fn(|| framer.next_unit()).collect()
    }

    const TWO: &[u8] =
        b"\r\n\r\nA sip:b SIP/2.0\r\nL : \r\n 3\r\n\r\nxyz\r\nB sip:b SIP/2.0\nContent-Length:0\n\n";

    #[test]
    fn messages_are_cut_at_content_length_wherever_the_stream_is_split() {
        let mut whole = Framer::new(1000);
        whole.push(TWO);
        let expected = all(&mut whole);
        assert_eq!(expected.len(), 3, "RFC 3261 18.3, RFC 5626 3.5.1: {expected:?}");
        for cut in 0..TWO.len() {
            let mut framer = Framer::new(1000);
            framer.push(&TWO[..cut]);
            let mut units = all(&mut framer);
            framer.push(&TWO[cut..]);
            units.extend(all(&mut framer));
            assert_eq!(units, expected, "cut at {cut}");
        }
    }

    #[test]
    fn an_unknown_or_excessive_length_breaks_the_stream() {
        for (bytes, status) in [
            (b"A sip:b SIP/2.0\r\nVia: x\r\n\r\n".as_slice(), 400),
            (b"A sip:b SIP/2.0\r\nContent-Length: -1\r\n\r\n", 400),
            (b"A sip:b SIP/2.0\r\nContent-Length: 1\r\nl: 1\r\n\r\n", 400),
            (b"A sip:b SIP/2.0\r\nContent-Length: 4000000000\r\n\r\n", 513),
        ] {
            let mut framer = Framer::new(1000);
            framer.push(bytes);
            assert!(
                matches!(framer.next_unit(), Some(Unit::Broken { status: s, .. }) if s == status),
                "RFC 4475 3.1.2.3, 3.3.9"
            );
            framer.push(bytes);
            assert_eq!(framer.next_unit(), None);
        }
    }

    #[test]
    fn a_head_without_end_is_not_kept_for_ever() {
        let mut framer = Framer::new(100);
        framer.push(&[b'x'; 101]);
        assert!(matches!(framer.next_unit(), Some(Unit::Broken { status: 513, .. })));
        assert!(!framer.is_partial());
    }
}
