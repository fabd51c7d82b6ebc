//! Records of a kind: how many there are, and the first of them.

use serde::Serialize;

use crate::ports::Entry;
use crate::step::Step;

/// Records read at a time.
const PAGE: u32 = 500;

/// Records of a kind, bounded.
#[derive(Clone, Debug, Serialize)]
pub struct Listing<T> {
    /// How many there are.
    pub total: usize,
    /// False if there are more than were counted.
    pub complete: bool,
    /// The first of them, in no order that means anything.
    pub list: Vec<T>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { total: 0, complete: true, list: Vec::new() }
    }
}

impl<T> Listing<T> {
    /// Counts one more, and shows it if fewer than `shown` are.
    pub fn add(&mut self, shown: usize, item: impl FnOnce() -> T) {
        self.total += 1;
        if self.list.len() < shown {
            self.list.push(item());
        }
    }
}

/// Hands the records of a kind to `each`, about `most` at the most. False if there are more.
pub fn walk(step: &mut Step<'_>, kind: u8, most: usize, mut each: impl FnMut(&mut Step<'_>, &Entry)) -> bool {
    let mut after: Option<Vec<u8>> = None;
    let mut seen = 0;
    loop {
        let page = step.host.scan(&[kind], after.as_deref(), PAGE);
        let Some((last, _)) = page.last() else { return true };
        if seen >= most {
            return false;
        }
        for entry in &page {
            each(step, entry);
        }
        seen += page.len();
        after = Some(last.clone());
    }
}
