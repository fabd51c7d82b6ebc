//! Whom a source is asked for: the identity that somebody has over there.
//!
//! The table `external` has rows of three: the name of a source, an identity here, and a URI there.
//! It holds both ways: from the fundamental identity to the URI, and from the URI back.

use super::source::Source;
use crate::configuration::Configuration;
use crate::identity;
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

/// Turns rows into entries.
pub(crate) fn build<'r>(
    host: &mut dyn Host,
    configuration: &Configuration,
    rows: impl Iterator<Item = Row<'r>>,
) -> Result<Vec<Entry>, Vec<RowProblem>> {
    let (mut entries, mut problems) = (Vec::with_capacity(rows.size_hint().0 * 2), Vec::new());
    for row in rows {
        let [name, here, there] = row.fields else {
            // A member of a JSON object alone says that the identity is known, not as whom.
            if row.fields.len() != 2 {
                problems.push((row.line, "expected an identity here and a URI there".to_owned()));
            }
            continue;
        };
        let presentity = identity::read(host, configuration, here);
        let uri =
            Uri::parse(there).ok().filter(|uri| matches!(uri, Uri::Sip(_) | Uri::Tel(_) | Uri::Pres(_)));
        match (presentity, uri) {
            (Ok(identity), Some(_)) => {
                let fundamental = identity::fundamental(host, configuration, &identity);
                entries.push((key(THERE, name, &fundamental), there.clone().into_bytes()));
                entries.push((key(HERE, name, there), fundamental.into_bytes()));
            }
            (Err(why), _) => problems.push((row.line, format!("identity {here:?}: {why}"))),
            (_, None) => problems.push((row.line, format!("{there:?} is no sip, sips, pres or tel URI"))),
        }
    }
    if problems.is_empty() { Ok(entries) } else { Err(problems) }
}

fn key(way: u8, source: &str, text: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(source.len() + text.len() + 2);
    key.push(way);
    key.extend_from_slice(source.as_bytes());
    key.push(0);
    key.extend_from_slice(text.as_bytes());
    key
}
