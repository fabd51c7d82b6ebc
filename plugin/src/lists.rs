//! The white and the black list: who may do everything, and who may do nothing.
//!
//! An entry is an identity or, as `@example.com` or `*@example.com`, a whole domain (not the
//! domains below it). With `lists.map` identities are listed and looked up by the
//! fundamental ones, and a domain is that of the fundamental identity (WPS-19, WPS-20).

use crate::configuration::Configuration;
use crate::identity;
use crate::ports::{Entry, Host};
use crate::tables::{Row, RowProblem};

/// A list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Those who may publish for others, watch anyone and see who watches whom.
    White,
    /// Those who may neither publish nor watch. It beats the white list (WPS-47).
    Black,
}

/// What kind of entry an identity is listed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// By itself.
    Identity,
    /// By its domain.
    Domain,
}

impl List {
    /// Name of the table.
    #[must_use]
    pub fn table(self) -> &'static str {
        match self {
            Self::White => "white",
            Self::Black => "black",
        }
    }

    /// The list in this table.
    #[must_use]
    pub fn of_table(table: &str) -> Option<Self> {
        [Self::White, Self::Black].into_iter().find(|list| list.table() == table)
    }

    /// True if the operator has such a list.
    #[must_use]
    pub fn is_kept(self, configuration: &Configuration) -> bool {
        match self {
            Self::White => configuration.lists.white,
            Self::Black => configuration.lists.black,
        }
    }

    /// Whether an identity is listed: the fundamental one, where lists are mapped.
    pub fn find(self, host: &mut dyn Host, configuration: &Configuration, identity: &str) -> Option<Entered> {
        if !self.is_kept(configuration) {
            return None;
        }
        if host.lookup(self.table(), identity.as_bytes()).is_some() {
            return Some(Entered::Identity);
        }
        let key = domain_key(identity::domain(identity)?);
        host.lookup(self.table(), key.as_bytes()).map(|_| Entered::Domain)
    }
}

/// No identity begins like this: each has a scheme.
fn domain_key(domain: &str) -> String {
    ["@", domain].concat()
}

/// Turns rows, an entry each, into entries of the table.
pub(crate) fn build<'r>(
    host: &mut dyn Host,
    configuration: &Configuration,
    rows: impl Iterator<Item = Row<'r>>,
) -> Result<Vec<Entry>, Vec<RowProblem>> {
    let mut entries = Vec::with_capacity(rows.size_hint().0);
    let mut problems = Vec::new();
    for row in rows {
        match row.fields {
            [text] => match key(host, configuration, text) {
                Ok(key) => entries.push((key.into_bytes(), Vec::new())),
                Err(why) => problems.push((row.line, format!("{text:?}: {why}"))),
            },
            _ => problems.push((row.line, format!("{} values, expected one URI", row.fields.len()))),
        }
    }
    if problems.is_empty() { Ok(entries) } else { Err(problems) }
}

fn key(host: &mut dyn Host, configuration: &Configuration, text: &str) -> Result<String, String> {
    if let Some(domain) = text.strip_prefix('*').unwrap_or(text).strip_prefix('@') {
        let domain = identity::read_domain(domain).ok_or("expected a domain name behind the @")?;
        return Ok(domain_key(&domain));
    }
    if text.contains(":*@") {
        // A user called * is hardly meant, and would leave the domain unlisted without a word.
        return Err("expected *@ and the domain, without scheme, for a whole domain".to_owned());
    }
    let identity = identity::read(host, configuration, text).map_err(|why| why.to_string())?;
    Ok(if configuration.lists.map {
        identity::fundamental(host, configuration, &identity)
    } else {
        identity.into_string()
    })
}
