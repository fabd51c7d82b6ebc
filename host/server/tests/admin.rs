//! The admin interface over real connections.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use parking_lot::Mutex;
use rollcall_server::admin::rehearsal::{Piece, RecordWish, Rehearsal, Shadow};
use rollcall_server::admin::{
    Admin, Candidate, Control, Failure, Generation, Health, Reload, Reloaded, State, TableReload, Unanswered,
    Withheld, WithheldFor, start,
};
use rollcall_server::client::{self, Call};
use rollcall_server::command::{Show, Shown};
use rollcall_server::remote;

/// A server whose swaps wait for the test.
struct Fake {
    clock: Option<AtomicU64>,
    swapping: Mutex<Sender<usize>>,
    swapped: Mutex<Receiver<Result<(), Vec<String>>>>,
}

impl Rehearsal for Fake {
    fn record(&self, wish: RecordWish) -> Result<u64, String> {
        if wish.share < 0.5 { Err("under way".into()) } else { Ok(wish.seconds) }
    }

    fn next(&self, id: u64) -> Option<Piece> {
        match id {
            1 => Some(Piece::Bytes(bytes::Bytes::from_static(b"steps"))),
            2 => Some(Piece::End),
            _ => None,
        }
    }

    fn end_recording(&self, id: u64) -> bool {
        id == 1
    }

    fn shadow(&self, component: &[u8], share: f64) -> Result<Shadow, Vec<String>> {
        if component.is_empty() {
            return Err(vec!["the file is empty".into()]);
        }
        Ok(Shadow {
            name: "a".into(),
            version: "2".into(),
            digest: "00".into(),
            share,
            since: 5,
            skipped: 1,
            cpu_seconds: 0.5,
            report: rollcall_engine::Report::default(),
        })
    }

    fn shadow_status(&self) -> Option<Shadow> {
        None
    }

    fn end_shadow(&self) -> Option<Shadow> {
        self.shadow(b"x", 0.25).ok()
    }

    fn promote(&self) -> Result<Generation, Vec<String>> {
        Err(vec!["there is no shadow".into()])
    }
}

impl Control for Fake {
    fn health(&self) -> Health {
        Health { ok: true, uptime: 3, generation: 1 }
    }

    fn metrics(&self, text: &mut String) {
        text.push_str("# EOF\n");
    }

    fn generations(&self) -> Vec<Generation> {
        vec![generation(1)]
    }

    fn swap(&self, component: Vec<u8>) -> Result<Generation, Vec<String>> {
        self.swapping.lock().send(component.len()).unwrap();
        self.swapped.lock().recv_timeout(Duration::from_secs(20)).unwrap().map(|()| generation(2))
    }

    fn check(&self, component: Vec<u8>) -> Result<Candidate, Vec<String>> {
        if component.is_empty() {
            return Err(vec!["the file is empty".into(), "and short".into()]);
        }
        Ok(candidate())
    }

    fn withheld(&self) -> Vec<Withheld> {
        let (digest, what, why) = ("00".to_owned(), "test 1.0.7".to_owned(), "5 steps failed".to_owned());
        vec![Withheld { digest, what, withheld: WithheldFor::Withdrawn, at: 1, why }]
    }

    fn failures(&self) -> Vec<Failure> {
        vec![failure()]
    }

    fn failure(&self, id: u64) -> Option<bytes::Bytes> {
        (id == 7).then(|| bytes::Bytes::from_static(b"a step"))
    }

    fn roll_back(&self) -> Result<Generation, Vec<String>> {
        Ok(generation(1))
    }

    fn reload(&self) -> Option<Reload> {
        self.swapping.lock().send(0).unwrap();
        let outcome = self.swapped.lock().recv_timeout(Duration::from_secs(20)).unwrap();
        let problems = outcome.err().unwrap_or_default();
        let state = if problems.is_empty() { Reloaded::Replaced } else { Reloaded::Kept };
        let table = |table: &str, state, problems| TableReload {
            table: table.to_owned(),
            file: format!("/etc/{table}"),
            state,
            entries: 7,
            milliseconds: 12,
            problems,
            further: if state == Reloaded::Kept { 3 } else { 0 },
        };
        let tables = vec![table("identities", Reloaded::Unchanged, vec![]), table("white", state, problems)];
        Some(Reload { ok: state != Reloaded::Kept, identity_rules: None, tables })
    }

    fn rehearsal(&self) -> &dyn Rehearsal {
        self
    }

    fn inspect(&self, question: &str, argument: &str) -> Result<String, Unanswered> {
        match (question, argument) {
            ("summary", "sip:u3@x") => Err(Unanswered::Failed("no time".into())),
            ("summary", "sip:u7@x") => Ok("{\"publications\":0,\"watchers\":0,\"winfo_watchers\":0}".into()),
            ("summary", name) => Ok(format!("{{\"basic\":\"open\",\"watchers\":{}}}", name.len())),
            (_, "unknown") => Err(Unanswered::Unknown("no such question".into())),
            (_, "refused") => Err(Unanswered::Refused("no URI".into())),
            (_, "failed") => Err(Unanswered::Failed("it trapped".into())),
            (_, "stopped") => Err(Unanswered::Unavailable("it stops".into())),
            (_, "broken") => Ok("{\"uri\": ".into()),
            (question, uri) => Ok(serde_json::json!({ "asked": question, "uri": uri }).to_string()),
        }
    }

    /// `sip:u0@x` to `sip:u1233@x`, in the order of their numbers; but that the tenth is about a source.
    fn partitions(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, Unanswered> {
        const TENTH: &str = "source:scscf";
        let number = |name: &str| match name {
            TENTH => Some(9),
            name => name.strip_prefix("sip:u")?.strip_suffix("@x")?.parse::<usize>().ok(),
        };
        let name = |number: usize| match number {
            9 => TENTH.to_owned(),
            number => format!("sip:u{number}@x"),
        };
        let first = match after.map(number) {
            None => 0,
            Some(Some(number)) => number + 1,
            Some(None) => return Err(Unanswered::Refused("after: no name".into())),
        };
        Ok((first..1234).take(limit).map(name).collect())
    }

    fn advance(&self, milliseconds: u64) -> Option<u64> {
        let clock = self.clock.as_ref()?;
        Some(clock.fetch_add(milliseconds, Ordering::Relaxed) + milliseconds)
    }
}

fn candidate() -> Candidate {
    Candidate {
        name: "test".into(),
        version: "2.0.0".into(),
        digest: "00".into(),
        reads_schemas: vec![1, 2],
        writes_schema: 2,
        way_back: false,
    }
}

fn failure() -> Failure {
    Failure {
        id: 7,
        generation: 1,
        version: "1.0.0".into(),
        cause: "trap".into(),
        message: "unreachable".into(),
        count: 1,
        first: 1,
        last: 1,
        step: 3,
        kind: "request".into(),
        partition: None,
        input: "PUBLISH sip:a@example.com".into(),
        backtrace: vec!["plugin::publish".into()],
        log: Vec::new(),
        recorded: true,
        repeats: Some(true),
    }
}

fn generation(number: u64) -> Generation {
    let [name, version, digest] = ["plugin", "0.1.0", "00ff"].map(str::to_owned);
    Generation {
        number,
        name,
        version,
        digest,
        identity_rules: None,
        running: true,
        state: State::Running,
        trial_until: None,
        way_back: None,
        withdrawn_at: None,
        why: None,
    }
}

struct Running {
    admin: Admin,
    swapping: Receiver<usize>,
    swapped: Sender<Result<(), Vec<String>>>,
}

fn running(clock: Option<u64>) -> Running {
    let (started, swapping) = channel();
    let (swapped, outcome) = channel();
    let fake = Fake {
        clock: clock.map(AtomicU64::new),
        swapping: Mutex::new(started),
        swapped: Mutex::new(outcome),
    };
    let admin = start("127.0.0.1:0".parse().unwrap(), Arc::new(fake)).unwrap();
    Running { admin, swapping, swapped }
}

impl Running {
    fn get(&self, target: &str) -> (u16, String) {
        let (status, answer) = self.ask(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        (status, body(&answer).trim_end().to_owned())
    }

    fn ask(&self, request: &str) -> (u16, String) {
        exchange(self.admin.address(), request.as_bytes())
    }
}

/// Sends bytes and reads until the server closes: status and the rest.
fn exchange(address: SocketAddr, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).expect("a status line").parse().unwrap();
    (status, answer)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("an empty line").1
}

#[test]
fn health_metrics_and_generations_are_told() {
    let server = running(None);
    let (status, answer) = server.ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((status, body(&answer)), (200, "{\"ok\":true,\"uptime\":3,\"generation\":1}\n"));
    let (status, answer) = server.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((status, body(&answer)), (200, "# EOF\n"));
    assert!(answer.contains("application/openmetrics-text; version=1.0.0"), "{answer}");
    let (status, answer) = server.ask("GET /generations HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Vec<Generation>>(body(&answer)).unwrap(), [generation(1)]);
}

#[test]
fn what_is_not_there_is_refused() {
    let server = running(None);
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("DELETE /health HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET /swap HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET /reload HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("POST /presentities HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405),
        ("POST /reload HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\nContent-Length: 0\r\n\r\n", 403),
        ("POST /clock/advance?ms=5 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 404),
        ("nonsense\r\n\r\n", 400),
    ] {
        assert_eq!(server.ask(request).0, expected, "{request}");
    }
    let wide = format!("GET /health HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(server.ask(&wide).0, 431);
}

#[test]
fn recordings_and_shadows_are_asked_for_in_their_own_words() {
    let server = running(None);
    for (target, status, expected) in [
        ("/record?share=0.5&seconds=60", 200, "{\"id\":60}"),
        ("/record", 200, "{\"id\":86400}"),
        ("/record?share=0.1", 409, "{\"problems\":[\"under way\"]}"),
        ("/record?share=NaN", 400, ""),
        ("/record?seconds=86401", 400, ""),
        ("/record?output=/etc/passwd", 400, ""),
        ("/record/next?id=1", 200, "steps"),
        ("/record/next?id=2", 204, ""),
        ("/record/next?id=3", 404, ""),
        ("/record/next", 400, ""),
        ("/record/stop?id=1", 200, "{\"ok\":true}"),
        ("/record/stop?id=2", 404, ""),
        ("/shadow", 415, ""),
        ("/shadow?share=0", 400, ""),
        ("/promote", 422, "{\"problems\":[\"there is no shadow\"]}"),
    ] {
        let request = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        let (code, answer) = server.ask(&request);
        assert_eq!(code, status, "{target}");
        assert!(expected.is_empty() || body(&answer).trim_end() == expected, "{target}: {answer}");
    }
    assert_eq!(server.get("/shadow").0, 404);
    let shadow = "POST /shadow?share=0.2 HTTP/1.1\r\nHost: a\r\nContent-Type: application/wasm\r\n\
        Content-Length: 4\r\n\r\n\0asm";
    let (status, answer) = server.ask(shadow);
    let told: Shadow = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!((status, told.share, told.version.as_str()), (200, 0.2, "2"));
    let (status, answer) = server.ask("POST /shadow/stop HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((status, body(&answer).contains("\"share\":0.25")), (200, true), "{answer}");
    for target in ["/record", "/record/next?id=1", "/promote", "/shadow/stop"] {
        assert_eq!(server.get(target).0, 405, "{target}");
    }
}

#[test]
fn the_clock_moves_only_by_sane_amounts() {
    let server = running(Some(1000));
    for (query, expected) in [("ms=5", 200), ("ms=-5", 400), ("ms=8640000001", 400), ("s=5", 400), ("", 400)]
    {
        let request = format!("POST /clock/advance?{query} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        let (status, answer) = server.ask(&request);
        assert_eq!(status, expected, "{query}");
        if status == 200 {
            assert_eq!(body(&answer), "{\"now\":1005}\n");
        }
    }
}

#[test]
fn a_component_is_swapped_one_at_a_time() {
    let server = running(None);
    let address = server.admin.address();
    let swap =
        "POST /swap HTTP/1.1\r\nHost: a\r\nContent-Type: application/wasm\r\nContent-Length: 4\r\n\r\n\0asm";
    let first = std::thread::spawn(move || exchange(address, swap.as_bytes()));
    assert_eq!(server.swapping.recv_timeout(Duration::from_secs(20)), Ok(4));
    assert_eq!(server.ask(swap).0, 409);
    let roll_back = "POST /rollback HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(server.ask(roll_back).0, 409);
    server.swapped.send(Ok(())).unwrap();
    let (status, answer) = first.join().unwrap();
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Generation>(body(&answer)).unwrap(), generation(2));

    let (status, answer) = server.ask(roll_back);
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Generation>(body(&answer)).unwrap(), generation(1));

    server.swapped.send(Err(vec!["imports wasi".into(), "no handler".into()])).unwrap();
    let (status, answer) = server.ask(swap);
    assert_eq!((status, body(&answer)), (422, "{\"problems\":[\"imports wasi\",\"no handler\"]}\n"));
}

#[test]
fn a_swap_that_no_operator_asked_for_is_refused() {
    let server = running(None);
    let from_page = "POST /swap HTTP/1.1\r\nHost: a\r\nOrigin: http://evil.example\r\n\
                     Content-Type: application/wasm\r\nContent-Length: 4\r\n\r\n\0asm";
    assert_eq!(server.ask(from_page).0, 403);
    let untyped = "POST /swap HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\0asm";
    assert_eq!(server.ask(untyped).0, 415);
    let endless = "POST /swap HTTP/1.1\r\nHost: a\r\nContent-Type: application/wasm\r\n\
                   Content-Length: 99999999999\r\n\r\n";
    assert_eq!(server.ask(endless).0, 413);
    assert!(server.swapping.try_recv().is_err(), "none of these reached the engine");
}

#[test]
fn a_silent_connection_is_closed_and_does_not_hold_up_the_stop() {
    let server = running(None);
    let mut silent = TcpStream::connect(server.admin.address()).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    silent.write_all(b"GET /health HTTP/1.1\r\n").unwrap();
    assert_eq!(server.ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").0, 200, "others are served");
    drop(server);
    assert!(matches!(silent.read(&mut [0; 16]), Ok(0) | Err(_)), "closed with the server");
}

#[tokio::test]
async fn the_client_of_the_command_line_understands_the_server() {
    let server = running(None);
    let address = server.admin.address().to_string();
    server.swapped.send(Err(vec!["no handler".into()])).unwrap();
    let (status, answer) =
        client::call(&address, "/swap", Call::PostComponent(b"\0asm".to_vec())).await.unwrap();
    assert_eq!((status.as_u16(), &answer[..]), (422, &b"{\"problems\":[\"no handler\"]}\n"[..]));
    let (status, _) = client::call(&address, "/health", Call::Get).await.unwrap();
    assert_eq!(status.as_u16(), 200);
    drop(server);
    assert!(client::call(&address, "/health", Call::Get).await.is_err());
}

#[test]
fn questions_are_handed_to_the_component_and_its_answers_back() {
    let server = running(None);
    for (target, expected) in [
        ("/identity?uri=tel:+1-555;a=b", "{\"asked\":\"identity\",\"uri\":\"tel:+1-555;a=b\"}"),
        ("/presentity?uri=sip%3Aa%40x", "{\"asked\":\"presentity\",\"uri\":\"sip:a@x\"}"),
        ("/source?name=scscf", "{\"asked\":\"source\",\"uri\":\"scscf\"}"),
        ("/sources", "{\"asked\":\"source\",\"uri\":\"\"}"),
    ] {
        assert_eq!(server.get(target), (200, expected.to_owned()));
    }
    for (target, status, problem) in [
        ("/identity", 400, "expected ?uri=URI"),
        ("/identity?uri=", 400, "expected ?uri=URI"),
        ("/identity?url=a", 400, "found \\\"url\\\", expected uri"),
        ("/source", 400, "expected ?name=NAME"),
        ("/source?name=unknown", 404, "no such question"),
        ("/sources?name=scscf", 400, "expected no parameters"),
        ("/presentity?uri=refused", 400, "no URI"),
        ("/presentity?uri=unknown", 404, "no such question"),
        ("/presentity?uri=failed", 500, "it trapped"),
        ("/presentity?uri=stopped", 503, "it stops"),
        ("/presentity?uri=broken", 500, "the component's answer is no JSON: "),
        ("/presentities?limit=0", 400, "limit: expected a number from 1 to 1000"),
        ("/presentities?limit=1001", 400, "limit: expected a number from 1 to 1000"),
        ("/presentities?after=x", 400, "after: no name"),
    ] {
        let (told, answer) = server.get(target);
        assert!(told == status && answer.contains(problem), "{target}: {told} {answer}");
    }
}

#[test]
fn presentities_are_told_page_by_page() {
    let server = running(None);
    assert_eq!(
        server.get("/presentities?limit=2").1,
        "{\"presentities\":[{\"presentity\":\"sip:u0@x\",\"summary\":{\"basic\":\"open\",\"watchers\":8}},\
         {\"presentity\":\"sip:u1@x\",\"summary\":{\"basic\":\"open\",\"watchers\":8}}],\"next\":\"sip:u1@x\"}"
    );
    assert_eq!(
        server.get("/presentities?after=sip:u2@x&limit=1").1,
        "{\"presentities\":[{\"presentity\":\"sip:u3@x\",\"problem\":\"no time\"}],\"next\":\"sip:u3@x\"}"
    );
    assert_eq!(
        server.get("/presentities?after=sip:u8@x&limit=1").1,
        "{\"presentities\":[],\"next\":\"source:scscf\"}",
        "a source is nobody"
    );
    let end = "{\"presentities\":[],\"next\":null}";
    assert_eq!(server.get("/presentities?after=sip:u1233@x"), (200, end.to_owned()));
    let (_, last) = server.get("/presentities?after=sip:u1200@x");
    assert!(last.ends_with(",\"next\":null}"), "{last}");
}

fn show(server: &Running, what: Shown, about: Option<&str>) -> Show {
    let (about, admin) = (about.map(str::to_owned), server.admin.address().to_string());
    Show { what, about, admin, json: false, after: None, limit: None }
}

/// What a command says, and how it ends.
async fn shown(show: &Show) -> (String, Result<(), String>) {
    let mut said = String::new();
    let ended = remote::show(show, &mut |piece| said.push_str(piece)).await;
    (said, ended)
}

#[tokio::test]
async fn the_command_line_shows_answers_for_people_and_for_programs() {
    let server = running(None);
    let mut identity = show(&server, Shown::Identity, Some("sip:\u{e4}&b=c@x"));
    assert_eq!(shown(&identity).await.0, "asked: identity\nuri: sip:\u{e4}&b=c@x\n");
    identity.json = true;
    assert_eq!(shown(&identity).await.0, "{\"asked\":\"identity\",\"uri\":\"sip:\u{e4}&b=c@x\"}\n");
    assert_eq!(shown(&show(&server, Shown::Source, Some("scscf"))).await.0, "asked: source\nuri: scscf\n");
    assert_eq!(shown(&show(&server, Shown::Sources, None)).await.0, "asked: source\nuri: \n");
    let (said, ended) = shown(&show(&server, Shown::Presentity, Some("refused"))).await;
    assert!(said.is_empty() && ended.unwrap_err().ends_with("refused (400 Bad Request):\nno URI"));
    let (said, _) = shown(&show(&server, Shown::Withheld, None)).await;
    assert!(
        said.starts_with("test 1.0.7 was withdrawn Thu, 01 Jan 1970 00:00:00 GMT: 5 steps failed\n"),
        "{said}"
    );
    assert_eq!(
        shown(&show(&server, Shown::Health, None)).await.0,
        "{\"ok\":true,\"uptime\":3,\"generation\":1}\n"
    );
}

#[tokio::test]
async fn the_command_line_walks_over_all_pages() {
    let server = running(None);
    let mut all = show(&server, Shown::Presentities, None);
    let (said, ended) = shown(&all).await;
    assert_eq!(ended, Ok(()));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 1 + 1232, "there is nothing of the eighth, and the tenth is nobody");
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["presentity", "basic", "watchers", "problem"]
    );
    assert_eq!(lines[4].split_whitespace().collect::<Vec<_>>(), ["sip:u3@x", "-", "-", "no", "time"]);
    assert!(lines[1232].starts_with("sip:u1233@x"));
    all.json = true;
    all.after = Some("sip:u600@x".into());
    all.limit = Some(501);
    let (said, _) = shown(&all).await;
    let names: Vec<String> = said
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["presentity"].to_string())
        .collect();
    assert_eq!(
        (names.len(), names[0].as_str(), names[500].as_str()),
        (501, "\"sip:u601@x\"", "\"sip:u1101@x\"")
    );
}

#[tokio::test]
async fn a_reload_tells_of_each_table_and_fails_if_one_was_kept() {
    let server = running(None);
    let address = server.admin.address().to_string();
    let mut said = String::new();
    server.swapped.send(Ok(())).unwrap();
    assert_eq!(remote::reload(&address, &mut |piece| said.push_str(piece)).await, Ok(()));
    assert_eq!(said, "identities: unchanged, 7 entries\nwhite: replaced, 7 entries, 12 ms\n");

    said.clear();
    server.swapped.send(Err(vec!["/etc/white:3: no URI".into()])).unwrap();
    let ended = remote::reload(&address, &mut |piece| said.push_str(piece)).await;
    assert_eq!(said, "identities: unchanged, 7 entries\nwhite: kept as it was, 7 entries\n");
    assert_eq!(ended, Err("/etc/white:3: no URI\n/etc/white: 3 more problems".into()));
}

#[test]
fn a_reload_and_a_swap_exclude_each_other_and_questions_are_answered_meanwhile() {
    let server = running(None);
    let address = server.admin.address();
    let reload = "POST /reload HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    let first = std::thread::spawn(move || exchange(address, reload.as_bytes()));
    assert_eq!(server.swapping.recv_timeout(Duration::from_secs(20)), Ok(0));
    assert_eq!(server.ask(reload).0, 409);
    let roll_back = "POST /rollback HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(server.ask(roll_back).0, 409);
    assert_eq!(server.get("/identity?uri=sip:a@x").0, 200);
    server.swapped.send(Err(vec!["white:3: no URI".into()])).unwrap();
    let (status, answer) = first.join().unwrap();
    assert_eq!(status, 422, "nobody overlooks that a table was kept");
    let reload: Reload = serde_json::from_str(body(&answer)).unwrap();
    assert!(!reload.ok && reload.tables[1].state == Reloaded::Kept);
}
