//! Taking canonical text apart again. What the writer of this module's neighbours wrote has
//! no comments, no CDATA and no `<` or `>` but as marks of tags, so a few searches do.

/// An element in canonical text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    /// All of it, tags included.
    pub(crate) xml: &'a [u8],
    /// Its name with the prefix that known namespaces have.
    pub(crate) name: &'a [u8],
    /// What stands after the name in the start tag.
    pub(crate) attributes: &'a [u8],
    /// What stands between the tags.
    pub(crate) content: &'a [u8],
}

impl<'a> Element<'a> {
    /// The first element in the text, and what follows it. Character data before it is
    /// passed over.
    pub(crate) fn first(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        // Mostly it is there at once.
        let text = match text.first() {
            Some(b'<') => text,
            _ => text.get(memchr::memchr(b'<', text)?..)?,
        };
        let tag = memchr::memchr(b'>', text)?;
        let inside = text.get(1..tag)?;
        let (inside, empty) = match inside.strip_suffix(b"/") {
            Some(inside) => (inside, true),
            None => (inside, false),
        };
        let length = inside.iter().position(|byte| *byte == b' ').unwrap_or(inside.len());
        let (name, attributes) = inside.split_at_checked(length)?;
        if name.is_empty() {
            return None;
        }
        let (content, end) = if empty { (0..0, tag + 1) } else { content(text, tag + 1)? };
        let (xml, rest) = text.split_at_checked(end)?;
        Some((Self { xml, name, attributes, content: xml.get(content)? }, rest))
    }

    /// The element that is all of the text: the end of its content is not searched for.
    pub(crate) fn whole(xml: &'a [u8]) -> Option<Self> {
        let tag = memchr::memchr(b'>', xml)?;
        let inside = xml.strip_prefix(b"<")?.get(..tag.checked_sub(1)?)?;
        let (inside, content) = match inside.strip_suffix(b"/") {
            Some(inside) if tag + 1 == xml.len() => (inside, tag + 1..tag + 1),
            Some(_) => return None,
            None => (inside, tag + 1..memchr::memrchr(b'<', xml)?),
        };
        let length = memchr::memchr(b' ', inside).unwrap_or(inside.len());
        let (name, attributes) = inside.split_at_checked(length)?;
        Some(Self { xml, name, attributes, content: xml.get(content)? })
    }

    /// The elements directly within.
    pub(crate) fn children(&self) -> Elements<'a> {
        Elements(self.content)
    }

    /// An attribute's value as it is written.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'a [u8]> {
        self.all_attributes().find_map(|(other, value)| (other == name.as_bytes()).then_some(value))
    }

    /// Names and values of all attributes.
    pub(crate) fn all_attributes(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            let equals = memchr::memchr(b'=', rest)?;
            let name = rest.get(..equals)?.trim_ascii();
            let value = rest.get(equals + 2..)?;
            let end = memchr::memchr(b'"', value)?;
            rest = value.get(end + 1..)?;
            Some((name, value.get(..end)?))
        })
    }

    /// True if the two differ in nothing but their own identifiers.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        if self.name != other.name || self.content != other.content {
            return false;
        }
        let known = |(name, _): &(&[u8], &[u8])| *name != b"id";
        self.attributes == other.attributes
            || self.all_attributes().filter(known).eq(other.all_attributes().filter(known))
    }
}

/// What stands in an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node<'a> {
    /// Character data, as it is written.
    Text(&'a [u8]),
    /// An element.
    Element(Element<'a>),
}

/// The nodes in a text, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Nodes<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Nodes<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let length = memchr::memchr(b'<', self.0).unwrap_or(self.0.len());
        let (text, rest) = self.0.split_at_checked(length)?;
        if !text.is_empty() {
            self.0 = rest;
            return Some(Node::Text(text));
        }
        let (element, rest) = Element::first(rest)?;
        self.0 = rest;
        Some(Node::Element(element))
    }
}

/// The elements in a text, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (element, rest) = Element::first(self.0)?;
        self.0 = rest;
        Some(element)
    }
}

/// Where the content of an element that starts there lies, and where its end tag ends.
fn content(text: &[u8], start: usize) -> Option<(std::ops::Range<usize>, usize)> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        let open = at + memchr::memchr(b'<', text.get(at..)?)?;
        let close = open + memchr::memchr(b'>', text.get(open..)?)?;
        if text.get(open + 1) == Some(&b'/') {
            if depth == 0 {
                return Some((start..open, close + 1));
            }
            depth -= 1;
        } else if text.get(close - 1) != Some(&b'/') {
            depth += 1;
        }
        at = close + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_with_their_parts() {
        let text = b"<a id=\"1\" b=\"&lt;=\"><b/>x<c><c><d k=\"/\"/></c></c></a><e></e>";
        let (a, rest) = Element::first(text).unwrap();
        assert_eq!((a.name, rest), (&b"a"[..], &b"<e></e>"[..]));
        assert_eq!(a.attribute("b"), Some(&b"&lt;="[..]));
        assert_eq!(a.attribute("c"), None);
        for element in [a].into_iter().chain(a.children()) {
            assert_eq!(Element::whole(element.xml), Some(element));
        }
        let names: Vec<&[u8]> = a.children().map(|child| child.name).collect();
        assert_eq!(names, [&b"b"[..], b"c"]);
        let all: Vec<&[u8]> = Elements(text).map(|element| element.xml).collect();
        assert_eq!(all.concat(), text);
        let (other, _) = Element::first(b"<e id=\"9\" x=\"1\"/>").unwrap();
        assert!(other.says_the_same(&Element::first(b"<e x=\"1\"/>").unwrap().0));
        assert!(!other.says_the_same(&Element::first(b"<e/>").unwrap().0));
    }

    #[test]
    fn damaged_text_has_no_elements() {
        for text in [&b""[..], b"x", b"<", b"<a", b"<a>", b"<a><b></a>", b"<>", b"</", b"<a><"] {
            assert_eq!(Element::first(text), None, "{text:?}");
            // Some of these do look whole from both ends.
            if let Some(element) = Element::whole(text) {
                assert!(element.content.len() < text.len());
            }
        }
    }
}
