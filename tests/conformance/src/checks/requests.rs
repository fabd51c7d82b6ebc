//! What reaches the plugin, and what becomes of its verdict.

use super::{Check, When::Running};
use crate::bench::{Bench, Verdict, partition, same};
use crate::script;
use rollcall_tests::message::{address, tag};

pub const CHECKS: &[Check] = &[
    Check::new(
        &["H-REQ-1"],
        "a request arrives with its method, URI, headers and body",
        Running(arrives_whole),
    ),
    Check::new(&["H-REQ-1"], "header values come unfolded and without white space around", Running(unfolded)),
    Check::new(
        &["H-REQ-2"],
        "a retransmission is answered again and is no second step",
        Running(retransmitted),
    ),
    Check::new(&["H-REQ-3"], "what is no proper request makes no step", Running(malformed)),
    Check::new(&["H-REPLY-1"], "a reply leaves as the plugin wrote it", Running(reply)),
    Check::new(&["H-REPLY-1"], "the host copies Via, From, Call-ID and CSeq, and tags To", Running(copied)),
    Check::new(&["H-REPLY-2"], "a Contact of a reply leads back to the plugin", Running(contact)),
    Check::new(&["H-REPLY-3"], "a reply that would break apart fails the step", Running(broken_reply)),
    Check::new(&["H-PASS-1"], "a request that is passed is not answered by the plugin", Running(passed)),
    Check::new(&["H-PASS-2"], "a step that passes and stages something fails", Running(passed_with_effects)),
    Check::new(
        &["H-FWD-1"],
        "a forwarded request goes on in the other partition, with the payload",
        Running(forwarded),
    ),
    Check::new(
        &["H-FWD-2"],
        "a step that forwards and stages something fails",
        Running(forwarded_with_effects),
    ),
    Check::new(&["H-FWD-3"], "a request is forwarded 8 times and no more", Running(hops)),
];

fn arrives_whole(bench: &Bench) -> Verdict {
    let script = script![method; uri; values "Subject"; values "X-Twice"];
    let request = bench.peer.request(&bench.uri, &script.to_string());
    let request = request.and("Subject", "as it is: ä").and("X-Twice", "one, two").and("X-Twice", "three");
    let answer = bench.peer.ask(&request, bench.target, bench.limit)?;
    let expected = format!("MESSAGE\n{}\nas it is: ä\none, two\nthree\n", bench.uri);
    let body = String::from_utf8_lossy(&answer.body);
    same(body == expected, || format!("{expected:?} expected, answered:\n{answer}"))
}

fn unfolded(bench: &Bench) -> Verdict {
    let script = script![values "Subject"];
    let request = bench.peer.request(&bench.uri, &script.to_string());
    let request = request.and("Subject", "  folded\r\n \tvalue \t");
    let answer = bench.peer.ask(&request, bench.target, bench.limit)?;
    let body = String::from_utf8_lossy(&answer.body);
    let value = body.strip_suffix('\n').unwrap_or_default();
    let unfolded = value.split_whitespace().eq(["folded", "value"]) && !value.contains(['\r', '\n']);
    same(unfolded && value.trim() == value, || format!("\"folded value\" expected, answered:\n{answer}"))
}

fn retransmitted(bench: &Bench) -> Verdict {
    let name = partition();
    let request = bench.peer.request(&bench.uri, &script![enter name; add "n" 1].to_string());
    let limit = bench.limit;
    let first = bench.peer.ask(&request, bench.target, limit)?;
    let second = bench.peer.ask(&request, bench.target, limit)?;
    same(first == second, || format!("two answers to one request:\n{first}\nand\n{second}"))?;
    bench.stays(&script![enter name; get "n"], 1)
}

fn malformed(bench: &Bench) -> Verdict {
    let name = partition();
    let script = script![enter name; add "n" 1].to_string();
    for header in ["Call-ID", "CSeq", "From", "To"] {
        bench.peer.throw(&bench.peer.request(&bench.uri, &script).without(header), bench.target);
    }
    bench.peer.throw(&bench.peer.request(&bench.uri, &script).with("CSeq", "1 INFO"), bench.target);
    bench.peer.throw(&bench.peer.request(&bench.uri, &script).with("Content-Length", "9999"), bench.target);
    bench.stays(&script![enter name; get "n"], "-")
}

fn reply(bench: &Bench) -> Verdict {
    let script = script![reply 299 "As written"; header "X-One: 1, 2"; header "X-Two: ä"; tag "mine"; told];
    let answer = bench.ask(&script)?;
    let to = answer.header("To").and_then(tag);
    let as_written = answer.status() == 299
        && answer.to_string().starts_with("SIP/2.0 299 As written\r\n")
        && answer.header("X-One") == Some("1, 2")
        && answer.header("X-Two") == Some("ä")
        && to.as_deref() == Some("mine")
        && answer.header("Content-Length") == Some("1")
        && answer.body == b"\n";
    same(as_written, || format!("answered for\n{script}:\n{answer}"))
}

fn copied(bench: &Bench) -> Verdict {
    let request = bench.peer.request(&bench.uri, "");
    let answer = bench.peer.ask(&request, bench.target, bench.limit)?;
    let equal = |name| answer.header(name) == request.header(name);
    let via = |message: &rollcall_tests::message::Message| message.branch();
    let copied = equal("From") && equal("Call-ID") && equal("CSeq") && via(&answer) == via(&request);
    let to = answer.header("To").unwrap_or_default();
    let tagged = tag(to).is_some_and(|tag| !tag.is_empty()) && address(to) == bench.uri;
    same(copied && tagged, || format!("sent:\n{request}\nanswered:\n{answer}"))
}

fn contact(bench: &Bench) -> Verdict {
    let answer = bench.ask(&script![contact "place"])?;
    super::sends::leads_back(bench, answer.header("Contact").unwrap_or_default(), "place")
}

fn broken_reply(bench: &Bench) -> Verdict {
    bench.fails(&script![raw "X-No: end"])?;
    bench.fails(&script![raw "X-Two: messages\r\n\r\nSIP/2.0 200 OK\r\n"])?;
    bench.fails(&script![reply 1200 "No status"])?;
    bench.fails(&script![reply 100 "Provisional"])
}

fn passed(bench: &Bench) -> Verdict {
    let answer = bench.ask(&script![header "X-Plugin: here"; pass])?;
    let not_the_plugins = answer.header("X-Plugin").is_none() && answer.status() != 200;
    same(not_the_plugins, || format!("an answer of the host's own expected:\n{answer}"))
}

fn passed_with_effects(bench: &Bench) -> Verdict {
    let name = partition();
    bench.fails(&script![enter name; put "k" "v"; pass])?;
    bench.prints(&script![enter name; get "k"], "-")
}

fn forwarded(bench: &Bench) -> Verdict {
    let (one, other) = (partition(), partition());
    bench.prints(&script![enter other; put "k" "there"], "")?;
    // The step there has its partition from the start.
    let there = script![told; get "k"; method; uri];
    bench.prints(
        &script![enter one; get "k"; forward other there],
        format!("{other} there MESSAGE {}", bench.uri),
    )
}

fn forwarded_with_effects(bench: &Bench) -> Verdict {
    let (one, other) = (partition(), partition());
    bench.fails(&script![enter one; put "k" "v"; forward other ""])?;
    bench.prints(&script![enter one; get "k"], "-")
}

fn hops(bench: &Bench) -> Verdict {
    let name = partition();
    bench.prints(&script![hops 8 name], "arrived")?;
    bench.fails(&script![hops 9 name])
}
