//! The question `identity`: who is behind an address. The argument is a URI; the answer
//!
//! ```json
//! {"uri": "sip:al@example.com:5060", "normalized": "sip:al@example.com", "fundamental": "sip:alice@example.com",
//!  "white": null, "black": "domain"}
//! ```
//!
//! `white` and `black` are null for who is not listed, else what the entry is that lists them:
//! `identity` or `domain`. Without a map the fundamental identity is the normalized one.

use serde::Serialize;

use crate::configuration::Configuration;
use crate::identity;
use crate::lists::{Entered, List};
use crate::ports::Host;

#[derive(Serialize)]
struct Answer<'a> {
    uri: &'a str,
    normalized: &'a str,
    fundamental: &'a str,
    white: Option<&'static str>,
    black: Option<&'static str>,
}

/// Answers the question.
///
/// # Errors
/// The argument is no URI, or names nobody.
pub fn answer(host: &mut dyn Host, configuration: &Configuration, uri: &str) -> Result<String, String> {
    let normalized = identity::read(host, configuration, uri).map_err(|why| why.to_string())?;
    let fundamental = identity::fundamental(host, configuration, &normalized);
    let known = if configuration.lists.map { fundamental.as_str() } else { normalized.as_str() };
    let mut listed = |list: List| {
        list.find(host, configuration, known).map(|entered| match entered {
            Entered::Identity => "identity",
            Entered::Domain => "domain",
        })
    };
    let (white, black) = (listed(List::White), listed(List::Black));
    let normalized = normalized.as_str();
    let answer = Answer { uri, normalized, fundamental: &fundamental, white, black };
    serde_json::to_string(&answer).map_err(|error| error.to_string())
}
