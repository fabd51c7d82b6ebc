/// Bounds on a published document; a breach is answered 413.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body as received; what becomes of it may have four times as many.
    pub bytes: usize,
    /// Elements within each other, the root included.
    pub depth: usize,
    /// Elements in the document.
    pub elements: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Namespace declarations in the document.
    pub namespaces: usize,
    /// Children of the root plus identifiers (`xs:ID`) in the document.
    pub components: usize,
}

impl Limits {
    /// What the server starts with; far above what phones send.
    pub const DEFAULT: Self =
        Self { bytes: 65_536, depth: 32, elements: 4_096, attributes: 64, namespaces: 128, components: 256 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl From<&Limits> for crate::xml::Limits {
    fn from(limits: &Limits) -> Self {
        Self {
            bytes: limits.bytes,
            depth: limits.depth,
            // White space stands around elements.
            nodes: limits.elements.saturating_mul(3),
            attributes: limits.attributes,
            namespaces: limits.namespaces,
        }
    }
}
