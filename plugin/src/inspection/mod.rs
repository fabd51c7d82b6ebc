//! Questions of an operator: who is behind an address, who is online, who watches whom.
//! Answers are JSON objects. A question writes nothing.

mod document;
mod identity;
mod listing;
mod outside;
mod presentity;
mod source;
mod summary;

use crate::configuration::Configuration;
use crate::ports::Host;

/// The questions, by name.
pub const QUESTIONS: &[&str] = &["identity", "presentity", "source", "summary"];

/// Answers a question.
///
/// # Errors
/// What is wrong with the question or its argument.
pub fn answer(
    host: &mut dyn Host,
    configuration: &Configuration,
    question: &str,
    argument: &str,
) -> Result<String, String> {
    match question {
        "identity" => identity::answer(host, configuration, argument),
        "presentity" => presentity::answer(host, configuration, argument),
        "source" => source::answer(host, configuration, argument),
        "summary" => summary::answer(host, configuration, argument),
        _ => Err(format!("no question is called {question:?}; there are: {}", QUESTIONS.join(", "))),
    }
}
