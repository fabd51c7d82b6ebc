//! Entries for fuzzers.

use super::Source;
use crate::pidf::{Limits, StoredDocument, read};

/// Composes the documents in `data`, a zero byte between them: the order makes no
/// difference, and the outcome is read again without loss of a tuple.
///
/// # Panics
/// If that does not hold, which is what the fuzzer looks for.
pub fn compose(data: &[u8]) {
    let documents: Vec<StoredDocument> = data
        .split(|byte| *byte == 0)
        .take(8)
        .filter_map(|body| read(body, &Limits::DEFAULT).ok())
        .map(|document| document.content)
        .collect();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut sources: Vec<Source<'_>> =
        documents.iter().zip(names).map(|(document, id)| Source { id, order: 0, document }).collect();
    let composed = super::compose(&sources);
    sources.reverse();
    assert_eq!(super::compose(&sources), composed);
    let unlimited = Limits {
        bytes: usize::MAX,
        elements: usize::MAX,
        namespaces: usize::MAX,
        components: usize::MAX,
        attributes: usize::MAX,
        ..Limits::DEFAULT
    };
    let again = read(&composed.render("sip:a@example.com"), &unlimited);
    let parts = documents.iter().map(|document| document.components().count()).sum();
    assert_eq!(again.map(|document| document.content.components().count()), Ok::<usize, _>(parts));
}
