//! What operators ask: questions to the component, and which partitions there are.
//!
//! Invariant: a question changes nothing, neither records nor what is kept in memory.

use crate::runner::Shared;
use crate::step::input::Input;
use parking_lot::Mutex;
use rollcall_storage::PartitionKey;
use std::sync::{Arc, mpsc};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The component does not know the question.
    #[error("no question is called {question:?}; the component knows: {}", .known.join(", "))]
    Unknown {
        /// The question.
        question: String,
        /// The questions that it knows.
        known: Vec<String>,
    },
    /// Something is wrong with the argument; what, in words for an operator.
    #[error("{0}")]
    Refused(String),
    /// The step failed; the log says why.
    #[error("the component failed to answer; the log says why")]
    Failed,
    /// The engine stops, or its store has failed.
    #[error("the engine has stopped or its store has failed")]
    Unavailable,
    /// The store failed.
    #[error("the store: {0}")]
    Store(#[from] rollcall_storage::Error),
}

/// Takes the answer to a question.
pub(crate) type InspectDone = Box<dyn FnOnce(Result<String, InspectError>) + Send>;

/// Tells the answer, if nobody has.
pub(crate) fn tell(done: &Mutex<Option<InspectDone>>, answer: Result<String, InspectError>) {
    if let Some(done) = done.lock().take() {
        done(answer);
    }
}

impl Shared {
    /// Asks the component and waits for its answer.
    pub fn inspect(self: &Arc<Self>, question: &str, argument: &str) -> Result<String, InspectError> {
        if self.committer.failed() {
            return Err(InspectError::Unavailable);
        }
        let known = self.current.load().description.questions.clone();
        if !known.iter().any(|known| known == question) {
            return Err(InspectError::Unknown { question: question.to_owned(), known });
        }
        let (sender, answer) = mpsc::sync_channel(1);
        let done: InspectDone = Box::new(move |answer| {
            // Whoever asked waits below.
            let _ = sender.send(answer);
        });
        let (question, argument) = (question.to_owned(), argument.to_owned());
        self.take(Arc::new(Input::Inspect { question, argument, done: Mutex::new(Some(done)) }));
        answer.recv().unwrap_or(Err(InspectError::Unavailable))
    }

    /// A page of partitions, those included that the database did not have yet.
    pub fn partitions(
        self: &Arc<Self>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, InspectError> {
        let after = after.map(PartitionKey::new).transpose();
        let after = after.map_err(|error| InspectError::Refused(format!("after: {error}")))?;
        // After the stop nothing may be written, and everything is there.
        let closed = self.closed.read_recursive();
        if !*closed {
            self.flusher.flush(self);
        }
        let page = self.storage.partitions(after.as_ref(), limit)?;
        Ok(page.iter().map(|partition| partition.as_str().to_owned()).collect())
    }
}
