//! Requests of the plugin.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Check, When::Running};
use crate::bench::{Bench, Verdict, partition, same, silent};
use crate::peer::Answer;
use crate::script;
use rollcall_tests::message::{Message, address};

pub const CHECKS: &[Check] = &[
    Check::new(
        &["H-SEND-1"],
        "a request leaves as written, with Via, Max-Forwards and Content-Length",
        Running(written),
    ),
    Check::new(&["H-SEND-2"], "requests of one step leave in order", Running(order)),
    Check::new(&["H-SEND-3"], "the final response comes as a step, with the token, once", Running(outcome)),
    Check::new(&["H-SEND-4"], "what cannot be sent has its outcome, too", Running(unreachable)),
    Check::new(
        &["H-SEND-5"],
        "a step that fails on an outcome is made good by on-recovery",
        Running(failed_outcome),
    ),
    Check::new(&["H-SEND-6"], "a request goes to its topmost Route", Running(loose)),
    Check::new(
        &["H-SEND-7"],
        "where that is a strict router, the request has the form for it",
        Running(strict),
    ),
    Check::new(&["H-SEND-8"], "a Contact of a request leads back to the plugin", Running(contact)),
    Check::new(&["H-SEND-9"], "a request that would break apart ends the step", Running(broken)),
];

fn written(bench: &Bench) -> Verdict {
    let (name, uri) = (partition(), bench.driver());
    let (call, requests) = bench.call(Answer::Status(200));
    bench.prints(&script![enter name; send uri call "" "line=X-One: 1, 2" "line=X-Two: ä"], "")?;
    let message = bench.arrives(&requests)?;
    let all = |header: &str| message.all(header).map(str::to_owned).collect::<Vec<_>>();
    let as_written = message.method() == "MESSAGE"
        && message.uri() == uri
        && all("X-One") == ["1, 2"]
        && all("X-Two") == ["ä"]
        && all("To") == [format!("<{uri}>")]
        && all("CSeq") == ["1 MESSAGE"]
        && all("Contact").is_empty()
        && all("Content-Length") == [message.body.len().to_string()]
        && message.body == b"sent by the plugin\r\n"
        && all("Max-Forwards").len() == 1
        && all("Via").len() == 1
        && message.branch().starts_with("z9hG4bK");
    same(as_written, || format!("arrived:\n{message}"))
}

fn order(bench: &Bench) -> Verdict {
    let (name, uri) = (partition(), bench.driver());
    let (call, requests) = bench.call(Answer::Status(200));
    let mut script = script![enter name];
    for number in 0..20 {
        script = script.and(&script![send uri call "" (format!("line=X-Number: {number}"))]);
    }
    bench.prints(&script, "")?;
    for number in 0..20 {
        let message = bench.arrives(&requests)?;
        let found = message.header("X-Number").unwrap_or_default();
        same(found == number.to_string(), || format!("request {number} expected, {found} arrived"))?;
    }
    silent(&requests)
}

fn outcome(bench: &Bench) -> Verdict {
    let (name, uri) = (partition(), bench.driver());
    for status in [200, 404, 503, 603] {
        let (call, requests) = bench.call(Answer::Status(status));
        bench.prints(&script![enter name; delete "log"; send uri call (script![note "log"])], "")?;
        bench.arrives(&requests)?;
        bench.becomes(&script![enter name; get "log"], status)?;
        bench.stays(&script![enter name; get "log"], status)?;
    }
    Ok(())
}

fn unreachable(bench: &Bench) -> Verdict {
    let (name, call) = (partition(), crate::peer::unique("plugin-"));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let closed = closed.map_err(|error| error.to_string())?;
    let uri = format!("sip:nobody@{closed};transport=tcp");
    bench.prints(&script![enter name; send uri call (script![note "log"])], "")?;
    bench.becomes(&script![enter name; get "log"], "unreachable")
}

fn failed_outcome(bench: &Bench) -> Verdict {
    let (name, uri) = (partition(), bench.driver());
    let (call, requests) = bench.call(Answer::Status(200));
    let recovery = script![append "log" "recovered"];
    bench.prints(
        &script![enter name; put "recovery" recovery; send uri call (script![append "log" "no"; trap])],
        "",
    )?;
    bench.arrives(&requests)?;
    let end = std::time::Instant::now() + bench.limit;
    loop {
        let log = bench.line(&script![enter name; get "log"])?;
        if log.starts_with("recovered") {
            return same(!log.contains("no"), || format!("a failed step has written: {log}"));
        }
        same(std::time::Instant::now() < end, || format!("no on-recovery, but {log:?}"))?;
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn loose(bench: &Bench) -> Verdict {
    let (name, here) = (partition(), bench.peer.address());
    let (call, requests) = bench.call(Answer::Status(200));
    let uri = "sip:somebody@elsewhere.invalid;x=y";
    let route = format!("line=Route: <sip:{here};lr>, <sip:next.invalid;lr>");
    bench.prints(&script![enter name; send uri call "" route], "")?;
    let message = bench.arrives(&requests)?;
    let routes = message.values("Route");
    let expected = [format!("<sip:{here};lr>"), "<sip:next.invalid;lr>".to_owned()];
    same(message.uri() == uri && routes == expected, || format!("arrived:\n{message}"))
}

fn strict(bench: &Bench) -> Verdict {
    let (name, here) = (partition(), bench.peer.address());
    let (call, requests) = bench.call(Answer::Status(200));
    let uri = "sip:somebody@elsewhere.invalid;x=y";
    let route = format!("line=Route: <sip:{here}>, <sip:next.invalid;lr>");
    bench.prints(&script![enter name; send uri call "" route], "")?;
    let message = bench.arrives(&requests)?;
    let routes = message.values("Route");
    let expected = ["<sip:next.invalid;lr>".to_owned(), format!("<{uri}>")];
    let strict = message.uri() == format!("sip:{here}") && routes == expected;
    same(strict, || format!("RFC 3261 12.2.1.1, arrived:\n{message}"))
}

fn contact(bench: &Bench) -> Verdict {
    let (name, uri) = (partition(), bench.driver());
    let (call, requests) = bench.call(Answer::Status(200));
    bench.prints(&script![enter name; send uri call "" "contact=place"], "")?;
    let message = bench.arrives(&requests)?;
    leads_back(bench, message.header("Contact").unwrap_or_default(), "place")
}

/// A request to that Contact reaches the plugin.
pub fn leads_back(bench: &Bench, contact: &str, user: &str) -> Verdict {
    let uri = address(contact);
    let place = uri.strip_prefix(&format!("sip:{user}@")).and_then(|rest| rest.split(';').next());
    let place = place.ok_or_else(|| format!("not a Contact with the user {user:?}: {contact:?}"))?;
    let to: SocketAddr = place
        .parse()
        .or_else(|_| format!("{place}:5060").parse())
        .map_err(|_| format!("not an address: {place}"))?;
    let request: Message = bench.peer.request(uri, &script![uri].to_string());
    let answer = bench.peer.ask(&request, to, bench.limit)?;
    let body = String::from_utf8_lossy(&answer.body);
    same(body.trim_end() == uri, || format!("sent to {uri}, answered:\n{answer}"))
}

fn broken(bench: &Bench) -> Verdict {
    let (name, uri) = (partition(), bench.driver());
    let (call, requests) = bench.call(Answer::Status(200));
    bench.fails(&script![enter name; put "k" "v"; send uri call "" "raw=X-No: end"])?;
    bench.fails(&script![enter name; put "k" "v"; send uri call "" "raw=X-Two: messages\r\n\r\nMESSAGE"])?;
    bench.fails(&script![enter name; put "k" "v"; send (format!("{uri} SIP/2.0")) call ""])?;
    silent(&requests)?;
    bench.prints(&script![enter name; get "k"], "-")
}
