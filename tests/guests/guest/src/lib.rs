//! The test plugin: runs scripts (see the package `rollcall-test-guests`).
// A word that nobody can call does not compile. Native builds, which only check, export nothing.
#![cfg_attr(target_arch = "wasm32", deny(dead_code))]
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, unused_imports))]
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod hostile;
mod script;
mod tables;
mod words;

#[path = "../../src/hostile.rs"]
mod list;

use bindings::exports::rollcall::plugin::handler::{Document, Failure, Forward, Outcome, Reply, Verdict};
use bindings::exports::rollcall::plugin::lifecycle::{
    Description, Problem, RecordKind, Row, RowProblem, TableEntry,
};
use bindings::exports::rollcall::plugin::{handler, lifecycle};
use bindings::rollcall::plugin::types::{Request, Span};
use bindings::rollcall::plugin::{log, storage};
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

/// Tells the editions apart; other editions are made by replacing it in the built component.
static EDITION: &str = "rollcall-edition:plain...";

fn edition() -> &'static str {
    std::hint::black_box(EDITION)
}

struct Component;

impl handler::Guest for Component {
    fn on_request(request: Request) -> Verdict {
        let over_sip = !request.headers.is_empty();
        let mut run = Run { method: text(&request, request.method), over_sip, ..Run::default() };
        run.lines(text(&request, request.body).as_bytes());
        verdict(run)
    }

    fn on_forwarded(partition: String, request: Request, payload: Vec<u8>) -> Verdict {
        let method = text(&request, request.method);
        let mut run = Run { method, outcome: partition, ..Run::default() };
        run.script(&payload);
        verdict(run)
    }

    fn on_response(_partition: String, token: Vec<u8>, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Response(response) => response.status.to_string(),
            Outcome::Failed(Failure::Timeout) => "timeout".to_owned(),
            Outcome::Failed(Failure::Unreachable(why)) => why,
            Outcome::Failed(Failure::Paused(ms)) => format!("paused {ms}"),
        };
        let mut run = Run { outcome, ..Run::default() };
        run.script(&token);
    }

    fn on_timer(_partition: String, _name: Vec<u8>, due: u64, payload: Vec<u8>) {
        let mut run = Run { outcome: due.to_string(), ..Run::default() };
        run.script(&payload);
    }

    fn on_post(_partition: String, payload: Vec<u8>) {
        Run::default().script(&payload);
    }

    fn on_document(document: Document) -> Result<(), String> {
        let mut run = Run::default();
        run.lines(&document.content.unwrap_or_default());
        run.refusal.map_or(Ok(()), Err)
    }

    fn on_inspect(question: String, argument: String) -> Result<String, String> {
        let mut run = Run { outcome: question, ..Run::default() };
        run.lines(argument.as_bytes());
        run.refusal.map_or(Ok(run.out), Err)
    }

    fn on_recovery(_partition: String) {
        if let Some(script) = storage::get(b"on-recovery") {
            Run::default().script(&script);
        }
    }
}

fn text(request: &Request, span: Span) -> String {
    String::from_utf8(request.message[span.start as usize..span.end as usize].to_vec()).unwrap()
}

fn verdict(run: Run) -> Verdict {
    if let Some((partition, payload)) = run.forward {
        return Verdict::Forward(Forward { partition, payload });
    }
    if run.pass {
        return Verdict::Pass;
    }
    Verdict::Reply(Reply {
        status: run.status.unwrap_or(200),
        reason: run.reason.unwrap_or_else(|| "OK".into()),
        headers: match run.over_sip && run.headers.is_empty() && !run.out.is_empty() {
            true => b"Content-Type: text/plain\r\n".to_vec(),
            false => run.headers,
        },
        body: run.out.into_bytes(),
        to_tag: None,
        contact: None,
    })
}

impl lifecycle::Guest for Component {
    fn describe() -> Description {
        let (version, reads, writes) = match edition().trim_end_matches('.') {
            "rollcall-edition:plain" => ("1.0.0", vec![1], 1),
            "rollcall-edition:fragile" => ("1.1.0", vec![1], 1),
            "rollcall-edition:second" => ("2.0.0", vec![1, 2], 2),
            "rollcall-edition:estrange" => ("3.0.0", vec![3], 3),
            "rollcall-edition:endless" => {
                hostile::spins(&mut Run::default());
                unreachable!()
            }
            other => panic!("edition {other}"),
        };
        let kind = |prefix, name: &str| RecordKind { prefix, name: name.into() };
        Description {
            name: "test".into(),
            version: version.into(),
            reads_schemas: reads,
            writes_schema: writes,
            methods: vec!["TEST".into()],
            event_packages: vec![],
            documents: vec!["test".into()],
            tables: tables::NAMES.map(str::to_owned).to_vec(),
            questions: vec!["script".into()],
            record_kinds: vec![kind(b'a', "apple"), kind(b'b', "banana")],
        }
    }

    fn configure(json: String) -> Result<(), Vec<Problem>> {
        std::panic::set_hook(Box::new(|panic| log::write(log::Level::Error, &panic.to_string(), &[])));
        if json.contains("trap") {
            panic!("told to");
        }
        if json.contains("ask") {
            // Not allowed here.
            words::settled("edition");
        }
        let problem = |key: &str| Problem { key: key.into(), message: "refused".into() };
        if json.contains("refuse") { Err(vec![problem("one"), problem("two")]) } else { Ok(()) }
    }

    fn build_table(_table: String, rows: Vec<Row>) -> Result<Vec<TableEntry>, Vec<RowProblem>> {
        tables::build(&rows)
    }
}
