//! Metrics in the text format that Prometheus reads (OpenMetrics).
//!
//! Whoever does the work counts it; here the counts are only collected and named, when asked for.

mod answers;
mod engine;
mod page;
mod process;
mod sip;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

pub use answers::Answers;
pub use page::Page;
pub use process::Process;

/// Something that has numbers to tell.
pub trait Source: Send + Sync + 'static {
    /// Writes all of them.
    ///
    /// # Errors
    /// Those of the writer.
    fn tell(&self, page: &mut Page<'_>) -> fmt::Result;
}

/// All sources of the server.
#[derive(Debug)]
pub struct Metrics(Registry);

impl Default for Metrics {
    fn default() -> Self {
        Self(Registry::with_prefix("rollcall"))
    }
}

impl Metrics {
    /// Adds a source. Names of metrics must differ between sources.
    pub fn add(&mut self, source: impl Source) {
        self.0.register_collector(Box::new(Told(source)));
    }

    /// Appends everything that the sources tell now.
    pub fn write(&self, text: &mut String) {
        // Writing into a string fails only if a source does, and none does of itself.
        let _ = encode(text, &self.0);
    }
}

struct Told<S>(S);

impl<S> fmt::Debug for Told<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<S>())
    }
}

impl<S: Source> Collector for Told<S> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.tell(&mut Page::new(encoder))
    }
}
