//! The question `summary`: who is online and how many watch, in a few words, for lists of very
//! many presentities. The argument is the name of a partition, which is a fundamental identity; the answer
//!
//! ```json
//! {"presentity": "sip:alice@example.com", "basic": "open", "version": 1700000000002, "publications": 1,
//!  "watchers": 3, "winfo_watchers": 0, "complete": true}
//! ```
//!
//! `basic` is null if nothing says `open` or `closed`. No more than 1000 of a kind are counted;
//! `complete` is false if there are more. A partition with nothing but zeros holds no presence: it
//! remembers where subscriptions went, for example.

use serde::Serialize;

use super::document;
use super::listing::walk;
use crate::configuration::Configuration;
use crate::identity::MAX_IDENTITY;
use crate::keys;
use crate::ports::Host;
use crate::step::Step;

/// Records of a kind counted.
const COUNTED: usize = 1_000;

#[derive(Serialize)]
struct Answer<'a> {
    presentity: &'a str,
    basic: Option<&'static str>,
    version: u64,
    publications: usize,
    watchers: usize,
    winfo_watchers: usize,
    complete: bool,
}

/// Answers the question.
///
/// # Errors
/// The argument cannot be the name of a partition.
pub fn answer(host: &mut dyn Host, configuration: &Configuration, partition: &str) -> Result<String, String> {
    if partition.is_empty() || partition.len() > MAX_IDENTITY {
        return Err(format!("expected the name of a partition, of 1 to {MAX_IDENTITY} bytes"));
    }
    let mut step = Step::enter(host, configuration, partition);
    let document = document::summary(&mut step);
    let mut complete = true;
    let mut count = |kind| {
        let mut total = 0;
        complete &= walk(&mut step, kind, COUNTED, |_, _| total += 1);
        total
    };
    let publications = count(keys::PUBLICATION);
    let watchers = count(keys::SUBSCRIPTION);
    let winfo_watchers = count(keys::WINFO_SUBSCRIPTION);
    let answer = Answer {
        presentity: partition,
        basic: document.basic,
        version: document.version,
        publications,
        watchers,
        winfo_watchers,
        complete,
    };
    serde_json::to_string(&answer).map_err(|error| error.to_string())
}
