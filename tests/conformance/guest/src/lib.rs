//! The conformance plugin: does what the body of a MESSAGE tells it, and answers with what it saw.
//!
//! A script has a statement on each line: a word and its arguments, with one space between them. Arguments are
//! percent-encoded, so a script can be an argument of another: the payload of a timer or post, the token of a
//! request. The words are in `words.rs` and `hostile.rs`. What a script prints becomes the answer's body.
// Native builds, which only check, export nothing.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, unused_imports))]
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod hostile;
mod script;
mod words;

use bindings::exports::rollcall::plugin::handler::{Document, Failure, Outcome, Verdict};
use bindings::exports::rollcall::plugin::lifecycle::{Description, Problem, Row, RowProblem, TableEntry};
use bindings::exports::rollcall::plugin::{handler, lifecycle};
use bindings::rollcall::plugin::storage;
use bindings::rollcall::plugin::types::Request;
use script::Run;

/// Generated code: it crosses the boundary with raw pointers, which safe Rust cannot.
#[allow(unsafe_code, missing_docs, clippy::all, clippy::panic, clippy::unwrap_used, clippy::expect_used)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "plugin" });
    #[cfg(target_arch = "wasm32")]
    use super::Component;
    #[cfg(target_arch = "wasm32")]
    export!(Component);
}

struct Component;

impl handler::Guest for Component {
    fn on_request(request: Request) -> Verdict {
        let body = request.body;
        let script = request.message[body.start as usize..body.end as usize].to_vec();
        let mut run = Run { request: Some(request), ..Run::default() };
        run.script(&script);
        run.verdict()
    }

    fn on_forwarded(partition: String, request: Request, payload: Vec<u8>) -> Verdict {
        let mut run = Run { told: partition, request: Some(request), ..Run::default() };
        run.script(&payload);
        run.verdict()
    }

    fn on_response(_partition: String, token: Vec<u8>, outcome: Outcome) {
        let told = match outcome {
            Outcome::Response(response) => response.status.to_string(),
            Outcome::Failed(Failure::Timeout) => "timeout".to_owned(),
            Outcome::Failed(Failure::Unreachable(_)) => "unreachable".to_owned(),
            Outcome::Failed(Failure::Paused(_)) => "paused".to_owned(),
        };
        Run { told, ..Run::default() }.script(&token);
    }

    fn on_timer(_partition: String, name: Vec<u8>, due: u64, payload: Vec<u8>) {
        let told = format!("{}@{due}", String::from_utf8_lossy(&name));
        Run { told, ..Run::default() }.script(&payload);
    }

    fn on_post(partition: String, payload: Vec<u8>) {
        Run { told: partition, ..Run::default() }.script(&payload);
    }

    fn on_document(_document: Document) -> Result<(), String> {
        Err("no documents are taken".into())
    }

    fn on_inspect(_question: String, _argument: String) -> Result<String, String> {
        Err("there are no questions".into())
    }

    fn on_recovery(partition: String) {
        if let Some(script) = storage::get(b"recovery") {
            Run { told: partition, ..Run::default() }.script(&script);
        }
    }
}

impl lifecycle::Guest for Component {
    fn describe() -> Description {
        Description {
            name: "conformance".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            reads_schemas: vec![1],
            writes_schema: 1,
            methods: vec!["MESSAGE".into()],
            event_packages: vec![],
            documents: vec![],
            tables: vec!["identities".into()],
            questions: vec![],
            record_kinds: vec![],
        }
    }

    fn configure(_json: String) -> Result<(), Vec<Problem>> {
        words::configured();
        Ok(())
    }

    /// Each field of a row is a key; the first field is the value of all.
    fn build_table(_table: String, rows: Vec<Row>) -> Result<Vec<TableEntry>, Vec<RowProblem>> {
        let entry = |key: &String, value: &String| TableEntry {
            key: key.as_bytes().to_vec(),
            value: value.as_bytes().to_vec(),
        };
        let entries = |row: &Row| row.fields.iter().map(|key| entry(key, &row.fields[0])).collect::<Vec<_>>();
        Ok(rows.iter().flat_map(entries).collect())
    }
}
