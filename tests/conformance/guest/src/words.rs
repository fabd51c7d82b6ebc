//! The well-behaved words.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::bindings::exports::rollcall::plugin::handler::Forward;
use crate::bindings::rollcall::plugin::sip::{self, Delivery, Outgoing};
use crate::bindings::rollcall::plugin::storage::{self, Durability};
use crate::bindings::rollcall::plugin::{clock, log, posts, random, tables, timers};
use crate::script::Run;

/// Linear memory, which is a cache at most: whether a step of this instance has failed, and how often it was
/// configured.
static TAINTED: AtomicBool = AtomicBool::new(false);
static CONFIGURED: AtomicU32 = AtomicU32::new(0);

/// Marks this instance.
pub fn taint() {
    TAINTED.store(true, Ordering::Relaxed);
}

/// Counts a call of `configure`.
pub fn configured() {
    CONFIGURED.fetch_add(1, Ordering::Relaxed);
}

/// A number in decimal digits.
pub fn number(text: &str) -> usize {
    text.parse().unwrap()
}

/// Runs one statement.
pub fn word(run: &mut Run, word: &str, arguments: &[&str]) {
    use Durability::{Durable, Relaxed};
    match (word, arguments) {
        ("enter", [partition]) => storage::enter(partition),
        ("put", [key, value]) => storage::put(key.as_bytes(), value.as_bytes(), Durable, None),
        ("relax", [key, value]) => storage::put(key.as_bytes(), value.as_bytes(), Relaxed, None),
        // lease KEY MILLISECONDS VALUE: expires then.
        ("lease", [key, milliseconds, value]) => {
            let expires = Some(clock::now() + number(milliseconds) as u64);
            storage::put(key.as_bytes(), value.as_bytes(), Durable, expires);
        }
        ("delete", [key]) => storage::delete(key.as_bytes(), Durable),
        // get KEY: the value or "-".
        ("get", [key]) => run.print(&text(storage::get(key.as_bytes()))),
        // size KEY: the value's length.
        ("size", [key]) => run.print(&storage::get(key.as_bytes()).unwrap_or_default().len().to_string()),
        // scan PREFIX LIMIT [AFTER]: keys and values.
        ("scan", [prefix, limit, after @ ..]) => {
            let after = after.first().map(|after| after.as_bytes());
            for entry in storage::scan(prefix.as_bytes(), after, number(limit) as u32) {
                let (key, value) = (String::from_utf8(entry.key).unwrap(), text(Some(entry.value)));
                run.print(&format!("{key}={value}"));
            }
        }
        // walk PREFIX LIMIT: page by page to the empty one; how many records, and whether in order.
        ("walk", [prefix, limit]) => run.print(&walk(prefix.as_bytes(), number(limit) as u32)),
        // add KEY NUMBER: to the number under the key; the sum.
        ("add", [key, more]) => {
            let sum = storage::get(key.as_bytes()).map_or(0, |old| number(&text(Some(old)))) + number(more);
            storage::put(key.as_bytes(), sum.to_string().as_bytes(), Durable, None);
            run.print(&sum.to_string());
        }
        // append KEY TEXT: to the value, with a comma.
        ("append", [key, more]) => append(key, more),
        // note KEY: appends what this step was told.
        ("note", [key]) => append(key, &run.told),
        // need KEY: fails unless it is there.
        ("need", [key]) => assert!(storage::get(key.as_bytes()).is_some(), "not there"),
        // timer NAME MILLISECONDS SCRIPT: due that long from now, or before now with a minus.
        ("timer", [name, milliseconds, script]) => {
            let due = clock::now().saturating_add_signed(milliseconds.parse().unwrap());
            timers::set(name.as_bytes(), due, script.as_bytes());
        }
        ("cancel", [name]) => timers::cancel(name.as_bytes()),
        // send URI CALL-ID SCRIPT [kept] [contact=USER] [line=HEADER]: the script runs with the outcome.
        ("send", [uri, call, script, options @ ..]) => send(uri, call, script, options),
        ("post", [partition, script]) => posts::post(partition, script.as_bytes()),
        ("reply", [status, reason]) => {
            run.status = Some(number(status) as u16);
            run.reason = Some((*reason).into());
        }
        ("header", [line]) => run.headers.push_str(&format!("{line}\r\n")),
        // raw BYTES: into the headers of the answer, as they are.
        ("raw", [bytes]) => run.headers.push_str(bytes),
        ("tag", [tag]) => run.to_tag = Some((*tag).into()),
        ("contact", [user]) => run.contact = Some((*user).into()),
        ("pass", []) => run.pass = true,
        ("forward", [partition, script]) => {
            run.forward =
                Some(Forward { partition: (*partition).into(), payload: script.as_bytes().to_vec() });
        }
        // hops COUNT PARTITION: forwards so often, to the partition with the number behind.
        ("hops", ["0", _]) => run.print("arrived"),
        ("hops", [count, partition]) => {
            let left = number(count) - 1;
            let payload = format!("hops {left} {partition}").into_bytes();
            run.forward = Some(Forward { partition: format!("{partition}{left}"), payload });
        }
        ("now", []) => run.print(&clock::now().to_string()),
        ("random", [length]) => {
            let bytes = random::bytes(number(length) as u32);
            run.print(&bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        }
        ("epoch", []) => run.print(&storage::epoch().to_string()),
        ("tainted", []) => run.print(if TAINTED.load(Ordering::Relaxed) { "tainted" } else { "clean" }),
        ("configured", []) => run.print(&CONFIGURED.load(Ordering::Relaxed).to_string()),
        ("lookup", [table, key]) => run.print(&text(tables::lookup(table, key.as_bytes()))),
        // version TABLE: "none" or "some".
        ("version", [table]) => run.print(if tables::version(table) == 0 { "none" } else { "some" }),
        // entries TABLE LIMIT: all of them, page by page, sorted.
        ("entries", [table, limit]) => entries(run, table, number(limit) as u32),
        ("log", [line]) => log::write(log::Level::Info, line, &[("by".into(), "conformance".into())]),
        ("told", []) => run.print(&run.told.clone()),
        ("method", []) => run.print(&run.text(|request| request.method)),
        ("uri", []) => run.print(&run.text(|request| request.uri)),
        // values NAME: of each header of that name, in order.
        ("values", [name]) => values(run, name),
        ("peer", []) => {
            let peer = run.request.as_ref().map(|request| request.peer.clone()).unwrap();
            run.print(&format!("{:?} {} {}", peer.transport, peer.address, peer.trusted));
        }
        other => panic!("no such statement: {other:?}"),
    }
}

fn text(value: Option<Vec<u8>>) -> String {
    value.map_or("-".into(), |value| String::from_utf8(value).unwrap())
}

fn append(key: &str, more: &str) {
    let mut value = storage::get(key.as_bytes()).unwrap_or_default();
    if !value.is_empty() {
        value.push(b',');
    }
    value.extend_from_slice(more.as_bytes());
    storage::put(key.as_bytes(), &value, Durability::Durable, None);
}

fn walk(prefix: &[u8], limit: u32) -> String {
    let (mut keys, mut after): (Vec<Vec<u8>>, Option<Vec<u8>>) = (Vec::new(), None);
    loop {
        let page = storage::scan(prefix, after.as_deref(), limit);
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        keys.extend(page.into_iter().map(|entry| entry.key));
    }
    let ordered = keys.is_sorted_by(|one, next| one < next);
    format!("{} {}", keys.len(), if ordered { "in order" } else { "out of order" })
}

fn entries(run: &mut Run, table: &str, limit: u32) {
    let (mut all, mut at) = (Vec::new(), Some(0));
    while let Some(start) = at {
        let page = tables::entries(table, start, limit);
        at = page.next;
        all.extend(page.entries.into_iter().map(|entry| (text(Some(entry.key)), text(Some(entry.value)))));
    }
    all.sort();
    all.iter().for_each(|(key, value)| run.print(&format!("{key}={value}")));
}

fn values(run: &mut Run, name: &str) {
    let Some(request) = &run.request else { return };
    let of = |start: u32, end: u32| String::from_utf8_lossy(&request.message[start as usize..end as usize]);
    let named = |header: &&_| {
        let header: &crate::bindings::rollcall::plugin::types::Header = header;
        of(header.name.start, header.name.end).eq_ignore_ascii_case(name)
    };
    let found = request.headers.iter().filter(named);
    let found: Vec<String> =
        found.map(|header| of(header.value.start, header.value.end).into_owned()).collect();
    found.iter().for_each(|value| run.print(value));
}

fn send(uri: &str, call: &str, script: &str, options: &[&str]) {
    let mut headers = format!(
        "From: <sip:conformance@example.com>;tag=c\r\nTo: <{uri}>\r\nCall-ID: {call}\r\nCSeq: 1 MESSAGE\r\n\
         Content-Type: text/plain\r\n"
    );
    let (mut delivery, mut contact) = (Delivery::Volatile, None);
    for option in options {
        match option.split_once('=') {
            None if *option == "kept" => delivery = Delivery::Kept,
            Some(("contact", user)) => contact = Some(user.to_owned()),
            Some(("line", line)) => headers.push_str(&format!("{line}\r\n")),
            Some(("raw", bytes)) => headers.push_str(bytes),
            _ => panic!("no such option: {option}"),
        }
    }
    let method = "MESSAGE".to_owned();
    let body = b"sent by the plugin\r\n".to_vec();
    let request = Outgoing { method, uri: uri.into(), headers: headers.into_bytes(), body, contact };
    sip::send(&request, script.as_bytes(), delivery);
}
