//! Questions of an operator: who is behind an address, who is online, who watches whom.
//! Answers are JSON objects. A question writes nothing.

use crate::configuration::Configuration;
use crate::ports::Host;

/// The questions, by name.
pub const QUESTIONS: &[&str] = &[];

/// Answers a question.
///
/// # Errors
/// What is wrong with the question or its argument.
pub fn answer(
    _host: &mut dyn Host,
    _configuration: &Configuration,
    question: &str,
    _argument: &str,
) -> Result<String, String> {
    Err(format!("no question is called {question:?}; there are: {}", QUESTIONS.join(", ")))
}
