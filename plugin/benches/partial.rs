//! What partial documents cost, natively: finding a difference and applying one.

// A bench measures time and may panic; the logic under test does neither.
#![allow(missing_docs, clippy::disallowed_methods, clippy::expect_used, clippy::panic)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rollcall_plugin::pidf::Limits;
use rollcall_plugin::pidf_diff::{Difference, full, publish};

const ENTITY: &str = "sip:alice@example.com";

/// A document of so many tuples in its kept form; the last one's status is `last`.
fn kept(tuples: usize, last: &str) -> Vec<u8> {
    let mut kept = b"\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\">".to_vec();
    for tuple in 1..=tuples {
        let basic = if tuple == tuples { last } else { "open" };
        let text = format!(
            "<tuple id=\"t{tuple}-abcdefghijklm\"><status><basic>{basic}</basic></status>\
             <contact priority=\"0.8\">sip:alice@192.0.2.{tuple}</contact><note>At my desk</note>\
             <timestamp>2026-01-01T00:00:00Z</timestamp></tuple>"
        );
        kept.extend_from_slice(text.as_bytes());
    }
    kept.extend_from_slice(b"</presence>");
    kept
}

fn documents(criterion: &mut Criterion) {
    for tuples in [1, 4, 32] {
        let (old, new) = (kept(tuples, "open"), kept(tuples, "closed"));
        let title = format!("difference of two documents of {} bytes", new.len());
        criterion.bench_function(&title, |bencher| {
            bencher.iter(|| Difference::between(black_box(&old), black_box(&new)));
        });
        let whole = full(&old, ENTITY, 1);
        let original = publish(&whole, || None, &Limits::DEFAULT).expect("a document").presence;
        let Some(difference) = Difference::between(&old, &new) else { continue };
        let difference = difference.render(ENTITY, 2);
        let title = format!("patch of {} bytes to {} bytes", difference.len(), original.len());
        criterion.bench_function(&title, |bencher| {
            bencher.iter(|| publish(black_box(&difference), || Some(original.clone()), &Limits::DEFAULT));
        });
    }
}

criterion_group!(benches, documents);
criterion_main!(benches);
