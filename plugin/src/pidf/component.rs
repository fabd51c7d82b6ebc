//! The order that the schemas want inside a component (RFC 3863 section 4.1.2, RFC 4479
//! section 5.1.2), and which of its children may be there once only.

use super::Kind;
use super::canonical::Element;
use super::document::Part;
use super::namespaces::DATA_MODEL_INDEX;
use super::occurrence::Plainness;
use super::values;
use super::writer::Writer;

/// What a child of a component is, in the order of the schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// `basic` within `status`.
    Basic,
    /// Another element within `status`.
    StatusExtension,
    /// An element of another namespace, a tuple's `deviceID` among them.
    Extension,
    /// `contact` of a tuple.
    Contact,
    /// `deviceID` of a device.
    DeviceId,
    /// `note`.
    Note,
    /// `timestamp`.
    Timestamp,
}

impl Class {
    fn once(self) -> bool {
        matches!(self, Self::Basic | Self::Contact | Self::DeviceId | Self::Timestamp)
    }
}

/// A child written to the scratch text, starting where the one before ends.
struct Child {
    class: Class,
    end: usize,
    ids: usize,
}

/// The component that is being read; its children lie in a [`Writer`].
pub(super) struct Pending {
    pub(super) kind: Kind,
    id: Option<String>,
    children: Vec<Child>,
    used: u32,
}

/// Components read so far.
#[derive(Default)]
pub(super) struct Finished {
    pub(super) text: Vec<u8>,
    pub(super) parts: Vec<Part>,
    pub(super) id_ends: Vec<u32>,
}

impl Pending {
    /// Starts a component. `id` is what the publication gave; tuples, persons and devices
    /// without one are given one.
    pub(super) fn new(kind: Kind, id: Option<&str>, ordinal: usize, writer: &mut Writer) -> Self {
        let invented = match kind {
            Kind::Tuple => Some('t'),
            Kind::Person => Some('p'),
            Kind::Device => Some('d'),
            Kind::Note | Kind::Extension => None,
        };
        let used = writer.used;
        let id = invented.map(|letter| match id {
            Some(id) => writer.identifier(id),
            None => writer.identifier(&format!("{letter}{ordinal}")),
        });
        writer.text.clear();
        writer.id_ends.clear();
        Self { kind, id, children: Vec::new(), used }
    }

    /// Notes that a child ends here.
    pub(super) fn child(&mut self, class: Class, writer: &Writer) {
        self.children.push(Child { class, end: writer.text.len(), ids: writer.id_ends.len() });
    }

    /// Puts the component together behind those before it.
    pub(super) fn finish(self, writer: &mut Writer, finished: &mut Finished) {
        match self.kind {
            Kind::Tuple => {
                self.open("tuple", finished);
                self.status(writer, finished);
                let classes = [Class::Extension, Class::Contact, Class::Note, Class::Timestamp];
                self.children(&classes, writer, finished);
                finished.text.extend_from_slice(b"</tuple>");
            }
            Kind::Person => {
                writer.used |= 1 << DATA_MODEL_INDEX;
                self.open("dm:person", finished);
                self.children(&[Class::Extension, Class::Note, Class::Timestamp], writer, finished);
                finished.text.extend_from_slice(b"</dm:person>");
            }
            Kind::Device => {
                // The schema requires a deviceID, and without one nothing tells what the
                // device is: there is no valid way to show it.
                if !self.has(Class::DeviceId) {
                    writer.used = self.used;
                    return;
                }
                writer.used |= 1 << DATA_MODEL_INDEX;
                self.open("dm:device", finished);
                let classes = [Class::Extension, Class::DeviceId, Class::Note, Class::Timestamp];
                self.children(&classes, writer, finished);
                finished.text.extend_from_slice(b"</dm:device>");
            }
            // It had no place in its schema.
            Kind::Note | Kind::Extension if self.children.is_empty() => return,
            Kind::Note | Kind::Extension => {
                self.children(&[Class::Extension, Class::Note], writer, finished);
            }
        }
        let end = u32::try_from(finished.text.len()).unwrap_or(u32::MAX);
        let (pivot, plain) = (self.pivot(writer), self.is_plain(writer));
        let dated = self.has(Class::Timestamp);
        finished.parts.push(Part { kind: self.kind, end, pivot, plain, dated });
    }

    /// What it is about: a service by its address (compared as a string only) and the
    /// priority there, a device by its deviceID; there is one person (RFC 4479 section 3).
    fn pivot(&self, writer: &Writer) -> u64 {
        let first = |class: Class| {
            let mut found = self.each(writer).filter(|(other, _)| *other == class);
            found.next().and_then(|(_, xml)| Element::first(xml)).map(|(element, _)| element)
        };
        match self.kind {
            Kind::Tuple => first(Class::Contact).map_or(0, |contact| {
                let priority =
                    contact.attribute("priority").and_then(|value| std::str::from_utf8(value).ok());
                // Without one it is the lowest, lower than 0 (RFC 3863 section 4.1.5).
                let priority = priority.and_then(values::priority).map_or(0, |priority| priority + 1);
                hash(contact.content, u64::from(priority))
            }),
            Kind::Device => first(Class::DeviceId).map_or(0, |device| hash(device.content, 0)),
            Kind::Person => 1,
            Kind::Note | Kind::Extension => 0,
        }
    }

    fn is_plain(&self, writer: &Writer) -> bool {
        if !matches!(self.kind, Kind::Tuple | Kind::Person | Kind::Device) {
            return true;
        }
        let mut plainness = Plainness::default();
        for (class, xml) in self.each(writer) {
            if matches!(class, Class::Extension | Class::StatusExtension)
                && let Some((element, _)) = Element::first(xml)
            {
                plainness.add(&element);
            }
        }
        plainness.holds()
    }

    /// The children with their text.
    fn each<'w>(&self, writer: &'w Writer) -> impl Iterator<Item = (Class, &'w [u8])> {
        let mut start = 0;
        self.children.iter().map(move |child| {
            let xml = writer.text.get(start..child.end).unwrap_or_default();
            start = child.end;
            (child.class, xml)
        })
    }

    fn open(&self, name: &str, finished: &mut Finished) {
        finished.text.push(b'<');
        finished.text.extend_from_slice(name.as_bytes());
        finished.text.extend_from_slice(b" id=\"");
        finished.text.extend_from_slice(self.id.as_deref().unwrap_or_default().as_bytes());
        finished.id_ends.push(u32::try_from(finished.text.len()).unwrap_or(u32::MAX));
        finished.text.extend_from_slice(b"\">");
    }

    /// All children of all `status` elements in one. A tuple without any gets an empty one,
    /// which the schema admits: nothing is known of it, least of all that it is closed
    /// (RFC 4479 section 3.6).
    fn status(&self, writer: &Writer, finished: &mut Finished) {
        if !self.has(Class::Basic) && !self.has(Class::StatusExtension) {
            finished.text.extend_from_slice(b"<status/>");
            return;
        }
        finished.text.extend_from_slice(b"<status>");
        self.children(&[Class::Basic, Class::StatusExtension], writer, finished);
        finished.text.extend_from_slice(b"</status>");
    }

    fn has(&self, class: Class) -> bool {
        self.children.iter().any(|child| child.class == class)
    }

    fn children(&self, classes: &[Class], writer: &Writer, finished: &mut Finished) {
        for class in classes {
            let (mut start, mut ids) = (0, 0);
            for child in &self.children {
                if child.class == *class {
                    let at = finished.text.len();
                    finished.text.extend_from_slice(writer.text.get(start..child.end).unwrap_or_default());
                    for id_end in writer.id_ends.get(ids..child.ids).unwrap_or_default() {
                        let end = at + (id_end - start);
                        finished.id_ends.push(u32::try_from(end).unwrap_or(u32::MAX));
                    }
                    if class.once() {
                        break;
                    }
                }
                (start, ids) = (child.end, child.ids);
            }
        }
    }
}

/// 64-bit FNV-1a over a value and a number, mixed, never 0.
fn hash(value: &[u8], number: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in value {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (hash ^ (hash >> 32)).max(1)
}
