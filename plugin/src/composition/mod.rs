//! One document out of a presentity's publications (RFC 3903 section 10.4, RFC 3863).
//!
//! At present every component of every publication is shown, under identifiers that stay
//! the same as long as the publication lives. Composing joins text that was made canonical
//! when it was published; it parses nothing.

mod composed;
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod neutral;

pub use composed::{Composed, render};
pub use neutral::neutral;

use crate::pidf::{Kind, StoredDocument};

/// What one publication has to say.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Names the publication as long as it lives, across refresh and change; unique among
    /// the sources of the presentity. Watchers see a hash of it, so a secret such as an
    /// entity-tag must not be guessable from it: let it be long or nothing worth knowing.
    pub id: &'a str,
    /// Its place among the sources, lowest first: say, when it was first published.
    pub order: u64,
    /// What it published last.
    pub document: &'a StoredDocument,
}

/// Composes the document of a presentity. The order of `sources` makes no difference, and
/// equal sources give equal bytes. Without any the document has no tuple, which is valid
/// (RFC 3856 section 6.11.1).
#[must_use]
pub fn compose(sources: &[Source<'_>]) -> Composed {
    let mut sorted: Vec<&Source<'_>> = sources.iter().collect();
    sorted.sort_by(|a, b| {
        (a.order, a.id).cmp(&(b.order, b.id)).then_with(|| a.document.text.cmp(&b.document.text))
    });
    let suffixes = suffixes(&sorted);

    let mut namespaces = 0;
    let mut size = 0;
    for source in &sorted {
        namespaces |= source.document.namespaces;
        size += source.document.text.len() + source.document.id_ends.len() * identity::SUFFIX;
    }
    Composed::build(namespaces, size, |out| {
        // RFC 3863 section 4.4: tuples, then notes, then elements of other namespaces.
        for pass in [0, 1, 2] {
            for (source, suffix) in sorted.iter().zip(&suffixes) {
                write_pass(source.document, suffix, pass, out);
            }
        }
    })
}

/// A suffix for each source; they differ even if hashes or the sources' names do not.
fn suffixes(sources: &[&Source<'_>]) -> Vec<[u8; identity::SUFFIX]> {
    let mut hashes: Vec<u64> = Vec::with_capacity(sources.len());
    for source in sources {
        let mut seed = 0;
        let mut hash = identity::hash(source.id.as_bytes(), seed);
        while hashes.contains(&hash) {
            seed += 1;
            hash = identity::hash(source.id.as_bytes(), seed);
        }
        hashes.push(hash);
    }
    hashes.into_iter().map(identity::suffix).collect()
}

fn pass_of(kind: Kind) -> u8 {
    match kind {
        Kind::Tuple => 0,
        Kind::Note => 1,
        Kind::Person | Kind::Device | Kind::Extension => 2,
    }
}

fn write_pass(document: &StoredDocument, suffix: &[u8], pass: u8, out: &mut Vec<u8>) {
    let mut id_ends = document.id_ends.iter().map(|end| *end as usize).peekable();
    for component in document.components() {
        let shown = pass_of(component.kind) == pass;
        let end = component.start + component.xml.len();
        let mut written = component.start;
        while let Some(id_end) = id_ends.next_if(|id_end| *id_end <= end) {
            if shown {
                out.extend_from_slice(document.text.get(written..id_end).unwrap_or_default());
                out.extend_from_slice(suffix);
                written = id_end;
            }
        }
        if shown {
            out.extend_from_slice(document.text.get(written..end).unwrap_or_default());
        }
    }
}
