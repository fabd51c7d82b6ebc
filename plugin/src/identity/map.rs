//! The identity map: a table from each public identity to the fundamental one.
//!
//! A fundamental identity is in it too, mapped to itself. So a public identity under two
//! fundamental ones, and one that is itself fundamental to others (a chain), have one key with two
//! values, and that is how the host finds them, with both lines.

use super::NoIdentity;
use crate::configuration::Configuration;
use crate::ports::{Entry, Host};
use crate::sip::Identity;
use crate::tables::{Row, RowProblem};

/// Name of the table.
pub const TABLE: &str = "identities";

/// The fundamental identity in the table; none if it does not know the identity.
pub(super) fn lookup(host: &mut dyn Host, identity: &Identity) -> Option<String> {
    host.lookup(TABLE, identity.as_str().as_bytes()).and_then(|value| String::from_utf8(value).ok())
}

/// Turns rows, a fundamental identity and its public ones each, into entries.
pub(crate) fn build<'r>(
    host: &mut dyn Host,
    configuration: &Configuration,
    rows: impl Iterator<Item = Row<'r>>,
) -> Result<Vec<Entry>, Vec<RowProblem>> {
    let mut entries = Vec::with_capacity(rows.size_hint().0 * 2);
    let mut problems = Vec::new();
    // The members of one object follow each other.
    let mut last: Option<(&str, Result<Identity, NoIdentity>)> = None;
    for row in rows {
        let Some((first, public)) = row.fields.split_first() else {
            problems.push((row.line, "no identity in this row".to_owned()));
            continue;
        };
        if last.as_ref().is_none_or(|(text, _)| text != first) {
            let fundamental = super::read(host, configuration, first);
            match &fundamental {
                Ok(identity) => entries.push(entry(identity, identity)),
                Err(why) => problems.push((row.line, format!("fundamental identity {first:?}: {why}"))),
            }
            last = Some((first, fundamental));
        }
        for text in public {
            match (super::read(host, configuration, text), &last) {
                (Ok(identity), Some((_, Ok(fundamental)))) => entries.push(entry(&identity, fundamental)),
                (Ok(_), _) => {}
                (Err(why), _) => problems.push((row.line, format!("public identity {text:?}: {why}"))),
            }
        }
    }
    if problems.is_empty() { Ok(entries) } else { Err(problems) }
}

fn entry(identity: &Identity, fundamental: &Identity) -> Entry {
    (identity.as_str().as_bytes().to_vec(), fundamental.as_str().as_bytes().to_vec())
}
