//! Noting what a step reads while it runs, and what it has staged when it ends.

use super::blob::Blob;
use super::ranges::{behind, behind_all};
use super::tap::{Subject, Tap};
use super::trace::{
    Call, Effects, End, Failure, Fault, Message, Page, Part, Question, Reads, Refusal, Send, Trace,
    Transport, Write,
};
use crate::bindings::rollcall::plugin::identity;
use crate::generation::Generation;
use crate::identity_rules;
use crate::message::{self, Answer, Header, Outcome, Peer, Request, Response, Span};
use crate::partition::Live;
use crate::step::input::{Input, Returned};
use crate::step::stage::Stage;
use rollcall_storage::{PartitionKey, Timer};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

/// Notes what one step reads.
pub(crate) struct Capture {
    taps: Arc<Vec<Arc<dyn Tap>>>,
    /// Who wants the trace, once that is known.
    wanted: Option<Vec<Arc<dyn Tap>>>,
    reads: Reads,
}

/// What a step was, when it has ended.
pub(crate) struct Ended<'a> {
    pub number: u64,
    pub partition: Option<&'a PartitionKey>,
    pub input: &'a Input,
    /// The timer that fired.
    pub timer: Option<&'a Timer>,
    pub now: u64,
    pub took: Duration,
    pub epoch: u64,
    /// What was staged and returned, or why it failed.
    pub end: Result<(&'a Stage, &'a Returned), Fault>,
}

impl Capture {
    pub(super) fn new(taps: Arc<Vec<Arc<dyn Tap>>>) -> Capture {
        Capture { taps, wanted: None, reads: Reads::default() }
    }

    /// For one that wants whatever there is.
    pub fn only(tap: Arc<dyn Tap>) -> Box<Capture> {
        Box::new(Capture::new(Arc::new(vec![tap])))
    }

    /// The step has come to its partition. False if nobody wants to know of it.
    pub fn enter(&mut self, partition: &PartitionKey) -> bool {
        self.choose(Subject::partition(partition))
    }

    fn choose(&mut self, subject: Subject) -> bool {
        let wanted: Vec<_> = self.taps.iter().filter(|tap| tap.wants(subject)).cloned().collect();
        let any = !wanted.is_empty();
        self.wanted = Some(wanted);
        any
    }

    /// The step has asked for a key of its partition that it has not written itself.
    pub fn get(&mut self, key: &[u8], value: Option<&rollcall_storage::Record>) {
        self.reads.records.insert(key.into(), value.map(|record| record.value.clone().into()));
    }

    /// The step has seen the keys of its partition from `start` to the last one with this prefix, or only up
    /// to `last`, where it is given.
    pub fn scan(&mut self, live: &Live, start: Bound<&[u8]>, prefix: &[u8], last: Option<&[u8]>, now: u64) {
        let seen = live.range(start, prefix).take_while(|(key, _)| last.is_none_or(|last| *key <= last));
        for (key, record) in seen.filter(|(_, record)| record.live(now)) {
            self.reads.records.insert(key.into(), Some(record.value.clone().into()));
        }
        let start = match start {
            Bound::Included(key) => key.to_vec(),
            Bound::Excluded(key) => behind(key),
            Bound::Unbounded => Vec::new(),
        };
        self.reads.ranges.add(start, last.map_or_else(|| behind_all(prefix), |last| Some(behind(last))));
    }

    pub fn timer(&mut self, name: &[u8], known: bool) {
        self.reads.timers.insert(name.into(), known);
    }

    pub fn random(&mut self, bytes: &[u8]) {
        self.reads.random.extend_from_slice(bytes);
    }

    pub fn lookup(&mut self, table: &str, key: &[u8], value: Option<&[u8]>) {
        let table = match self.reads.lookups.get_mut(table) {
            Some(table) => table,
            None => self.reads.lookups.entry(table.to_owned()).or_default(),
        };
        table.insert(key.into(), value.map(Blob::from));
    }

    pub fn version(&mut self, table: &str, version: u64) {
        self.reads.versions.insert(table.to_owned(), version);
    }

    pub fn page(&mut self, table: &str, at: u64, limit: u32, entries: &[(&[u8], &[u8])], next: Option<u64>) {
        let entries = entries.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        self.reads.pages.insert((table.to_owned(), at, limit), Page { entries, next });
    }

    pub fn identity(
        &mut self,
        question: &identity_rules::Question<'_>,
        answer: &Result<String, identity::Failure>,
    ) {
        let answer = answer.clone().map_err(|failure| match failure {
            identity::Failure::Refused(why) => Refusal::Refused(why),
            identity::Failure::Broken(why) => Refusal::Broken(why),
        });
        self.reads.identities.insert(question.into(), answer);
    }

    /// The step has ended: hands its trace on.
    pub fn end(mut self: Box<Self>, ended: Ended<'_>, generation: &Arc<Generation>) {
        if self.wanted.is_none() {
            self.choose(Subject::step(ended.number));
        }
        let wanted = self.wanted.take().unwrap_or_default();
        if wanted.is_empty() {
            return;
        }
        let (effects, end) = match ended.end {
            Ok((stage, returned)) => (Effects::of(stage), End::of(returned)),
            Err(fault) => (Effects::default(), End::Failed(fault)),
        };
        let mut reads = self.reads;
        reads.epoch = ended.epoch;
        let trace = Arc::new(Trace {
            number: ended.number,
            component: generation.digest.bytes(),
            partition: ended.partition.map(|partition| partition.as_str().to_owned()),
            now: ended.now,
            took: u64::try_from(ended.took.as_micros()).unwrap_or(u64::MAX),
            call: Call::of(ended.input, ended.timer),
            reads,
            effects,
            end,
        });
        for tap in wanted {
            tap.take(&trace, generation);
        }
    }
}

impl Call {
    /// What an input calls. `timer` is the timer that fires, if it is one.
    pub fn of(input: &Input, timer: Option<&Timer>) -> Call {
        match input {
            Input::Request { request, .. } => Call::Request { request: request.into() },
            Input::Forwarded { request, hop, .. } => {
                Call::Forwarded { request: request.into(), payload: hop.payload[..].into() }
            }
            Input::Outcome { token, outcome, .. } => {
                let token = token.clone().into();
                match outcome {
                    Outcome::Response(response) => {
                        Call::Response { token, response: response.into(), status: response.status }
                    }
                    Outcome::Failed(failure) => Call::Failed { token, failure: failure.into() },
                }
            }
            Input::Timer { name, .. } => {
                let (due, payload) =
                    timer.map_or_else(Default::default, |timer| (timer.due, timer.payload.clone().into()));
                Call::Timer { name: name[..].into(), due, payload }
            }
            Input::Post { from, payload, .. } => {
                Call::Post { from: from.as_str().to_owned(), payload: payload.clone().into() }
            }
            Input::Document { document, .. } => Call::Document {
                auid: document.auid.clone(),
                owner: document.owner.clone(),
                path: document.path.clone(),
                content: document.content.as_deref().map(Blob::from),
            },
            Input::Inspect { question, argument, .. } => {
                Call::Inspect { question: question.clone(), argument: argument.clone() }
            }
            Input::Recovery { .. } => Call::Recovery,
        }
    }
}

impl Effects {
    /// What a step has staged.
    pub fn of(stage: &Stage) -> Effects {
        let write = |write: &crate::step::stage::Write| Write {
            value: write.record.as_ref().map(|record| record.value.clone().into()),
            expires: write.record.as_ref().and_then(|record| record.expires),
            durable: write.durable,
        };
        let timer = |timer: &Timer| (timer.due, timer.payload.clone().into());
        let send = |send: &crate::step::stage::Send| Send {
            request: send.request.clone(),
            token: send.token.clone().into(),
            kept: send.kept,
        };
        Effects {
            writes: stage.records.iter().map(|(key, staged)| (key[..].into(), write(staged))).collect(),
            timers: stage
                .timers
                .iter()
                .map(|(name, set)| (name[..].into(), set.as_ref().map(timer)))
                .collect(),
            sends: stage.sends.iter().map(send).collect(),
            posts: stage
                .posts
                .iter()
                .map(|post| (post.to.as_str().to_owned(), post.payload.clone().into()))
                .collect(),
            figures: stage.figures.clone(),
        }
    }
}

impl End {
    /// What a handler has returned.
    pub fn of(returned: &Returned) -> End {
        match returned {
            Returned::Answer(Answer::Reply(reply)) => End::Reply(reply.clone()),
            Returned::Answer(Answer::Pass) => End::Pass,
            Returned::Forward(to) => {
                End::Forward { partition: to.partition.as_str().to_owned(), payload: to.payload[..].into() }
            }
            Returned::Inspected(answer) => End::Inspected(answer.clone()),
            Returned::Document(taken) => End::Document(taken.clone()),
            // No handler returns the host's own answers.
            Returned::Answer(Answer::Failed | Answer::Busy) | Returned::Nothing => End::Done,
        }
    }
}

impl From<&identity_rules::Question<'_>> for Question {
    fn from(question: &identity_rules::Question<'_>) -> Question {
        match *question {
            identity_rules::Question::Normalize { uri, normalized } => {
                Question::Normalize { uri: uri.to_owned(), normalized: normalized.to_owned() }
            }
            identity_rules::Question::Fundamental { identity, mapped } => {
                Question::Fundamental { identity: identity.to_owned(), mapped: mapped.to_owned() }
            }
        }
    }
}

impl From<&message::Failure> for Failure {
    fn from(failure: &message::Failure) -> Failure {
        match failure {
            message::Failure::Timeout => Failure::Timeout,
            message::Failure::Unreachable(why) => Failure::Unreachable(why.clone()),
            message::Failure::Paused(ms) => Failure::Paused(*ms),
        }
    }
}

fn part(span: Span) -> Part {
    (span.start, span.end)
}

fn message(bytes: &bytes::Bytes, headers: &[Header], body: Span, peer: &Peer) -> Message {
    Message {
        bytes: bytes.clone().into(),
        method: (0, 0),
        uri: (0, 0),
        headers: headers.iter().map(|header| (part(header.name), part(header.value))).collect(),
        body: part(body),
        transport: peer.transport.into(),
        address: peer.address,
        trusted: peer.trusted,
    }
}

impl From<&Request> for Message {
    fn from(request: &Request) -> Message {
        let (method, uri) = (part(request.method), part(request.uri));
        Message { method, uri, ..message(&request.message, &request.headers, request.body, &request.peer) }
    }
}

impl From<&Response> for Message {
    fn from(response: &Response) -> Message {
        message(&response.message, &response.headers, response.body, &response.peer)
    }
}

impl From<message::Transport> for Transport {
    fn from(transport: message::Transport) -> Transport {
        match transport {
            message::Transport::Udp => Transport::Udp,
            message::Transport::Tcp => Transport::Tcp,
            message::Transport::Tls => Transport::Tls,
            message::Transport::Ws => Transport::Ws,
            message::Transport::Wss => Transport::Wss,
        }
    }
}
