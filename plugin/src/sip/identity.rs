//! Identities: whom a URI names, in one canonical form.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An identity such as `sip:alice@example.com`: the canonical text of a URI. Two identities are the
/// same if and only if their texts are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identity(String);

impl Identity {
    /// Takes text that is canonical already: what a normalizer made, or what
    /// [`Identity::as_str`] gave before.
    pub fn from_canonical(text: String) -> Self {
        Self(text)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives the canonical text away.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Identity {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
