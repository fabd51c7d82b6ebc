use thiserror::Error;

/// Why a patch cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("patch operation {operation}: {problem}")]
pub struct PatchError {
    /// The operation that failed, counted from 1 in document order.
    pub operation: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// The error conditions of RFC 5261 section 5.1, and bounds of this server.
///
/// Three of that section cannot come up: there are no character sets after decoding, and both
/// `id()` and `xml:id` are supported. Neither can the declaration of an entity or the rest of
/// the prolog be addressed: a document with an unknown entity is not well formed, and no
/// selector reaches the prolog's other parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// `sel`, `type`, `pos` or `ws` is missing or breaks its grammar, or what is given as the value of an
    /// attribute or the name of a namespace is not one.
    #[error("invalid-attribute-value ({0})")]
    AttributeValue(&'static str),
    /// The patch is not one by its schema.
    #[error("invalid-diff-format ({0})")]
    DiffFormat(&'static str),
    /// A prefix that is not declared, or whose declaration is in use or in the way.
    #[error("invalid-namespace-prefix ({0})")]
    NamespacePrefix(&'static str),
    /// A namespace's name that no prefix may stand for, or a declaration that is not there.
    #[error("invalid-namespace-uri ({0})")]
    NamespaceUri(&'static str),
    /// The nodes to put in do not go with what the selector found.
    #[error("invalid-node-types ({0})")]
    NodeTypes(&'static str),
    /// An operation or attribute that is not known.
    #[error("invalid-patch-directive ({0})")]
    PatchDirective(&'static str),
    /// The document would have no root or more than one.
    #[error("invalid-root-element-operation")]
    RootElementOperation,
    /// `ws` names white space that is not there.
    #[error("invalid-whitespace-directive")]
    WhitespaceDirective,
    /// The selector finds nothing.
    #[error("unlocated-node")]
    Unlocated,
    /// The selector finds more than one node.
    #[error("unlocated-node (several found)")]
    Ambiguous,
    /// Applying the patch would cost more than is spent on one.
    #[error("too much work")]
    TooMuchWork,
    /// The patched document would be beyond a limit on documents.
    #[error("patched document beyond limit: {0}")]
    TooLarge(&'static str),
}

impl Problem {
    /// The SIP status that answers a publication with such a patch: 413 for a breach of a limit, else
    /// 400 (RFC 5264 section 4.3.2).
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::TooMuchWork | Self::TooLarge(_) => 413,
            _ => 400,
        }
    }
}
