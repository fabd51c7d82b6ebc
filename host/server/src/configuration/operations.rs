//! `[admin]`, `[log]` and `[testing]`.

use std::net::SocketAddr;

use toml::de::DeValue;
use tracing_subscriber::EnvFilter;

use super::section::Section;
use super::value::{Expected, boolean, one_of, parsed};

/// `[admin]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Address of the HTTP interface. It asks for no password: it belongs on loopback or on a
    /// network of its own.
    pub listen: SocketAddr,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// What is logged, in the syntax of tracing's filter directives.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For reading.
    Compact,
    /// One JSON object an event.
    Json,
}

/// `[testing]`: never for a server that serves anyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Testing {
    /// Time can be moved forward over the admin address.
    pub clock: bool,
}

impl Admin {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let expected = "an address and a port such as \"127.0.0.1:8080\"";
        if section.is_there() {
            section.require("listen", expected);
        }
        let listen = section.value("listen", parsed(expected));
        section.finish();
        Some(Self { listen: listen? })
    }
}

impl Log {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let filter = section.value("filter", filter);
        let formats = [("compact", LogFormat::Compact), ("json", LogFormat::Json)];
        let format = section.value("format", one_of(&formats));
        section.finish();
        Self {
            filter: filter.unwrap_or_else(|| "info".to_owned()),
            format: format.unwrap_or(LogFormat::Compact),
        }
    }
}

impl Testing {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let clock = section.value("clock", boolean).unwrap_or(false);
        section.finish();
        Self { clock }
    }
}

fn filter(value: &DeValue<'_>) -> Result<String, Expected> {
    let text = value.as_str().unwrap_or_default();
    match EnvFilter::try_new(text) {
        Ok(_) if !text.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("a filter such as \"info\" or \"warn,rollcall_sip=debug\"".into()),
    }
}
