//! Whom a source is asked for: the identity that somebody has over there.
//!
//! The table `external` has rows of three: the name of a source, an identity here, and a URI there.
//! It holds both ways: from the fundamental identity to the URI, and from the URI back.

use super::source::Source;
use crate::configuration::Configuration;
use crate::identity::{self, MAX_IDENTITY};
use crate::ports::{Entry, Host};
use crate::sip::Uri;
use crate::tables::{Row, RowProblem};

/// Name of the table.
pub const TABLE: &str = "external";

const THERE: u8 = b't';
const HERE: u8 = b'h';

/// The URI under which a source knows a presentity, which is a fundamental identity; none if it does not.
pub fn resource(host: &mut dyn Host, source: &Source, presentity: &str) -> Option<String> {
    if source.listed
        && let Some(listed) = host.lookup(TABLE, &key(THERE, &source.name, presentity))
    {
        return String::from_utf8(listed).ok();
    }
    let domain = source.domain.as_deref()?;
    (identity::domain(presentity) == Some(domain)).then(|| presentity.to_owned())
}

/// True if the directory names a presentity for a source.
pub fn is_listed(host: &mut dyn Host, source: &Source, presentity: &str) -> bool {
    source.listed && host.lookup(TABLE, &key(THERE, &source.name, presentity)).is_some()
}

/// The presentity that an entry of the table is about, by its key, if the entry says whom to ask that source for.
#[must_use]
pub fn named<'k>(key: &'k [u8], source: &Source) -> Option<&'k str> {
    let rest = key.strip_prefix(&[THERE])?.strip_prefix(source.name.as_bytes())?.strip_prefix(&[0])?;
    str::from_utf8(rest).ok()
}

/// The presentity, a fundamental identity, that a source knows under a URI; none if it knows nobody so.
pub fn presentity(
    host: &mut dyn Host,
    configuration: &Configuration,
    source: &Source,
    resource: &str,
) -> Option<String> {
    if source.listed
        && let Some(listed) = host.lookup(TABLE, &key(HERE, &source.name, resource))
    {
        return String::from_utf8(listed).ok();
    }
    source.domain.as_ref()?;
    let identity = identity::read(host, configuration, resource).ok()?;
    Some(identity::fundamental(host, configuration, &identity))
}

/// Turns rows into entries. That one is known under two URIs, or two under one, the host finds: it is one key with
/// two values.
pub(crate) fn build<'r>(
    host: &mut dyn Host,
    configuration: &Configuration,
    rows: impl Iterator<Item = Row<'r>>,
) -> Result<Vec<Entry>, Vec<RowProblem>> {
    let (mut entries, mut problems) = (Vec::with_capacity(rows.size_hint().0 * 2), Vec::new());
    let mut rows = rows.peekable();
    while let Some(row) = rows.next() {
        let [name, here, there] = row.fields else {
            // A member of a JSON object alone says that the identity is known, and the next row as whom. That
            // one may be in the next chunk.
            let announces = row.fields.len() == 2
                && rows
                    .peek()
                    .is_none_or(|next| next.fields.len() == 3 && next.fields.starts_with(row.fields));
            if !announces {
                problems.push((row.line, "expected an identity here and its URI there".to_owned()));
            }
            continue;
        };
        let presentity = identity::read(host, configuration, here);
        let fits = there.len() <= MAX_IDENTITY && is_resource(there);
        match presentity {
            Ok(identity) if fits => {
                let fundamental = identity::fundamental(host, configuration, &identity);
                entries.push((key(THERE, name, &fundamental), there.clone().into_bytes()));
                entries.push((key(HERE, name, there), fundamental.into_bytes()));
            }
            Ok(_) => {
                let what = "a sip, sips, pres or tel URI that may stand in a request";
                problems.push((row.line, format!("found {there:?}, expected {what}")));
            }
            Err(why) => problems.push((row.line, format!("identity {here:?}: {why}"))),
        }
    }
    if problems.is_empty() { Ok(entries) } else { Err(problems) }
}

/// True if a SUBSCRIBE can be sent to it.
fn is_resource(text: &str) -> bool {
    matches!(Uri::parse_request_uri(text), Ok(Uri::Sip(_) | Uri::Tel(_) | Uri::Pres(_)))
}

fn key(way: u8, source: &str, text: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(source.len() + text.len() + 2);
    key.push(way);
    key.extend_from_slice(source.as_bytes());
    key.push(0);
    key.extend_from_slice(text.as_bytes());
    key
}
