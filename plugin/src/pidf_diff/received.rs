use std::borrow::Cow;

use super::{NAMESPACE, PartialError};
use crate::patch::{Identified, Patch, QualifiedName, apply};
use crate::pidf;
use crate::pidf::namespaces::PIDF;
use crate::xml::{Declaration, Document, Element, Limits, Name, Namespace, Namespaces, Text, canonical};

/// What a publisher has published after a PUBLISH with a partial document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The document, its root `presence`, in canonical XML: as the publisher has it, white
    /// space and all, so that its next changes fit.
    pub presence: Vec<u8>,
    /// True if the body held all of it.
    pub full: bool,
}

/// Takes the body of a PUBLISH. `original` gives the former document, as [`Published`] had it; it is
/// asked for only if the body holds changes.
///
/// # Errors
/// See [`PartialError`]; nothing is to be changed then.
pub fn publish(
    body: &[u8],
    original: impl FnOnce() -> Option<Vec<u8>>,
    limits: &pidf::Limits,
) -> Result<Published, PartialError> {
    let limits = Limits::from(limits);
    let mut namespaces = Namespaces::default();
    let text = Text::decode(body, &limits)?;
    let mut document = text.read(&mut namespaces, &limits)?;
    let root = document.root_mut().ok_or(PartialError::WrongRoot)?;
    if Extent::of(root, &mut namespaces)? == Extent::Full {
        into_presence(root, &mut namespaces);
        let presence = canonical(&document, &namespaces, limits.bytes)?;
        return Ok(Published { presence, full: true });
    }
    let original = original().ok_or(PartialError::NothingToChange)?;
    let presence = changed(&original, root, Entities::Equal, &mut namespaces, &limits)?;
    Ok(Published { presence, full: false })
}

/// How much of the state a body holds, by its root (RFC 5262 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Full,
    /// Changes.
    Changes,
}

impl Extent {
    pub(super) fn of(root: &Element<'_>, namespaces: &mut Namespaces) -> Result<Self, PartialError> {
        let own = namespaces.number(NAMESPACE);
        if root.name.is(own, "pidf-full") {
            Ok(Self::Full)
        } else if root.name.is(own, "pidf-diff") {
            Ok(Self::Changes)
        } else {
            Err(PartialError::WrongRoot)
        }
    }
}

/// What the `entity` of changes has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entities {
    /// That of the document, if there is one (RFC 5262 section 3.2).
    Equal,
    /// Anything.
    Any,
}

/// A document, as it was made by this module, after the changes under a root.
pub(super) fn changed<'a>(
    original: &'a [u8],
    root: &Element<'a>,
    entities: Entities,
    namespaces: &mut Namespaces,
    limits: &Limits,
) -> Result<Vec<u8>, PartialError> {
    let original = Text::decode(original, &Limits::TRUSTED).map_err(|_| PartialError::Damaged)?;
    let original = original.read(namespaces, &Limits::TRUSTED).map_err(|_| PartialError::Damaged)?;
    if entities == Entities::Equal
        && entity(root).is_some_and(|changed| original.root().and_then(entity) != Some(changed))
    {
        return Err(PartialError::OtherEntity);
    }
    let patched = patch(original, root, namespaces, limits)?;
    Ok(canonical(&patched, namespaces, limits.bytes)?)
}

fn patch<'a>(
    original: Document<'a>,
    root: &Element<'a>,
    namespaces: &mut Namespaces,
    limits: &Limits,
) -> Result<Document<'a>, PartialError> {
    let identified = Identified::presence(namespaces);
    let namespace = namespaces.number(NAMESPACE);
    // The examples call the root of the publisher's document `presence`, and show `pidf-full`.
    let alias = QualifiedName { prefix: "", namespace, local: "pidf-full" };
    Ok(apply(original, &Patch::new(root)?, namespaces, &identified, Some(alias), limits)?)
}

fn entity<'e>(root: &'e Element<'_>) -> Option<&'e str> {
    root.attribute(Namespace::NONE, "entity").map(str::trim)
}

/// Makes the root the `presence` that it stands for (RFC 5262 section 3).
pub(super) fn into_presence(root: &mut Element<'_>, namespaces: &mut Namespaces) {
    let namespace = namespaces.number(PIDF);
    root.attributes.retain(|attribute| !attribute.name.is(Namespace::NONE, "version"));
    let declared = root.declarations.iter().find(|declaration| declaration.namespace == namespace);
    let prefix = match declared {
        Some(declaration) => declaration.prefix.clone(),
        None => {
            let taken = |prefix: &str| root.declarations.iter().any(|other| other.prefix == prefix);
            let mut prefix = "pidf".to_owned();
            while taken(&prefix) {
                prefix.push('_');
            }
            root.declarations.push(Declaration { prefix: prefix.clone().into(), namespace });
            Cow::Owned(prefix)
        }
    };
    root.name = Name { prefix, namespace, local: "presence".into() };
}
