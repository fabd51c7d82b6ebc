//! The well-behaved words.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::bindings::rollcall::plugin::identity::{self, Failure};
use crate::bindings::rollcall::plugin::sip::{self, Delivery, Outgoing};
use crate::bindings::rollcall::plugin::storage::{self, Durability};
use crate::bindings::rollcall::plugin::{clock, posts, random, tables, timers};
use crate::script::Run;

/// Steps of this instance: linear memory that nothing may depend on.
static STEPS: AtomicU32 = AtomicU32::new(0);

/// Runs one statement.
pub fn word(run: &mut Run, word: &str, rest: &str) {
    let (first, after_first) = rest.split_once(' ').unwrap_or((rest, ""));
    let (second, after_second) = after_first.split_once(' ').unwrap_or((after_first, ""));
    let key = first.as_bytes();
    match word {
        // The partition of the step.
        "enter" => storage::enter(rest),
        // put KEY VALUE: durable; relax KEY VALUE: relaxed. The value may be a script.
        "put" => storage::put(key, &run.inner(after_first), Durability::Durable, None),
        "relax" => storage::put(key, &run.inner(after_first), Durability::Relaxed, None),
        // expire KEY MILLISECONDS VALUE: durable, good for that long.
        "expire" => {
            let expires = Some(clock::now() + number(second));
            storage::put(key, after_second.as_bytes(), Durability::Durable, expires);
        }
        "delete" => storage::delete(key, Durability::Durable),
        "relaxed_delete" => storage::delete(key, Durability::Relaxed),
        // get KEY: prints the value or "-".
        "get" => run.print(&text(storage::get(key))),
        // scan LIMIT PREFIX AFTER: prints the keys.
        "scan" => {
            let after = (!after_second.is_empty()).then_some(after_second.as_bytes());
            for entry in storage::scan(second.as_bytes(), after, number(first) as u32) {
                run.print(&String::from_utf8(entry.key).unwrap());
            }
        }
        // add KEY NUMBER: adds to the number under the key and prints the sum; durable.
        "add" => add(run, key, number(second), Durability::Durable),
        "relaxed_add" => add(run, key, number(second), Durability::Relaxed),
        // note KEY TEXT: appends the text to the value; durable.
        "note" => note(key, after_first, Durability::Durable),
        "relaxed_note" => note(key, after_first, Durability::Relaxed),
        // outcome KEY: notes the outcome of a request, or when a timer was due.
        "outcome" => note(key, &run.outcome, Durability::Durable),
        // timer NAME MILLISECONDS SCRIPT: due that long from now.
        "timer" => timers::set(key, clock::now() + number(second), &run.inner(after_second)),
        "cancel" => timers::cancel(key),
        // send METHOD SCRIPT: volatile; keep METHOD SCRIPT: kept. The script runs with the outcome.
        "send" => send(first, &run.inner(after_first), Delivery::Volatile),
        "keep" => send(first, &run.inner(after_first), Delivery::Kept),
        // post PARTITION SCRIPT
        "post" => posts::post(first, &run.inner(after_first)),
        // lookup TABLE KEY: prints the value or "-".
        "lookup" => run.print(&text(tables::lookup(first, second.as_bytes()))),
        "now" => run.print(&clock::now().to_string()),
        "random" => {
            let bytes = random::bytes(number(first) as u32);
            run.print(&bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        }
        "epoch" => run.print(&storage::epoch().to_string()),
        // Counts the steps of this instance, in linear memory.
        "memory" => run.print(&(STEPS.fetch_add(1, Ordering::Relaxed) + 1).to_string()),
        // need KEY: traps unless the record is there.
        "need" => assert!(storage::get(key).is_some(), "not there"),
        // fill COUNT: that many records of half a megabyte.
        "fill" => {
            for count in 0..number(first) {
                let value = vec![b'f'; 1 << 19];
                storage::put(format!("fill{count}").as_bytes(), &value, Durability::Relaxed, None);
            }
        }
        "pass" => run.pass = true,
        // forward PARTITION SCRIPT: the script runs there with the same request.
        "forward" => run.forward = Some((first.into(), run.inner(after_first))),
        // hops NUMBER: forwards that many times, to the partitions "hop<NUMBER>", and says where it ended.
        "hops" => match number(first) {
            0 => run.print(&format!("{} in {}", run.method, run.outcome)),
            left => run.forward = Some((format!("hop{left}"), format!("hops {}", left - 1).into_bytes())),
        },
        // dawdles ROUNDS NUMBER: counts to that, then forwards, that many times.
        "dawdles" => {
            for round in 0..number(first) {
                std::hint::black_box(round);
            }
            match number(second) {
                0 => run.print("arrived"),
                left => run.forward = Some(("p".into(), format!("dawdles {first} {}", left - 1).into())),
            }
        }
        // The question of an operator, or the partition of a forwarded request.
        "told" => run.print(&run.outcome.clone()),
        // normalize URI NORMALIZED and fundamental IDENTITY MAPPED: what the site's own rules make of it.
        "normalize" => run.print(&said(identity::normalize(first, second))),
        "fundamental" => run.print(&said(identity::fundamental(first, second))),
        "reply" => run.status = Some(number(first) as u16),
        // Does not take the document.
        "refuse" => run.refusal = Some(rest.into()),
        other => panic!("no such word: {other:?}"),
    }
}

fn text(value: Option<Vec<u8>>) -> String {
    value.map_or("-".into(), |value| String::from_utf8(value).unwrap())
}

/// What the site's own rules make of an identity, outside of steps.
pub fn settled(identity: &str) -> String {
    said(identity::fundamental(identity, "mapped"))
}

/// A result of the site's own rules, as one line.
fn said(result: Result<String, Failure>) -> String {
    match result {
        Ok(result) => result,
        Err(Failure::Refused(why)) => format!("refused: {why}"),
        Err(Failure::Broken(why)) => format!("broken: {why}"),
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

fn add(run: &mut Run, key: &[u8], more: u64, durability: Durability) {
    let old = storage::get(key).map_or(0, |value| number(&String::from_utf8(value).unwrap()));
    let sum = (old + more).to_string();
    storage::put(key, sum.as_bytes(), durability, None);
    run.print(&sum);
}

fn note(key: &[u8], text: &str, durability: Durability) {
    let mut value = storage::get(key).unwrap_or_default();
    if !value.is_empty() {
        value.push(b',');
    }
    value.extend_from_slice(text.as_bytes());
    storage::put(key, &value, durability, None);
}

fn send(method: &str, script: &[u8], delivery: Delivery) {
    let request = Outgoing {
        method: method.into(),
        uri: "sip:peer@example.com".into(),
        headers: b"Subject: test\r\n".to_vec(),
        body: Vec::new(),
        contact: None,
    };
    sip::send(&request, script, delivery);
}
