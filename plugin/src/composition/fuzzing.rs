//! Entries for fuzzers.

use super::{Assembly, Composed, Policy, Rule, Source};
use crate::pidf::{Limits, StoredDocument, read};

const RULES: [Rule; 4] = [Rule::All, Rule::Newest, Rule::Merge, Rule::MergeNewest];

/// Composes the documents in `data`, a zero byte between them, under each rule: the order
/// makes no difference, changing one after the other comes to the same as composing all at
/// once, and the outcome is read again, without loss of a component where none is merged.
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
    for (former, document) in documents.iter().zip(documents.iter().skip(1)) {
        let mut dated = document.clone();
        dated.date_against(former, NOW);
        let count = |document: &StoredDocument| document.components().count();
        assert_eq!(count(&dated), count(document));
        check(&[dated, former.clone()], &Policy::DEFAULT, NOW);
    }
    let parts: usize = documents.iter().map(|document| document.components().count()).sum();
    for rule in RULES {
        // By this time some of what ends by itself is over, and some is not.
        let composed = check(&documents, &Policy { tuples: rule, persons: rule, devices: rule }, NOW);
        let unlimited = Limits {
            bytes: usize::MAX,
            elements: usize::MAX,
            namespaces: usize::MAX,
            components: usize::MAX,
            attributes: usize::MAX,
            ..Limits::DEFAULT
        };
        let again = read(&composed.render("sip:a@example.com"), &unlimited);
        let left = again.map(|document| document.content.components().count());
        match rule {
            Rule::All => assert_eq!(left, Ok(parts)),
            _ => assert!(left.is_ok_and(|left| left <= parts)),
        }
    }
}

/// 2005-08-15T17:00:00Z, when the examples of the RFCs were written.
const NOW: u64 = 1_124_125_200_000;

fn check(documents: &[StoredDocument], policy: &Policy, now: u64) -> Composed {
    let source =
        |(document, number)| Source { id: number, order: number / 2, published: number % 3, document };
    let mut sources: Vec<Source<'_>> = documents.iter().zip(0..).map(source).collect();
    let at_once = super::assemble(&sources, policy, now);
    sources.reverse();
    assert_eq!(super::assemble(&sources, policy, now), at_once);

    // One after the other, each first with what the next one says, and one taken out again.
    let mut assembled = super::assemble(&[], policy, now);
    let mut step = |put: &[Source<'_>], gone: Option<u64>, now: u64| {
        let composed = assembled.composed.as_bytes().to_vec();
        let former = Assembly::load(&assembled.index, &composed, policy);
        let next = former.map(|former| former.update(policy, put, gone, now));
        assert!(next.is_some(), "what was kept comes back");
        assembled = next.unwrap_or_else(|| assembled.clone());
        assembled.clone()
    };
    for (source, next) in sources.iter().zip(sources.iter().cycle().skip(1)) {
        step(&[Source { document: next.document, published: 0, ..*source }], None, 0);
    }
    if let Some(first) = sources.first() {
        step(&[Source { id: u64::MAX, ..*first }], None, 0);
    }
    for source in &sources {
        step(&[*source], None, now);
    }
    assert_eq!(step(&[], Some(u64::MAX), now), at_once);
    assert_eq!(step(&[], None, now), at_once, "nothing happens");
    at_once.composed
}
