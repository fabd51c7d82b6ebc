//! The sources of presence outside are made known to the component: it does nothing on its own, and a store may be
//! fresh, or the component another one.

use rollcall_engine::{Document, Engine};
use tracing::{debug, warn};

/// What the component takes the names of sources as.
const AUID: &str = "rollcall.sources";

/// Tells the component each source, as a document under its name. A component that does not take such is
/// told nothing.
pub(super) fn announce(engine: &Engine, names: &[String]) {
    if !engine.description().documents.iter().any(|taken| taken == AUID) {
        return;
    }
    for name in names {
        let source = name.clone();
        let document = Document {
            auid: AUID.to_owned(),
            owner: None,
            path: name.clone(),
            content: Some(b"enabled".to_vec()),
        };
        engine.document(document, move |taken| match taken {
            Ok(()) => debug!(source, "source made known"),
            Err(problem) => warn!(source, problem, "source not taken"),
        });
    }
}
