//! The log: one line an event, on standard error.
//!
//! With `debug`, a request can be followed: its `call_id` and `branch` stand at every event of its step,
//! its `ticket` at its answer, and `send` at each request that it caused and at the outcome of that.

use std::io::{self, Write};

use thiserror::Error;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, fmt, reload};

use crate::configuration::{Log, LogFormat};

/// Why there is no log, or why it stays as it is.
#[derive(Debug, Error)]
pub enum LogError {
    /// The filter cannot be parsed.
    #[error("log.filter: {0}")]
    Filter(#[from] ParseError),
    /// The process has a log already.
    #[error("log: {0}")]
    Taken(#[from] TryInitError),
    /// The log is gone.
    #[error("log: {0}")]
    Gone(#[from] reload::Error),
}

/// The log of the process.
#[derive(Debug)]
pub struct Logging {
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Logging {
    /// Starts the log of the process; once.
    ///
    /// # Errors
    /// The filter does not parse, or there is a log already.
    pub fn start(log: &Log) -> Result<Self, LogError> {
        let (layer, filter) = reload::Layer::new(EnvFilter::try_new(&log.filter)?);
        let lines = fmt::layer().with_writer(|| OneLine(io::stderr().lock()));
        let lines = match log.format {
            LogFormat::Compact => lines.compact().boxed(),
            LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
        };
        tracing_subscriber::registry().with(layer).with(lines).try_init()?;
        Ok(Self { filter })
    }

    /// Changes what is logged.
    ///
    /// # Errors
    /// The filter does not parse; then all stays as it is.
    pub fn set_filter(&self, filter: &str) -> Result<(), LogError> {
        let filter = EnvFilter::try_new(filter)?;
        Ok(self.filter.reload(filter)?)
    }
}

/// Keeps an event on one line, whatever a peer put into it: each write is one event, and control
/// characters before its end become spaces.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let content = event.strip_suffix(b"\n").unwrap_or(event);
        if content.iter().any(u8::is_ascii_control) {
            let mut clean = event.to_vec();
            clean[..content.len()].iter_mut().filter(|b| b.is_ascii_control()).for_each(|b| *b = b' ');
            self.0.write_all(&clean)?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stays_on_one_line() {
        let mut out = Vec::new();
        OneLine(&mut out).write_all(b"call_id=a\r\nERROR forged\x1b[0m\n").unwrap();
        OneLine(&mut out).write_all("caf\u{e9}\n".as_bytes()).unwrap();
        assert_eq!(out, "call_id=a  ERROR forged [0m\ncaf\u{e9}\n".as_bytes());
    }
}
