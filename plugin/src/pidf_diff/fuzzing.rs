//! Entries for fuzzers.

use crate::pidf::{Limits, read};

/// Publishes what stands before a zero byte in `data`, then what stands after it as a change. What
/// is kept can be read by all who read it.
///
/// # Panics
/// If it cannot, which is what the fuzzer looks for.
pub fn publish(data: &[u8]) {
    let mut bodies = data.splitn(2, |byte| *byte == 0);
    let (first, second) = (bodies.next().unwrap_or_default(), bodies.next().unwrap_or_default());
    let Ok(original) = super::publish(first, || None, &Limits::DEFAULT) else { return };
    let _ = read(&original.presence, &Limits::DEFAULT);
    if let Err(error) = super::publish(second, || Some(original.presence), &Limits::DEFAULT) {
        assert_ne!(error, super::PartialError::Damaged);
    }
}
