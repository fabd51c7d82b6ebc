//! The trace of a step: what called it, what it read, what came of it. Enough to run it again anywhere.
//!
//! Invariant: a trace that was decoded is the one that was encoded; bytes that are no trace give none.

use super::blob::Blob;
use super::ranges::Ranges;
use crate::figures::Figure;
use crate::message::{Outgoing, Reply};
use crate::step::input::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A step that has run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Counts the steps of an engine, in the order of their begin.
    pub(crate) number: u64,
    /// SHA-256 of the component.
    pub(crate) component: [u8; 32],
    /// The step's partition, if it came to one.
    pub(crate) partition: Option<String>,
    /// The step's time.
    pub(crate) now: u64,
    /// Time that the component took, in microseconds, what it waited for in imports included.
    pub(crate) took: u64,
    pub(crate) call: Call,
    pub(crate) reads: Reads,
    pub(crate) effects: Effects,
    pub(crate) end: End,
}

/// What called the step: a handler and its arguments, the partition aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Call {
    Request { request: Message },
    Forwarded { request: Message, payload: Blob },
    Response { token: Blob, response: Message, status: u16 },
    Failed { token: Blob, failure: Failure },
    Timer { name: Blob, due: u64, payload: Blob },
    Post { from: String, payload: Blob },
    Document { auid: String, owner: Option<String>, path: String, content: Option<Blob> },
    Inspect { question: String, argument: String },
    Recovery,
}

/// [`crate::Failure`]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Failure {
    Timeout,
    Unreachable(String),
    Paused(u64),
}

/// Part of a message: offset of the first byte and behind the last one.
pub(crate) type Part = (u32, u32);

/// A SIP message that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub bytes: Blob,
    /// Empty for a response, as is `uri`.
    pub method: Part,
    pub uri: Part,
    /// Names and values.
    pub headers: Vec<(Part, Part)>,
    pub body: Part,
    pub transport: Transport,
    pub address: SocketAddr,
    pub trusted: bool,
}

/// [`crate::Transport`]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

/// What the step read, as it was before the step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reads {
    /// Values by key; none where there was nothing.
    pub records: BTreeMap<Blob, Option<Blob>>,
    /// Where `records` has everything that there was.
    pub ranges: Ranges,
    /// Whether there were timers of these names.
    pub timers: BTreeMap<Blob, bool>,
    pub epoch: u64,
    /// The bytes that were drawn, one draw after the other.
    pub random: Vec<u8>,
    /// Values by table and key.
    pub lookups: BTreeMap<String, BTreeMap<Blob, Option<Blob>>>,
    /// Versions by table.
    pub versions: BTreeMap<String, u64>,
    /// By table, place and limit.
    pub pages: BTreeMap<(String, u64, u32), Page>,
    /// What the site's own identity rules said.
    pub identities: BTreeMap<Question, Result<String, Refusal>>,
}

/// Part of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Page {
    pub entries: Vec<(Blob, Blob)>,
    pub next: Option<u64>,
}

/// What the site's own identity rules were asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Question {
    Normalize { uri: String, normalized: String },
    Fundamental { identity: String, mapped: String },
}

/// Why the identity rules gave no identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    Refused(String),
    Broken(String),
}

/// What the step staged. Nothing, if it failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Effects {
    /// In order of their keys.
    pub writes: BTreeMap<Blob, Write>,
    /// Those set, with their instant and payload, and those cancelled.
    pub timers: BTreeMap<Blob, Option<(u64, Blob)>>,
    pub sends: Vec<Send>,
    /// Partition and payload.
    pub posts: Vec<(String, Blob)>,
    pub figures: Vec<Figure>,
}

/// A write of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Write {
    /// None: it is deleted.
    pub value: Option<Blob>,
    pub expires: Option<u64>,
    pub durable: bool,
}

/// A request that the step wants sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Send {
    pub request: Outgoing,
    pub token: Blob,
    pub kept: bool,
}

/// How the handler ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    Reply(Reply),
    Pass,
    Forward {
        partition: String,
        payload: Blob,
    },
    Document(Result<(), String>),
    Inspected(Result<String, String>),
    /// It returned, and has nothing to say.
    Done,
    /// It failed: a trap, the deadline or another limit.
    Failed(Fault),
}

/// Why a handler failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub kind: FaultKind,
    /// What the log says.
    pub text: String,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum FaultKind {
    Trap,
    Deadline,
    Limit,
}

impl Trace {
    /// Number of the step among those of its engine, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The partition of the step, if it came to one.
    pub fn partition(&self) -> Option<&str> {
        self.partition.as_deref()
    }

    /// Which handler was called.
    pub fn kind(&self) -> Kind {
        match &self.call {
            Call::Request { .. } => Kind::Request,
            Call::Forwarded { .. } => Kind::Forwarded,
            Call::Response { .. } | Call::Failed { .. } => Kind::Response,
            Call::Timer { .. } => Kind::Timer,
            Call::Post { .. } => Kind::Post,
            Call::Document { .. } => Kind::Document,
            Call::Inspect { .. } => Kind::Inspect,
            Call::Recovery => Kind::Recovery,
        }
    }

    /// Whether the step failed.
    pub fn failed(&self) -> bool {
        matches!(self.end, End::Failed(_))
    }

    /// Appends the trace as bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        // Serialising these types into memory cannot fail; nothing would be decoded from nothing.
        *out = postcard::to_extend(self, std::mem::take(out)).unwrap_or_default();
    }

    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        let call = match &self.call {
            Call::Request { request } | Call::Forwarded { request, .. } => request.bytes.len(),
            Call::Response { response, .. } => response.bytes.len(),
            Call::Document { content, .. } => content.as_ref().map_or(0, |content| content.len()),
            Call::Post { payload, .. } | Call::Timer { payload, .. } => payload.len(),
            Call::Failed { .. } | Call::Inspect { .. } | Call::Recovery => 0,
        };
        let value = |value: &Option<Blob>| value.as_ref().map_or(0, |value| value.len());
        let reads = self.reads.records.iter().map(|(key, read)| EACH + key.len() + value(read));
        let pages = self.reads.pages.values().flat_map(|page| &page.entries);
        let pages = pages.map(|(key, value)| EACH + key.len() + value.len());
        let writes = self.effects.writes.iter().map(|(key, write)| EACH + key.len() + value(&write.value));
        let sends = self.effects.sends.iter();
        let sends = sends.map(|send| EACH + send.request.headers.len() + send.request.body.len());
        let posts = self.effects.posts.iter().map(|(to, payload)| EACH + to.len() + payload.len());
        let parts = reads.chain(pages).chain(writes).chain(sends).chain(posts);
        size_of::<Trace>() + call + self.small() + parts.sum::<usize>()
    }

    /// What is mostly small, but need not be.
    fn small(&self) -> usize {
        let headers = match &self.call {
            Call::Request { request } | Call::Forwarded { request, .. } => request.headers.len(),
            Call::Response { response, .. } => response.headers.len(),
            _ => 0,
        };
        let value = |value: &Option<Blob>| value.as_ref().map_or(0, |value| value.len());
        let lookups = self.reads.lookups.values().flatten();
        let lookups = lookups.map(|(key, found)| EACH + key.len() + value(found));
        let identities = self.reads.identities.iter().map(|(question, answer)| {
            let (Question::Normalize { uri: one, normalized: other }
            | Question::Fundamental { identity: one, mapped: other }) = question;
            let (Ok(said) | Err(Refusal::Refused(said) | Refusal::Broken(said))) = answer;
            EACH + one.len() + other.len() + said.len()
        });
        let asked = self.reads.timers.keys().map(|name| EACH + name.len());
        let set = self.effects.timers.iter();
        let set = set.map(|(name, set)| EACH + name.len() + set.as_ref().map_or(0, |(_, text)| text.len()));
        let figures = self.effects.figures.iter().map(|figure| {
            EACH + figure.name.len()
                + figure.labels.iter().map(|(name, at)| name.len() + at.len()).sum::<usize>()
        });
        let end = match &self.end {
            End::Reply(reply) => reply.reason.len() + reply.headers.len() + reply.body.len(),
            End::Forward { partition, payload } => partition.len() + payload.len(),
            End::Inspected(Ok(said) | Err(said)) | End::Document(Err(said)) => said.len(),
            End::Failed(fault) => fault.text.len(),
            End::Pass | End::Document(Ok(())) | End::Done => 0,
        };
        let parts = lookups.chain(identities).chain(asked).chain(set).chain(figures);
        headers * size_of::<(Part, Part)>() + self.reads.random.len() + end + parts.sum::<usize>()
    }
}

/// What a part of a trace takes beside its bytes, about.
const EACH: usize = 64;

impl Message {
    /// A part of the message; nothing if there is no such part.
    pub fn part(&self, (start, end): Part) -> &[u8] {
        self.bytes.get(start as usize..end as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change of a trace, with its name.
    type Named<'a> = (&'a str, &'a dyn Fn(&mut Trace));

    /// What waits for a recording is bounded by this size, so nothing may hide from it.
    #[test]
    fn the_size_has_everything_that_can_be_large() {
        let nothing = Trace {
            number: 1,
            component: [0; 32],
            partition: None,
            now: 1,
            took: 1,
            call: Call::Recovery,
            reads: Reads::default(),
            effects: Effects::default(),
            end: End::Done,
        };
        let large = || vec![b'x'; 100_000];
        let text = || "x".repeat(100_000);
        let with = |change: &dyn Fn(&mut Trace)| {
            let mut trace = nothing.clone();
            change(&mut trace);
            trace.size() - nothing.size()
        };
        let reply = || Reply {
            status: 200,
            reason: String::new(),
            headers: large(),
            body: large(),
            to_tag: None,
            contact: None,
        };
        let changes: [Named<'_>; 9] = [
            ("drawn", &|trace| trace.reads.random = large()),
            ("looked up", &|trace| {
                let found = (large().into(), Some(large().into()));
                trace.reads.lookups.insert("t".into(), [found].into());
            }),
            ("asked of the rules", &|trace| {
                let question = Question::Normalize { uri: String::new(), normalized: String::new() };
                trace.reads.identities.insert(question, Ok(text()));
            }),
            ("timers asked for", &|trace| {
                trace.reads.timers.insert(large().into(), true);
            }),
            ("timers set", &|trace| {
                trace.effects.timers.insert(b"t".as_slice().into(), Some((1, large().into())));
            }),
            ("reply", &|trace| trace.end = End::Reply(reply())),
            ("forward", &|trace| {
                trace.end = End::Forward { partition: "p".into(), payload: large().into() };
            }),
            ("answer", &|trace| trace.end = End::Inspected(Ok(text()))),
            ("refusal", &|trace| trace.end = End::Document(Err(text()))),
        ];
        for (what, change) in changes {
            assert!(with(change) >= 100_000, "{what}");
        }
    }
}
