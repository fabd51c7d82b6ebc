//! Where in a presence document an element stands, and so what becomes of it.

use super::Kind;
use super::component::Class;
use super::namespaces::{DATA_MODEL_INDEX, PIDF_INDEX};
use super::scope::Namespace;

/// The place of an element that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `presence` itself.
    Root,
    /// A tuple, person or device.
    Component(Kind),
    /// `status` of a tuple.
    Status,
    /// Text only: attributes and content are what the schema says.
    Simple(Class),
    /// Passed on as it is, the outermost element as a child of this class.
    Extension(Option<Class>),
    /// Without a place in the schema; left out with all that is in it.
    Left,
}

/// What a child of `presence` is, if it has a place.
pub(super) fn component(namespace: Namespace, local: &str) -> Option<Kind> {
    match (namespace, local) {
        (Namespace::None, _) => None,
        (Namespace::Known(index), _) if usize::from(index) == PIDF_INDEX => match local {
            "tuple" => Some(Kind::Tuple),
            "note" => Some(Kind::Note),
            _ => None,
        },
        (Namespace::Known(index), "person") if usize::from(index) == DATA_MODEL_INDEX => Some(Kind::Person),
        (Namespace::Known(index), "device") if usize::from(index) == DATA_MODEL_INDEX => Some(Kind::Device),
        _ => Some(Kind::Extension),
    }
}

/// The place of an element inside of another, below the children of `presence`.
pub(super) fn inside(parent: Place, namespace: Namespace, local: &str) -> Place {
    let own = |index: usize| matches!(namespace, Namespace::Known(known) if usize::from(known) == index);
    match parent {
        Place::Root | Place::Simple(_) | Place::Left => Place::Left,
        Place::Extension(_) => Place::Extension(None),
        // `##other` in the schemas leaves out elements without a namespace too.
        _ if namespace == Namespace::None => Place::Left,
        Place::Status if own(PIDF_INDEX) => match local {
            "basic" => Place::Simple(Class::Basic),
            _ => Place::Left,
        },
        Place::Status => Place::Extension(Some(Class::StatusExtension)),
        Place::Component(Kind::Tuple) if own(PIDF_INDEX) => match local {
            "status" => Place::Status,
            "contact" => Place::Simple(Class::Contact),
            "note" => Place::Simple(Class::Note),
            "timestamp" => Place::Simple(Class::Timestamp),
            _ => Place::Left,
        },
        Place::Component(kind @ (Kind::Person | Kind::Device)) if own(DATA_MODEL_INDEX) => match local {
            "deviceID" if kind == Kind::Device => Place::Simple(Class::DeviceId),
            "note" => Place::Simple(Class::Note),
            "timestamp" => Place::Simple(Class::Timestamp),
            _ => Place::Left,
        },
        Place::Component(_) => Place::Extension(Some(Class::Extension)),
    }
}
