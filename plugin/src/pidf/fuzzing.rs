//! Entries for fuzzers.

use super::{Limits, StoredDocument};

/// Reads anything; what is read comes back from its kept form.
///
/// # Panics
/// If it does not, which is what the fuzzer looks for.
pub fn read(data: &[u8]) {
    if let Ok(document) = super::read(data, &Limits::DEFAULT) {
        let kept = document.content.to_bytes();
        assert_eq!(StoredDocument::from_bytes(&kept), Some(document.content));
    }
}
