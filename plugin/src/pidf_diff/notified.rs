use super::PartialError;
use super::received::{Entities, Extent, changed, into_presence};
use crate::pidf;
use crate::xml::{Element, Limits, Namespace, Namespaces, Text, canonical};

/// What a watcher holds of a presentity of which it gets partial documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held<'a> {
    /// Number of the latest document; none before the first one.
    pub version: Option<u32>,
    /// The local copy, as [`Notified::Document`] had it; none if there is none that changes fit.
    pub presence: Option<&'a [u8]>,
}

/// What the body of a NOTIFY is to a watcher (RFC 5263 section 4.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notified {
    /// The state now.
    Document {
        /// The document, its root `presence`, in canonical XML: white space and all, so that the next
        /// changes fit.
        presence: Vec<u8>,
        /// Its number; none if it has none.
        version: Option<u32>,
    },
    /// Its number is no higher than that of the document before: to be discarded.
    Old,
    /// Changes to a document that is not held: others were lost, or it has no number.
    Gap,
}

/// Takes the body of a NOTIFY of type `application/pidf-diff+xml`. Whom it names as entity makes no difference.
///
/// # Errors
/// See [`PartialError`]; what is held is as good as it was.
pub fn notified(body: &[u8], held: &Held<'_>, limits: &pidf::Limits) -> Result<Notified, PartialError> {
    let limits = Limits::from(limits);
    let mut namespaces = Namespaces::default();
    let text = Text::decode(body, &limits)?;
    let mut document = text.read(&mut namespaces, &limits)?;
    let root = document.root_mut().ok_or(PartialError::WrongRoot)?;
    let extent = Extent::of(root, &mut namespaces)?;
    let version = version(root);
    if let (Some(version), Some(before)) = (version, held.version)
        && version <= before
    {
        return Ok(Notified::Old);
    }
    let presence = match extent {
        Extent::Full => {
            into_presence(root, &mut namespaces);
            canonical(&document, &namespaces, limits.bytes)?
        }
        Extent::Changes => {
            let next = held.version.and_then(|version| version.checked_add(1));
            let Some(original) = held.presence.filter(|_| version.is_some() && version == next) else {
                return Ok(Notified::Gap);
            };
            changed(original, root, Entities::Any, &mut namespaces, &limits)?
        }
    };
    Ok(Notified::Document { presence, version })
}

/// The number of a document (RFC 5262 section 3.1); none if it has none, or something else in its place.
fn version(root: &Element<'_>) -> Option<u32> {
    root.attribute(Namespace::NONE, "version")?.trim().parse().ok()
}
