//! Identity rules for tests: the first argument of a call says what to do (see the package
//! `rollcall-test-guests`).
// Native builds, which only check, export nothing.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, unused_imports))]
#![allow(clippy::panic)]

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use bindings::exports::rollcall::plugin::identity::{Failure, Guest};

/// Generated code: it crosses the boundary with raw pointers, which safe Rust cannot.
#[allow(unsafe_code, missing_docs, clippy::all, clippy::panic, clippy::unwrap_used, clippy::expect_used)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "identity-rules" });
    #[cfg(target_arch = "wasm32")]
    use super::Component;
    #[cfg(target_arch = "wasm32")]
    export!(Component);
}

/// Tells the editions apart; another is made by replacing it in the built component.
static EDITION: &str = "rules-edition:one";

/// Calls of this instance: linear memory that nothing may depend on.
static CALLS: AtomicU32 = AtomicU32::new(0);

struct Component;

impl Guest for Component {
    fn normalize(uri: String, normalized: String) -> Result<String, Failure> {
        obey(word(&uri), &normalized)
    }

    fn fundamental(identity: String, mapped: String) -> Result<String, Failure> {
        let word = word(&identity);
        obey(word.strip_prefix("maps_").unwrap_or(word), &mapped)
    }
}

/// What to do: the user of a SIP URI, or the whole text. With `maps_` before it only `fundamental` does it.
fn word(text: &str) -> &str {
    let user = text.strip_prefix("sip:").and_then(|rest| rest.split_once('@'));
    user.map_or(text, |(user, _)| user)
}

fn obey(word: &str, given: &str) -> Result<String, Failure> {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    match word {
        // Well-behaved: what the plugin says, and which edition this is.
        "edition" => {
            let edition = black_box(EDITION);
            Ok(format!("{given} by {}", edition.split_once(':').map_or(edition, |(_, edition)| edition)))
        }
        // Calls of this instance so far.
        "calls" => Ok(calls.to_string()),
        "refuses" => Err(Failure::Refused(format!("not {given}"))),
        "gives_up" => Err(Failure::Broken("by itself".into())),
        // Hostile.
        "traps" => panic!("told to"),
        "spins" => loop {
            black_box(0);
        },
        "recurses" => Ok(ackermann(black_box(4), black_box(20)).to_string()),
        "grows" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(vec![1_u8; 1 << 16]));
            }
        }
        "gives_a_giant" => Ok("g".repeat(1 << 20)),
        "refuses_with_a_giant" => Err(Failure::Refused("ñ".repeat(1 << 20))),
        "breaks_with_a_giant" => Err(Failure::Broken("ñ".repeat(1 << 20))),
        _ => Ok(given.to_owned()),
    }
}

/// Deeper than any stack, and no compiler makes a loop of it.
fn ackermann(m: u64, n: u64) -> u64 {
    match (m, n) {
        (0, n) => n + 1,
        (m, 0) => ackermann(m - 1, 1),
        (m, n) => ackermann(m - 1, ackermann(m, n - 1)),
    }
}
