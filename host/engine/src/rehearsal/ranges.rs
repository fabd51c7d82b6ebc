//! Ranges of keys that are known in full.
//!
//! Invariant: the ranges are in order, not empty, and do not touch each other.

use super::blob::Blob;
use serde::{Deserialize, Serialize};

/// Keys from `start` on, up to but not including `end`; without `end`, all from `start` on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Range {
    start: Blob,
    end: Option<Blob>,
}

/// Parts of a partition whose every key is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ranges(Vec<Range>);

impl Ranges {
    /// Adds a range: from `start` on up to but not including `end`.
    pub fn add(&mut self, start: Vec<u8>, end: Option<Vec<u8>>) {
        let mut added = Range { start: start.into(), end: end.map(Blob::from) };
        if added.is_empty() {
            return;
        }
        self.0.retain(|known| {
            let apart = known.ends_before(&added.start) || added.ends_before(&known.start);
            if !apart {
                added.take(known);
            }
            apart
        });
        let at = self.0.partition_point(|known| known.start < added.start);
        self.0.insert(at, added);
    }

    /// Whether a key lies in a known range.
    pub fn has(&self, key: &[u8]) -> bool {
        self.0.iter().any(|range| *range.start <= *key && range.goes_beyond(key))
    }

    /// Whether every key from `start` on up to but not including `end` is known.
    pub fn cover(&self, start: &[u8], end: Option<&[u8]>) -> bool {
        let wanted = Range { start: start.into(), end: end.map(Blob::from) };
        // Ranges that touch are one, so a single one has to do.
        let covers = |known: &Range| known.start <= wanted.start && !known.ends_within(&wanted);
        wanted.is_empty() || self.0.iter().any(covers)
    }
}

impl Range {
    fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// Whether there is a gap between the end of this and `start`.
    fn ends_before(&self, start: &Blob) -> bool {
        self.end.as_ref().is_some_and(|end| end < start)
    }

    fn goes_beyond(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| **end > *key)
    }

    /// Whether this ends before the other does.
    fn ends_within(&self, other: &Range) -> bool {
        match (&self.end, &other.end) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(own), Some(other)) => own < other,
        }
    }

    /// Takes in another range, which overlaps or touches this one.
    fn take(&mut self, other: &Range) {
        if other.start < self.start {
            self.start = other.start.clone();
        }
        if self.ends_within(other) {
            self.end.clone_from(&other.end);
        }
    }
}

/// The first key behind a key.
pub(crate) fn behind(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// The first key behind all that start with a prefix; none if nothing is.
pub(crate) fn behind_all(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn end() -> impl Strategy<Value = Option<u8>> {
        prop_oneof![4 => (0..=40_u8).prop_map(Some), 1 => Just(None)]
    }

    proptest! {
        #[test]
        fn ranges_know_what_was_added_and_nothing_else(
            added in vec((0..40_u8, end()), 0..8),
            (start, stop) in (0..40_u8, end()),
        ) {
            let mut ranges = Ranges::default();
            let mut known = BTreeSet::new();
            for (start, end) in added {
                ranges.add(vec![start], end.map(|end| vec![end]));
                known.extend(start..end.unwrap_or(60));
            }
            for key in 0..60_u8 {
                prop_assert_eq!(ranges.has(&[key]), known.contains(&key), "{}", key);
            }
            let covered = (start..stop.unwrap_or(60)).all(|key| known.contains(&key));
            let stop = stop.map(|stop| vec![stop]);
            prop_assert_eq!(ranges.cover(&[start], stop.as_deref()), covered);
        }

        #[test]
        fn what_starts_with_a_prefix_lies_before_what_is_behind_all(prefix in vec(any::<u8>(), 0..4), rest in vec(any::<u8>(), 0..3)) {
            let key = [prefix.clone(), rest].concat();
            match behind_all(&prefix) {
                Some(end) => {
                    prop_assert!(key < end);
                    prop_assert!(!end.starts_with(&prefix));
                }
                None => prop_assert!(prefix.iter().all(|byte| *byte == 255)),
            }
            prop_assert!(behind(&key) > key);
        }
    }
}
