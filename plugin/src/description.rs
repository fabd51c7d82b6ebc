//! What the component is and what it takes.

use crate::external::ledger;
use crate::inspection;
use crate::keys;
use crate::package::Package;
use crate::schema;
use crate::tables::TABLES;

/// See `lifecycle.description` in `wit/plugin.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// Name of the component.
    pub name: &'static str,
    /// Its semantic version.
    pub version: &'static str,
    /// Schema numbers of the records that it reads.
    pub reads_schemas: &'static [u32],
    /// Schema number of the records that it writes.
    pub writes_schema: u32,
    /// Methods taken.
    pub methods: &'static [&'static str],
    /// Event packages served.
    pub event_packages: &'static [&'static str],
    /// XCAP application unique ids of the documents taken.
    pub documents: &'static [&'static str],
    /// Tables wanted.
    pub tables: &'static [&'static str],
    /// What an operator can ask.
    pub questions: &'static [&'static str],
    /// First bytes of keys and the name of the records behind them.
    pub record_kinds: &'static [(u8, &'static str)],
}

/// Tells what the component is.
#[must_use]
pub fn describe() -> Description {
    Description {
        name: "rollcall",
        version: env!("CARGO_PKG_VERSION"),
        reads_schemas: schema::read(),
        writes_schema: u32::from(schema::written()),
        methods: &["PUBLISH", "SUBSCRIBE", "NOTIFY", "REGISTER", "OPTIONS"],
        event_packages: Package::NAMES,
        documents: &[ledger::AUID],
        tables: TABLES,
        questions: inspection::QUESTIONS,
        record_kinds: keys::KINDS,
    }
}
