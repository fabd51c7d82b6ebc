//! Entries for fuzzers.

use super::{Held, Notified};
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

/// Notifies a watcher of what stands before a zero byte in `data`, then of what stands after it. What it holds
/// then can be read by all who read it.
///
/// # Panics
/// If it cannot, which is what the fuzzer looks for.
pub fn notified(data: &[u8]) {
    let mut bodies = data.splitn(2, |byte| *byte == 0);
    let (first, second) = (bodies.next().unwrap_or_default(), bodies.next().unwrap_or_default());
    let first = super::notified(first, &Held::default(), &Limits::DEFAULT);
    let Ok(Notified::Document { presence, version }) = first else { return };
    let _ = read(&presence, &Limits::DEFAULT);
    let held = Held { version, presence: Some(&presence) };
    match super::notified(second, &held, &Limits::DEFAULT) {
        Ok(Notified::Document { presence, .. }) => {
            let _ = read(&presence, &Limits::DEFAULT);
        }
        Ok(Notified::Old | Notified::Gap) => {}
        Err(error) => assert_ne!(error, super::PartialError::Damaged),
    }
}
