//! The component's side of `wit/plugin.wit`: imports as [`Host`], exports as calls of
//! [`Presence`]. Only here is anything known of WebAssembly.

use std::cell::OnceCell;

use crate::handler::{Failure, Outcome, Presence};
use crate::ports::{self, Host, Instant};
use crate::sip::Message;
use crate::sip::message::{Peer, Span};
use crate::sip::status::Status;
use crate::tables;

use bindings::exports::rollcall::plugin::{handler, lifecycle};
use bindings::rollcall::plugin::{
    clock, identity, log, metrics, posts, random, sip, storage, tables as wit_tables, timers, types,
};

/// Generated code: it crosses the boundary with raw pointers, which safe Rust cannot.
#[allow(unsafe_code, missing_docs, clippy::all, clippy::panic, clippy::unwrap_used, clippy::expect_used)]
mod bindings {
    wit_bindgen::generate!({ path: "../wit", world: "plugin" });
    use super::Component;
    export!(Component);
}

thread_local! {
    /// The configured logic: a cache of what `configure` was given, nothing more.
    static PRESENCE: OnceCell<Presence> = const { OnceCell::new() };
}

struct Component;

/// The imports.
struct Imports;

impl Host for Imports {
    fn enter(&mut self, partition: &str) {
        storage::enter(partition);
    }

    fn epoch(&mut self) -> u64 {
        storage::epoch()
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        storage::get(key)
    }

    fn scan(&mut self, prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Vec<ports::Entry> {
        let found = storage::scan(prefix, after, limit);
        found.into_iter().map(|entry| (entry.key, entry.value)).collect()
    }

    fn put(&mut self, key: &[u8], value: &[u8], durability: ports::Durability, expires: Option<Instant>) {
        storage::put(key, value, durability.into(), expires);
    }

    fn delete(&mut self, key: &[u8], durability: ports::Durability) {
        storage::delete(key, durability.into());
    }

    fn set_timer(&mut self, name: &[u8], due: Instant, payload: &[u8]) {
        timers::set(name, due, payload);
    }

    fn cancel_timer(&mut self, name: &[u8]) {
        timers::cancel(name);
    }

    fn send(&mut self, request: ports::Outgoing, token: &[u8], delivery: ports::Delivery) {
        let ports::Outgoing { method, uri, headers, body, contact } = request;
        let delivery = match delivery {
            ports::Delivery::Volatile => sip::Delivery::Volatile,
            ports::Delivery::Kept => sip::Delivery::Kept,
        };
        sip::send(&sip::Outgoing { method, uri, headers, body, contact }, token, delivery);
    }

    fn post(&mut self, partition: &str, payload: &[u8]) {
        posts::post(partition, payload);
    }

    fn lookup(&mut self, table: &str, key: &[u8]) -> Option<Vec<u8>> {
        wit_tables::lookup(table, key)
    }

    fn table_version(&mut self, table: &str) -> u64 {
        wit_tables::version(table)
    }

    fn table_entries(&mut self, table: &str, at: u64, limit: u32) -> (Vec<ports::Entry>, Option<u64>) {
        let page = wit_tables::entries(table, at, limit);
        (page.entries.into_iter().map(|entry| (entry.key, entry.value)).collect(), page.next)
    }

    fn normalize(&mut self, uri: &str, normalized: &str) -> Result<String, ports::RuleFailure> {
        identity::normalize(uri, normalized).map_err(ports::RuleFailure::from)
    }

    fn fundamental(&mut self, identity: &str, mapped: &str) -> Result<String, ports::RuleFailure> {
        identity::fundamental(identity, mapped).map_err(ports::RuleFailure::from)
    }

    fn now(&mut self) -> Instant {
        clock::now()
    }

    fn random(&mut self, length: u32) -> Vec<u8> {
        random::bytes(length)
    }

    fn log_enabled(&mut self, level: ports::Level) -> bool {
        log::enabled(level.into())
    }

    fn log(&mut self, level: ports::Level, message: &str, fields: &[(&str, &str)]) {
        log::write(level.into(), message, &own(fields));
    }

    fn count(&mut self, name: &str, labels: &[(&str, &str)], more: u64) {
        metrics::count(name, &own(labels), more);
    }

    fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        metrics::gauge(name, &own(labels), value);
    }
}

fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl From<identity::Failure> for ports::RuleFailure {
    fn from(failure: identity::Failure) -> Self {
        match failure {
            identity::Failure::Refused(why) => Self::Refused(why),
            identity::Failure::Broken(why) => Self::Broken(why),
        }
    }
}

impl From<ports::Durability> for storage::Durability {
    fn from(durability: ports::Durability) -> Self {
        match durability {
            ports::Durability::Durable => Self::Durable,
            ports::Durability::Relaxed => Self::Relaxed,
        }
    }
}

impl From<ports::Level> for log::Level {
    fn from(level: ports::Level) -> Self {
        match level {
            ports::Level::Error => Self::Error,
            ports::Level::Warn => Self::Warn,
            ports::Level::Info => Self::Info,
            ports::Level::Debug => Self::Debug,
            ports::Level::Trace => Self::Trace,
        }
    }
}

impl From<ports::Reply> for handler::Reply {
    fn from(reply: ports::Reply) -> Self {
        let ports::Reply { status, reason, headers, body, to_tag, contact } = reply;
        Self { status, reason, headers, body, to_tag, contact }
    }
}

impl From<ports::Verdict> for handler::Verdict {
    fn from(verdict: ports::Verdict) -> Self {
        match verdict {
            ports::Verdict::Reply(reply) => Self::Reply(reply.into()),
            ports::Verdict::Pass => Self::Pass,
            ports::Verdict::Forward(ports::Forward { partition, payload }) => {
                Self::Forward(handler::Forward { partition, payload })
            }
        }
    }
}

fn span(span: types::Span) -> Span {
    Span { start: span.start, end: span.end }
}

fn fields(headers: &[types::Header]) -> impl ExactSizeIterator<Item = (Span, Span)> {
    headers.iter().map(|header| (span(header.name), span(header.value)))
}

fn peer(peer: &types::Peer) -> Peer<'_> {
    Peer { address: &peer.address, trusted: peer.trusted }
}

/// Runs a step; does nothing before the instance was configured, which hosts do first.
fn with_presence(step: impl FnOnce(&Presence, &mut Imports)) {
    PRESENCE.with(|presence| match presence.get() {
        Some(presence) => step(presence, &mut Imports),
        None => log::write(log::Level::Error, "step before configuration", &[]),
    });
}

/// Answers a request.
fn with_request(
    request: &types::Request,
    answer: impl FnOnce(&Presence, &mut Imports, &Message<'_>) -> ports::Verdict,
) -> handler::Verdict {
    let mut verdict = None;
    with_presence(|presence, imports| {
        let headers = fields(&request.headers);
        let (method, uri) = (span(request.method), span(request.uri));
        let message = Message::request(&request.message, method, uri, headers, span(request.body))
            .from_peer(peer(&request.peer));
        verdict = Some(answer(presence, imports, &message).into());
    });
    verdict.unwrap_or_else(|| {
        let status = Status::SERVER_INTERNAL_ERROR;
        handler::Verdict::Reply(handler::Reply {
            status: status.0,
            reason: status.reason().to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            to_tag: None,
            contact: None,
        })
    })
}

impl handler::Guest for Component {
    fn on_request(request: types::Request) -> handler::Verdict {
        with_request(&request, |presence, imports, message| presence.on_request(imports, message))
    }

    fn on_forwarded(partition: String, request: types::Request, payload: Vec<u8>) -> handler::Verdict {
        with_request(&request, |presence, imports, message| {
            presence.on_forwarded(imports, &partition, message, &payload)
        })
    }

    fn on_response(partition: String, token: Vec<u8>, outcome: handler::Outcome) {
        with_presence(|presence, imports| {
            let outcome = match &outcome {
                handler::Outcome::Response(response) => {
                    let headers = fields(&response.headers);
                    let body = span(response.body);
                    let message = Message::response(&response.message, response.status, headers, body);
                    Outcome::Response(message.from_peer(peer(&response.peer)))
                }
                handler::Outcome::Failed(failure) => Outcome::Failed(match failure {
                    handler::Failure::Timeout => Failure::Timeout,
                    handler::Failure::Unreachable(why) => Failure::Unreachable(why),
                    handler::Failure::Paused(ms) => Failure::Paused(*ms),
                }),
            };
            presence.on_response(imports, &partition, &token, &outcome);
        });
    }

    fn on_timer(partition: String, name: Vec<u8>, due: Instant, payload: Vec<u8>) {
        with_presence(|presence, imports| presence.on_timer(imports, &partition, &name, due, &payload));
    }

    fn on_post(partition: String, payload: Vec<u8>) {
        with_presence(|presence, imports| presence.on_post(imports, &partition, &payload));
    }

    fn on_document(document: handler::Document) -> Result<(), String> {
        let mut result = Ok(());
        with_presence(|presence, imports| {
            let handler::Document { auid, owner, path, content } = &document;
            result = presence.on_document(imports, auid, owner.as_deref(), path, content.as_deref());
        });
        result
    }

    fn on_inspect(question: String, argument: String) -> Result<String, String> {
        let mut answer = Err("not configured".to_owned());
        with_presence(|presence, imports| answer = presence.on_inspect(imports, &question, &argument));
        answer
    }

    fn on_recovery(partition: String) {
        with_presence(|presence, imports| presence.on_recovery(imports, &partition));
    }
}

impl lifecycle::Guest for Component {
    fn describe() -> lifecycle::Description {
        let description = crate::describe();
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let kind =
            |(prefix, name): &(u8, &str)| lifecycle::RecordKind { prefix: *prefix, name: (*name).to_owned() };
        lifecycle::Description {
            name: description.name.to_owned(),
            version: description.version.to_owned(),
            reads_schemas: description.reads_schemas.to_vec(),
            writes_schema: description.writes_schema,
            methods: own(description.methods),
            event_packages: own(description.event_packages),
            documents: own(description.documents),
            tables: own(description.tables),
            questions: own(description.questions),
            record_kinds: description.record_kinds.iter().map(kind).collect(),
        }
    }

    fn configure(json: String) -> Result<(), Vec<lifecycle::Problem>> {
        // The host only sees that something is unreachable; this tells it where and why.
        std::panic::set_hook(Box::new(|panic| log::write(log::Level::Error, &panic.to_string(), &[])));
        let told = |problem: crate::configuration::Problem| {
            let crate::configuration::Problem { key, message } = problem;
            lifecycle::Problem { key, message }
        };
        let presence = Presence::configure(&json)
            .map_err(|problems| problems.into_iter().map(told).collect::<Vec<_>>())?;
        PRESENCE.with(|cell| cell.set(presence)).map_err(|_| {
            let message = "this instance was configured before".to_owned();
            vec![lifecycle::Problem { key: String::new(), message }]
        })
    }

    fn build_table(
        table: String,
        rows: Vec<lifecycle::Row>,
    ) -> Result<Vec<lifecycle::TableEntry>, Vec<lifecycle::RowProblem>> {
        let mut built = Err(vec![(0, "not configured".to_owned())]);
        with_presence(|presence, imports| {
            let rows = rows.iter().map(|row| tables::Row { line: row.line, fields: &row.fields });
            built = presence.build_table(imports, &table, rows);
        });
        let entry = |(key, value)| lifecycle::TableEntry { key, value };
        let problem = |(line, message)| lifecycle::RowProblem { line, message };
        built
            .map(|entries| entries.into_iter().map(entry).collect())
            .map_err(|problems| problems.into_iter().map(problem).collect())
    }
}
