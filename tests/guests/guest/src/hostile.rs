//! The hostile words: each does what no plugin should.

use std::hint::black_box;

use crate::bindings::rollcall::plugin::sip::{self, Delivery, Outgoing};
use crate::bindings::rollcall::plugin::storage::{self, Durability};
use crate::bindings::rollcall::plugin::{log, posts, random};
use crate::script::Run;

const MILLION: u32 = 1_000_000;

/// Fails as a bug does.
#[inline(never)]
pub fn traps(_run: &mut Run) {
    panic!("told to");
}

/// Never ends.
pub fn spins(_run: &mut Run) {
    loop {
        black_box(0);
    }
}

/// Calls itself for ever.
pub fn recurses(run: &mut Run) {
    fn deeper(depth: u64) -> u64 {
        let room = black_box([depth; 64]);
        if black_box(depth) == u64::MAX {
            return 0;
        }
        deeper(depth + 1) + black_box(room)[7]
    }
    run.print(&deeper(black_box(0)).to_string());
}

/// Takes all memory there is.
pub fn grows(_run: &mut Run) {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Calls the host for ever.
pub fn calls_without_end(_run: &mut Run) {
    loop {
        black_box(storage::epoch());
    }
}

/// A million requests.
pub fn sends_a_million(_run: &mut Run) {
    for _ in 0..MILLION {
        sip::send(&request(), b"", Delivery::Volatile);
    }
}

/// A million records.
pub fn writes_a_million(_run: &mut Run) {
    for number in 0..MILLION {
        storage::put(&number.to_be_bytes(), b"", Durability::Relaxed, None);
    }
}

/// A million posts.
pub fn posts_a_million(_run: &mut Run) {
    for _ in 0..MILLION {
        posts::post("victim", b"");
    }
}

/// More bytes than a step may stage, in values of which each is allowed.
pub fn stages_many_bytes(_run: &mut Run) {
    let value = vec![0; 1 << 19];
    for number in 0..1000_u32 {
        storage::put(&number.to_be_bytes(), &value, Durability::Durable, None);
    }
}

/// A thousand long log lines: dropped, and no failure.
pub fn floods_the_log(_run: &mut Run) {
    let line = "flood ".repeat(2000);
    for _ in 0..1000 {
        log::write(log::Level::Info, &line, &[("field".into(), line.clone())]);
    }
}

/// A key of a megabyte.
#[inline(never)]
pub fn uses_a_giant_key(_run: &mut Run) {
    storage::put(&vec![1; 1 << 20], b"", Durability::Durable, None);
}

/// A value beyond a megabyte.
pub fn uses_a_giant_value(_run: &mut Run) {
    storage::put(b"k", &vec![1; (1 << 20) + 1], Durability::Durable, None);
}

/// A post that fits as a value, but not together with what the outbox adds to it.
pub fn posts_a_giant(_run: &mut Run) {
    storage::put(b"k", b"v", Durability::Durable, None);
    posts::post("victim", &vec![1; (1 << 20) - 6]);
}

/// A kept request of a megabyte in a place where nobody looks.
pub fn keeps_a_giant(_run: &mut Run) {
    let request = Outgoing { contact: Some("c".repeat(1 << 20)), ..request() };
    sip::send(&request, b"", Delivery::Kept);
}

/// All records of the partition, again and again, held in memory.
pub fn scans_more_than_fits(run: &mut Run) {
    let mut hoard = Vec::new();
    for _ in 0..10_000 {
        hoard.push(storage::scan(b"", None, u32::MAX));
    }
    run.print(&hoard.len().to_string());
}

/// Two partitions in one step.
pub fn enters_a_second_partition(_run: &mut Run) {
    storage::put(b"k", b"v", Durability::Durable, None);
    storage::enter("another");
}

/// Storage without a partition.
pub fn enters_no_partition(run: &mut Run) {
    run.print(&format!("{:?}", storage::get(b"k")));
}

/// A partition without a name.
pub fn enters_a_bad_partition(_run: &mut Run) {
    storage::enter("");
}

/// Header lines that do not end.
pub fn sends_bare_headers(_run: &mut Run) {
    let request = Outgoing { headers: b"Subject: no end".to_vec(), ..request() };
    sip::send(&request, b"", Delivery::Volatile);
}

/// Header lines with an end of the header within, and what looks like another message after it.
pub fn sends_two_messages(_run: &mut Run) {
    let headers = b"Subject: one\r\n\r\nMESSAGE sip:b@example.com SIP/2.0\r\n".to_vec();
    sip::send(&Outgoing { headers, ..request() }, b"", Delivery::Volatile);
}

/// An answer with an end of the header within.
pub fn answers_two_messages(run: &mut Run) {
    run.headers = b"Subject: one\r\n\r\nSIP/2.0 200 OK\r\n".to_vec();
}

/// An answer that is none.
pub fn answers_a_bad_status(run: &mut Run) {
    run.status = Some(1200);
}

/// A log line that is no UTF-8.
pub fn logs_bad_text(_run: &mut Run) {
    log::write(log::Level::Info, &bad_text(), &[]);
}

/// A partition whose name is no UTF-8.
pub fn enters_bad_text(_run: &mut Run) {
    storage::enter(&bad_text());
}

/// An answer whose reason is no UTF-8.
pub fn answers_bad_text(run: &mut Run) {
    run.reason = Some(bad_text());
}

/// A megabyte of randomness.
pub fn asks_for_much_randomness(run: &mut Run) {
    run.print(&random::bytes(1 << 20).len().to_string());
}

/// Does not take the request and writes all the same.
pub fn passes_with_effects(run: &mut Run) {
    storage::put(b"k", b"v", Durability::Durable, None);
    run.pass = true;
}

/// Hands the request on and writes all the same.
pub fn forwards_with_effects(run: &mut Run) {
    storage::put(b"k", b"v", Durability::Durable, None);
    run.forward = Some(("victim".into(), b"put k v".to_vec()));
}

/// Hands the request on to a partition without a name.
pub fn forwards_nowhere(run: &mut Run) {
    run.forward = Some((String::new(), Vec::new()));
}

/// Hands the request on to a partition whose name is one byte too long.
pub fn forwards_to_a_long_name(run: &mut Run) {
    run.forward = Some(("n".repeat(513), Vec::new()));
}

/// Hands the request on with more than a value may have.
pub fn forwards_a_giant(run: &mut Run) {
    run.forward = Some(("victim".into(), vec![b' '; (1 << 20) + 1]));
}

/// What a component in another language might take for text.
#[allow(unsafe_code, reason = "no safe way leads here, and nothing looks into it before the host does")]
fn bad_text() -> String {
    unsafe { String::from_utf8_unchecked(black_box(vec![b'a', 0xc3, 0x28, 0xff])) }
}

fn request() -> Outgoing {
    Outgoing {
        method: "TEST".into(),
        uri: "sip:peer@example.com".into(),
        headers: b"Subject: test\r\n".to_vec(),
        body: Vec::new(),
        contact: None,
    }
}
